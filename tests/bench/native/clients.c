#include "clients.h"

#include "json.h"
#include "websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { OPENING_AT_ONCE = 32, STAMP_BYTES = 8 };

static const int64_t OPEN_WITHIN = 30 * SECOND, CLOSE_WITHIN = 10 * SECOND;
static const char DELTA[] = "{\"type\":\"response.output_audio.delta\"";

/* What they send. */

void clients_will_ask(struct clients *clients, int count, int gap)
{
    struct bytes words = {0};
    bytes_print(&words, "say %d %d %d %d", count, gap, clients->job->bytes, clients->job->together);
    script_ask(&clients->script, clients->speaker, words.at);
    bytes_free(&words);
}

static void client_send(struct client *client, const struct bytes *frames)
{
    peer_send(&client->peer, (struct span){frames->at, frames->size});
}

void client_ask(struct client *client)
{
    client->asked_at = now();
    client->heard = client->heard_at = client->ends = 0;
    client_send(client, &client->clients->script.ask);
}

void client_speak(struct client *client, int frames)
{
    static struct bytes several;
    const struct bytes *audio = &client->clients->script.audio;
    if (client->sent_at)
        for (int number = 0; number < frames; number++)
            client->sent_at[client->sent + number] = now();
    client->sent += frames;
    if (frames == 1) {
        client_send(client, audio);
        return;
    }
    several.size = 0;
    for (int number = 0; number < frames; number++)
        bytes_add(&several, audio->at, audio->size);
    client_send(client, &several);
}

int client_advance(struct client *client)
{
    int before = client->answered, deltas = (int)(client->heard / HEARD_BYTES);
    while (client->answered < client->sent && job_deltas(client->clients->job, client->answered + 1) <= deltas)
        client->answered++;
    return client->answered - before;
}

/* What they are told. */

/* Time the deltas that begin in this piece of audio: each begins with the time when it was sent. */
static void read_stamps(struct client *client, struct span audio, bool is_base64)
{
    size_t delta = (size_t)client->clients->job->bytes, size = is_base64 ? base64_size(audio) : audio.size;
    size_t into = (size_t)client->heard % delta;
    for (size_t place = into ? delta - into : 0; place < size; place += delta) {
        unsigned char stamp[STAMP_BYTES];
        int64_t sent = 0;
        if (is_base64 && !place)
            base64_read(audio, stamp, sizeof stamp);
        else if (!is_base64 && size - place >= sizeof stamp)
            memcpy(stamp, audio.at + place, sizeof stamp);
        else
            fail("a delta was cut where its time stands");
        for (size_t number = 0; number < sizeof stamp; number++)
            sent = (int64_t)((uint64_t)sent << 8 | stamp[number]);
        times_add(client->clients->stamps, now() - sent);
    }
}

static void hear(struct client *client, struct span audio, bool is_base64)
{
    if (client->clients->stamps)
        read_stamps(client, audio, is_base64);
    if (!client->heard_at)
        client->heard_at = now();
    client->heard += (int64_t)(is_base64 ? base64_size(audio) : audio.size);
}

static void hear_event(struct client *client, struct span event)
{
    struct span delta;
    if (!json_member(event, "delta", &delta))
        fail("a delta without audio was received");
    hear(client, json_text(delta), true);
}

static bool is_user_item(struct span event)
{
    struct span role;
    return json_find(event, &role, "item", "role", NULL) && span_is(json_text(role), "user");
}

static void reply_to_realtime(struct client *client, struct span type, struct span event)
{
    const struct clients *clients = client->clients;
    if (span_is(type, "session.created"))
        client_send(client, &clients->script.update);
    else if (span_is(type, "conversation.item.added") && is_user_item(event))
        client_send(client, &clients->script.create);
}

static void read_event(struct client *client, struct span event)
{
    const struct speaker *speaker = client->clients->speaker;
    struct span type;
    if (speaker->is_direct && span_begins(event, DELTA)) {
        hear_event(client, event);
        return;
    }
    if (!json_member(event, "type", &type))
        fail("a client was told something without a type");
    type = json_text(type);
    bool is_fault = speaker->is_agent ? span_is(type, "Error") || span_is(type, "Warning") : span_is(type, "error");
    if (is_fault && !client->is_closing)
        fail("a client was told: %.*s", (int)event.size, event.at);
    client->is_ready |= span_is(type, speaker->ready);
    client->ends += span_is(type, speaker->end);
    if (!speaker->is_agent)
        reply_to_realtime(client, type, event);
}

