#include "clients.h"

#include "json.h"
#include "websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { OPENING_AT_ONCE = 32, STAMP_BYTES = 8 };

static const int64_t OPEN_WITHIN = 30 * SECOND, CLOSE_WITHIN = 10 * SECOND;
static const char DELTA[] = "{\"type\":\"response.output_audio.delta\"";

/* What clients of a kind send and wait for. */
struct speaker {
    const char *name, *path, *ready, *end;
    bool is_agent;  /* speaks the Voice Agent's words, else the Realtime API's */
    bool is_direct; /* its audio is in the Realtime API's events, else in binary messages */
};

static const struct speaker SPEAKERS[] = {
    {"voice agent", "/openai", "SettingsApplied", "AgentAudioDone", .is_agent = true},
    {"relayed", "/bare", "session.updated", "response.done", .is_agent = false},
    {"audio relayed", "/bare", "session.updated", "response.done", .is_agent = false},
    {"direct", "/v1/realtime", "session.updated", "response.done", .is_direct = true},
};

static const struct speaker *speaker_of(const char *name)
{
    for (size_t number = 0; number < sizeof SPEAKERS / sizeof *SPEAKERS; number++)
        if (!strcmp(SPEAKERS[number].name, name))
            return &SPEAKERS[number];
    fail("there is no speaker called '%s'", name);
}

/* What they send. */

static void add_text(struct bytes *out, const struct bytes *text)
{
    frame_add(out, FRAME_TEXT, (struct span){text->at, text->size}, true);
}

static void build_settings(struct clients *clients)
{
    struct bytes text = {0};
    bytes_print(&text, "{\"type\":\"Settings\",\"audio\":{\"input\":{\"encoding\":\"linear16\",\"sample_rate\":16000},");
    bytes_print(&text, "\"output\":{\"encoding\":\"linear16\",\"sample_rate\":%d}},", clients->job->output);
    bytes_print(&text, "\"agent\":{\"think\":{\"prompt\":\"Be brief.\"}}}");
    add_text(&clients->opening, &text);
    bytes_free(&text);
}

static void build_realtime(struct clients *clients)
{
    struct bytes text = {0};
    bytes_print(&text, "{\"type\":\"session.update\",\"session\":{\"type\":\"realtime\",\"instructions\":\"Be brief.\"}}");
    add_text(&clients->update, &text);
    text.size = 0;
    bytes_print(&text, "{\"type\":\"response.create\",\"response\":{\"metadata\":{\"client_event_id\":\"event_1\"}}}");
    add_text(&clients->create, &text);
    bytes_free(&text);
}

static void build_audio(struct clients *clients)
{
    bool is_direct = clients->speaker->is_direct;
    int16_t speech[HEARD_BYTES / 2];
    for (int number = 0; number < HEARD_BYTES / 2; number++)
        speech[number] = (int16_t)(8000 * sin(number / 7.0) + 3000 * sin(number / 1.7));
    if (!is_direct) {
        frame_add(&clients->audio, FRAME_BINARY, (struct span){(char *)speech, FRAME_BYTES}, true);
        return;
    }
    struct bytes text = {0};
    bytes_print(&text, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"");
    base64_add(&text, speech, sizeof speech);
    bytes_print(&text, "\"}");
    add_text(&clients->audio, &text);
    bytes_free(&text);
}

static void build_ask(struct clients *clients, const char *words)
{
    struct bytes text = {0};
    const char *form = "{\"type\":\"conversation.item.create\",\"event_id\":\"event_1\",\"item\":{\"type\":\"message\","
                       "\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"";
    if (clients->speaker->is_agent)
        bytes_print(&text, "{\"type\":\"InjectUserMessage\",\"content\":\"%s\"}", words);
    else
        bytes_print(&text, "%s%s\"}]}}", form, words);
    clients->ask.size = 0;
    add_text(&clients->ask, &text);
    bytes_free(&text);
}

void clients_will_ask(struct clients *clients, int count, int gap)
{
    struct bytes words = {0};
    bytes_print(&words, "say %d %d %d", count, gap, clients->job->bytes);
    build_ask(clients, words.at);
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
    client_send(client, &client->clients->ask);
}

void client_speak(struct client *client, int frames)
{
    static struct bytes several;
    const struct bytes *audio = &client->clients->audio;
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
        client_send(client, &clients->update);
    else if (span_is(type, "conversation.item.added") && is_user_item(event))
        client_send(client, &clients->create);
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
    if (client->clients->opening.size)
        client_send(client, &client->clients->opening);
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
    if (clients->speaker->is_agent)
        build_settings(clients);
    else
        build_realtime(clients);
    build_audio(clients);
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
    build_ask(clients, "echo");
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
    bytes_free(&clients->opening);
    bytes_free(&clients->update);
    bytes_free(&clients->create);
    bytes_free(&clients->audio);
    bytes_free(&clients->ask);
    free(clients->at);
}
