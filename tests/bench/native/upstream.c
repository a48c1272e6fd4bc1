#include "upstream.h"

#include "link.h"
#include "websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BACKLOG = 1024 };

static const char BARE_PATH[] = "/bare";

/* Answer one frame; tells whether the connection goes on. */
static bool answer_frame(struct link *link, const struct frame *frame)
{
    struct span payload = {frame->payload, frame->size};
    if (frame->kind == FRAME_TEXT) {
        link_answer(link, payload);
    } else if (frame->kind == FRAME_BINARY) {
        link_hear(link, payload.size / 2 * 3); /* a client's 16 kHz, as bytes at 24 */
    } else if (frame->kind == FRAME_PING) {
        frame_add(&answers, FRAME_PONG, payload, false);
    } else if (frame->kind == FRAME_CLOSE) {
        frame_add(&answers, FRAME_CLOSE, (struct span){payload.at, payload.size < 2 ? payload.size : 2}, false);
        return false;
    }
    return true;
}

static void show_counters(void)
{
    char text[400];
    int size = snprintf(text, sizeof text,
                        "{\"sessions\":%lu,\"appends\":%lu,\"updates\":%lu,\"updates_in_response\":%lu,"
                        "\"responses\":%lu,\"collisions\":%lu,\"strangers\":%lu}",
                        counters.sessions, counters.appends, counters.updates, counters.updates_in_response,
                        counters.responses, counters.collisions, counters.strangers);
    bytes_print(&answers, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, text);
}

/* Answer the request that begins the connection; tells whether that goes on. */
static bool answer_request(struct link *link, struct span request)
{
    if (span_begins(request, "GET /counters ")) {
        show_counters();
        return false;
    }
    const char *path = memchr(request.at, ' ', request.size);
    link->is_open = true;
    link->is_bare = path && !strncmp(path + 1, BARE_PATH, sizeof BARE_PATH - 1);
    handshake_answer(&answers, request);
    link_begin(link);
    return true;
}

static ssize_t link_take(struct peer *peer, char *data, size_t size)
{
    struct link *link = (struct link *)peer;
    struct frame frame;
    size_t taken = 0, length;
    bool goes_on = true;
    if (!link->is_open) {
        taken = head_size(data, size);
        if (!taken)
            return 0;
        goes_on = answer_request(link, (struct span){data, taken});
    }
    while (goes_on && (length = frame_read(data + taken, size - taken, &frame))) {
        taken += length;
        goes_on = answer_frame(link, &frame);
    }
    link_echo(link);
    link_send(link);
    return goes_on ? (ssize_t)taken : -1;
}

static void link_ended(struct peer *peer)
{
    link_free((struct link *)peer);
}

static void accept_links(struct peer *listener)
{
    int fd;
    while ((fd = accept(listener->fd, NULL, NULL)) >= 0) {
        struct link *link = allocate(1, sizeof *link);
        link->peer.take = link_take;
        link->peer.ended = link_ended;
        link->due = NEVER;
        make_ready(fd);
        peer_begin(&link->peer, fd);
    }
    if (errno != EAGAIN && errno != ECONNABORTED)
        fail("a connection cannot be accepted: %s", strerror(errno));
}

static void listener_ended(struct peer *listener)
{
    free(listener);
    links_close();
}

int upstream_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct peer *listener = allocate(1, sizeof *listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        fail("the stub upstream cannot listen: %s", strerror(errno));
    make_ready(fd);
    listener->ready = accept_links;
    listener->ended = listener_ended;
    peer_begin(listener, fd);
    loop_do_what_is_due = links_speak;
    return ntohs(address.sin_port);
}