static void read_frame(struct client *client, const struct frame *frame)
{
    struct span payload = {frame->payload, frame->size};
    struct bytes pong = {0};
    if (frame->kind == FRAME_BINARY) {
        hear(client, payload, false);
    } else if (frame->kind == FRAME_TEXT) {
        read_event(client, payload);
    } else if (frame->kind == FRAME_PING) {
        frame_add(&pong, FRAME_PONG, payload, true);
        client_send(client, &pong);
        bytes_free(&pong);
    } else if (frame->kind == FRAME_CLOSE && !client->is_closing) {
        size_t code = payload.size < 2 ? 0 : (size_t)((unsigned char)payload.at[0] << 8 | (unsigned char)payload.at[1]);
        fail("a session was closed: %zu %.*s", code, (int)(code ? payload.size - 2 : 0), payload.at + 2);
    }
}

static void begin_speaking(struct client *client, struct span answer)
{
    if (!span_begins(answer, "HTTP/1.1 101 "))
        fail("a client was not let in: %.*s", (int)(strcspn(answer.at, "\r\n")), answer.at);
    client->is_shaken = true;
    if (client->clients->script.opening.size)
        client_send(client, &client->clients->script.opening);
}

static ssize_t client_take(struct peer *peer, char *data, size_t size)
{
    struct client *client = (struct client *)peer;
    struct frame frame;
    size_t taken = 0, length;
    if (!client->is_shaken) {
        taken = head_size(data, size);
        if (!taken)
            return 0;
        begin_speaking(client, (struct span){data, taken});
    }
    while ((length = frame_read(data + taken, size - taken, &frame))) {
        taken += length;
        read_frame(client, &frame);
    }
    if (client->clients->told && !client->is_closing)
        client->clients->told(client);
    return (ssize_t)taken;
}

/* How they begin and end. */

static void client_ended(struct peer *peer)
{
    struct client *client = (struct client *)peer;
    if (!client->is_closing)
        fail("a session was lost: its connection ended");
    client->clients->left--;
    client->clients->at[client->number] = NULL;
    free(client->sent_at);
    free(client);
}

static void begin(struct clients *clients)
{
    struct client *client = allocate(1, sizeof *client);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct bytes request = {0};
    address.sin_port = htons((uint16_t)clients->job->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        fail("a client cannot connect: %s", strerror(errno));
    make_ready(fd);
    client->clients = clients;
    client->number = clients->count;
    client->peer.take = client_take;
    client->peer.ended = client_ended;
    clients->at[clients->count++] = client;
    clients->left++;
    peer_begin(&client->peer, fd);
    handshake_ask(&request, clients->job->port, clients->speaker->path);
    client_send(client, &request);
    bytes_free(&request);
}

void serve_until(int64_t time)
{
    while (now() < time)
        loop_serve(time);
}

void serve_or_fail(int64_t deadline, const char *what)
{
    if (now() >= deadline)
        fail("waited too long for %s", what);
    loop_serve(deadline);
}

static int count_ready(const struct clients *clients)
{
    int ready = 0;
    for (int number = 0; number < clients->count; number++)
        ready += clients->at[number]->is_ready;
    return ready;
}

void clients_open(struct clients *clients, const struct job *job)
{
    clients->job = job;
    clients->speaker = speaker_of(job->speaker);
    clients->at = allocate((size_t)job->sessions, sizeof *clients->at);
    clients->script = script_of(clients->speaker, job->output);
    int64_t deadline = now() + OPEN_WITHIN;
    for (int ready = 0; ready < job->sessions; ready = count_ready(clients)) {
        while (clients->count < job->sessions && clients->count - ready < OPENING_AT_ONCE)
            begin(clients);
        serve_or_fail(deadline, "sessions to begin");
    }
}

void clients_open_speaking(struct clients *clients, const struct job *job)
{
    clients_open(clients, job);
    script_ask(&clients->script, clients->speaker, "echo");
    int64_t deadline = now() + OPEN_WITHIN;
    for (int number = 0; number < clients->count; number++)
        client_ask(clients->at[number]);
    for (int number = 0; number < clients->count; number++)
        while (clients->at[number]->heard < HEARD_BYTES)
            serve_or_fail(deadline, "responses to begin");
    for (int number = 0; number < clients->count; number++)
        clients->at[number]->heard = 0;
}

void clients_close(struct clients *clients)
{
    static const char normal[] = {(char)(1000 >> 8), (char)(1000 & 0xFF)};
    struct bytes goodbye = {0};
    int64_t deadline = now() + CLOSE_WITHIN;
    frame_add(&goodbye, FRAME_CLOSE, (struct span){normal, sizeof normal}, true);
    for (int number = 0; number < clients->count; number++) {
        clients->at[number]->is_closing = true;
        client_send(clients->at[number], &goodbye);
    }
    while (clients->left)
        serve_or_fail(deadline, "sessions to end");
    bytes_free(&goodbye);
    script_free(&clients->script);
    free(clients->at);
}
