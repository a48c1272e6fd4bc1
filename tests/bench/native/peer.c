#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 256 * 1024, EVENTS_AT_ONCE = 256 };

int64_t (*loop_do_what_is_due)(void);

static int poll_fd = -1;
static struct peer *first;
static struct bytes received;

int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

int64_t nanoseconds(double seconds)
{
    return (int64_t)(seconds * SECOND);
}

void make_ready(int fd)
{
    int yes = 1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void watch(struct peer *peer, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(poll_fd, operation, peer->fd, &event))
        fail("a socket cannot be watched: %s", strerror(errno));
    peer->watched = events;
}

void peer_begin(struct peer *peer, int fd)
{
    peer->fd = fd;
    peer->before = NULL;
    peer->after = first;
    if (first)
        first->before = peer;
    first = peer;
    watch(peer, EPOLL_CTL_ADD, EPOLLIN);
}

static void peer_end(struct peer *peer)
{
    if (peer->before)
        peer->before->after = peer->after;
    else
        first = peer->after;
    if (peer->after)
        peer->after->before = peer->before;
    close(peer->fd);
    bytes_free(&peer->rest);
    bytes_free(&peer->unsent);
    peer->ended(peer);
}

/* Return how much of it the system takes. What a peer that is gone would have got counts as taken: reading tells. */
static size_t send_some(struct peer *peer, const char *data, size_t size)
{
    ssize_t taken = send(peer->fd, data, size, MSG_NOSIGNAL);
    if (taken >= 0)
        return (size_t)taken;
    return errno == EAGAIN ? 0 : size;
}

static void send_unsent(struct peer *peer)
{
    struct bytes *unsent = &peer->unsent;
    peer->unsent_from += send_some(peer, unsent->at + peer->unsent_from, unsent->size - peer->unsent_from);
    if (peer->unsent_from < unsent->size)
        return;
    unsent->size = peer->unsent_from = 0;
    watch(peer, EPOLL_CTL_MOD, EPOLLIN);
}

void peer_send(struct peer *peer, struct span data)
{
    if (peer->unsent.size) {
        bytes_add_span(&peer->unsent, data);
        return;
    }
    size_t taken = send_some(peer, data.at, data.size);
    if (taken == data.size)
        return;
    bytes_add(&peer->unsent, data.at + taken, data.size - taken);
    watch(peer, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void receive(struct peer *peer)
{
    received.size = 0;
    bytes_reserve(&received, peer->rest.size + RECEIVE_BYTES);
    bytes_add(&received, peer->rest.at, peer->rest.size);
    ssize_t size = read(peer->fd, received.at + received.size, RECEIVE_BYTES);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size > 0) {
        received.size += (size_t)size;
        ssize_t taken = peer->take(peer, received.at, received.size);
        if (taken >= 0) {
            peer->rest.size = 0;
            bytes_add(&peer->rest, received.at + taken, received.size - (size_t)taken);
            return;
        }
    }
    peer_end(peer);
}

void loop_open(void)
{
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (poll_fd < 0)
        fail("the system has no epoll: %s", strerror(errno));
    prctl(PR_SET_TIMERSLACK, 1UL); /* wake to the microsecond, not 50 of them later */
}

void loop_serve(int64_t until)
{
    int64_t due = loop_do_what_is_due ? loop_do_what_is_due() : NEVER;
    if (due < until)
        until = due;
    struct epoll_event events[EVENTS_AT_ONCE];
    int64_t left = until == NEVER ? 0 : until - now();
    if (left < 0)
        left = 0;
    struct timespec timeout = {left / SECOND, left % SECOND};
    int count = epoll_pwait2(poll_fd, events, EVENTS_AT_ONCE, until == NEVER ? NULL : &timeout, NULL);
    if (count < 0 && errno != EINTR)
        fail("the system cannot wait: %s", strerror(errno));
    for (int number = 0; number < count; number++) {
        struct peer *peer = events[number].data.ptr;
        if (events[number].events & EPOLLOUT)
            send_unsent(peer);
        if (events[number].events == EPOLLOUT)
            continue;
        (peer->ready ? peer->ready : receive)(peer);
    }
}

void loop_close(void)
{
    while (first)
        peer_end(first);
    bytes_free(&received);
    close(poll_fd);
}
