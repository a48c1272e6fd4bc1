#include "link.h"

#include "json.h"
#include "websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Audio at 24 kHz in bytes of 16 bits a sample: 20 ms and 100 ms. */
enum { ECHO_BYTES = 960, SAY_BYTES = 4800, MOST_BYTES = 1 << 20 };
enum { STAMP_BYTES = 9 }; /* a time in 8 bytes, and one more that makes whole letters of it */

static const char APPEND[] = "{\"type\":\"input_audio_buffer.append\",\"audio\":\"", APPEND_END[] = "\"}";

struct counters counters;
struct bytes answers;

static struct bytes event; /* as it is built */
static struct link *soonest, *latest;

/* What is due. */

static void unschedule(struct link *link)
{
    if (link->due == NEVER)
        return;
    *(link->sooner ? &link->sooner->later : &soonest) = link->later;
    *(link->later ? &link->later->sooner : &latest) = link->sooner;
    link->due = NEVER;
}

/* Have the link called at a time: nearly always that is behind all others. */
static void schedule(struct link *link, int64_t due)
{
    unschedule(link);
    struct link *sooner = latest;
    while (sooner && sooner->due > due)
        sooner = sooner->sooner;
    link->due = due;
    link->sooner = sooner;
    link->later = sooner ? sooner->later : soonest;
    *(sooner ? &sooner->later : &soonest) = link;
    *(link->later ? &link->later->sooner : &latest) = link;
}

/* Events. */

static void event_begin(struct link *link, const char *type)
{
    event.size = 0;
    bytes_print(&event, "{\"type\":\"%s\",\"event_id\":\"event_%u\"", type, ++link->names);
}

static void event_end(void)
{
    bytes_add(&event, "}", 1);
    frame_add(&answers, FRAME_TEXT, (struct span){event.at, event.size}, false);
}

static void add_place(struct link *link)
{
    bytes_print(&event, ",\"response_id\":\"resp_%u\",\"item_id\":\"item_%u\",\"output_index\":0,\"content_index\":0",
                link->response, link->response);
}

static void add_response(struct link *link, const char *status)
{
    struct span metadata = {link->metadata.at, link->metadata.size};
    bytes_print(&event, ",\"response\":{\"object\":\"realtime.response\",\"id\":\"resp_%u\",\"status\":\"%s\"",
                link->response, status);
    bytes_print(&event, ",\"status_details\":null,\"output\":[],\"conversation_id\":\"conv_1\"");
    bytes_print(&event, ",\"output_modalities\":[\"audio\"],\"metadata\":");
    bytes_add_span(&event, metadata.size ? metadata : span_of("null"));
    bytes_add(&event, "}", 1);
}

static void add_assistant_item(struct link *link)
{
    bytes_print(&event, ",\"item\":{\"id\":\"item_%u\",\"type\":\"message\",\"role\":\"assistant\"", link->response);
    bytes_print(&event, ",\"status\":\"in_progress\",\"content\":[]}");
}

static void show_session(struct link *link, const char *type)
{
    event_begin(link, type);
    bytes_print(&event, ",\"session\":");
    bytes_add(&event, link->session.at, link->session.size);
    event_end();
}

static void say_begun(struct link *link)
{
    event_begin(link, "response.created");
    add_response(link, "in_progress");
    event_end();
    event_begin(link, "response.output_item.added");
    bytes_print(&event, ",\"response_id\":\"resp_%u\",\"output_index\":0", link->response);
    add_assistant_item(link);
    event_end();
    event_begin(link, "conversation.item.added");
    bytes_print(&event, ",\"previous_item_id\":null");
    add_assistant_item(link);
    event_end();
    event_begin(link, "response.content_part.added");
    add_place(link);
    bytes_print(&event, ",\"part\":{\"type\":\"audio\"}");
    event_end();
}

static void say_finished(struct link *link)
{
    event_begin(link, "response.output_audio.done");
    add_place(link);
    event_end();
    event_begin(link, "response.output_audio_transcript.done");
    add_place(link);
    bytes_print(&event, ",\"transcript\":\"That is what I say.\"");
    event_end();
    event_begin(link, "response.done");
    add_response(link, "completed");
    event_end();
    link->response = 0;
}

/* Audio. */

/* Audio of a size, with nothing where a time goes, and the same as base64; built when it is another than the last. */
struct tone {
    struct bytes audio, letters;
};

static struct tone tone;

static const struct tone *tone_of(size_t size)
{
    if (size < STAMP_BYTES || size > MOST_BYTES)
        fail("a delta cannot have %zu bytes", size);
    if (tone.audio.size == size)
        return &tone;
    tone.audio.size = tone.letters.size = 0;
    bytes_reserve(&tone.audio, size);
    for (size_t place = 0; place < size; place++)
        tone.audio.at[place] = place < STAMP_BYTES ? 0 : (char)place;
    tone.audio.size = size;
    base64_add(&tone.letters, tone.audio.at, size);
    return &tone;
}

/* Build the frame with audio of so many bytes, the first of which are left to a stamp. */
static void build_delta(struct link *link, size_t size)
{
    const struct tone *said = tone_of(size);
    struct bytes *delta = &link->delta;
    delta->size = 0;
    if (link->is_bare) {
        frame_add(delta, FRAME_BINARY, (struct span){said->audio.at, size}, false);
        link->stamp_at = delta->size - size;
        return;
    }
    event_begin(link, "response.output_audio.delta");
    add_place(link);
    bytes_print(&event, ",\"delta\":\"");
    bytes_add(&event, said->letters.at, said->letters.size);
    bytes_print(&event, "\"}");
    frame_add(delta, FRAME_TEXT, (struct span){event.at, event.size}, false);
    link->stamp_at = delta->size - said->letters.size - 2;
}

/* Answer with the delta, with the time in it. */
static void say_delta(struct link *link)
{
    int64_t time = now();
    unsigned char stamp[STAMP_BYTES] = {0};
    for (int place = 0; place < 8; place++)
        stamp[place] = (unsigned char)(time >> (56 - 8 * place));
    if (link->is_bare) {
        memcpy(link->delta.at + link->stamp_at, stamp, sizeof stamp);
    } else {
        event.size = 0;
        base64_add(&event, stamp, sizeof stamp);
        memcpy(link->delta.at + link->stamp_at, event.at, event.size);
    }
    bytes_add(&answers, link->delta.at, link->delta.size);
}

void link_echo(struct link *link)
{
    if (!link->response || !link->is_echo)
        return;
    for (uint64_t due = link->heard / ECHO_BYTES; link->said < due; link->said++)
        bytes_add(&answers, link->delta.at, link->delta.size);
}

void link_send(struct link *link)
{
    if (answers.size)
        peer_send(&link->peer, (struct span){answers.at, answers.size});
    answers.size = 0;
}

int64_t links_speak(void)
{
    while (soonest && soonest->due <= now()) {
        struct link *link = soonest;
        int64_t next = link->due + link->gap; /* by the plan, not by the clock: a late one does not delay the next */
        unschedule(link);
        if (link->left > 0) {
            for (int said = 0; said < link->together && link->left > 0; said++, link->left--)
                say_delta(link);
            schedule(link, next);
        } else {
            say_finished(link);
        }
        link_send(link);
    }
    return soonest ? soonest->due : NEVER;
}

/* What clients say. */

static void update_session(struct link *link, struct span said)
{
    struct span patch;
    if (!json_member(said, "session", &patch))
        fail("a session.update without a session was received");
    struct bytes merged = {0};
    json_merge(&merged, (struct span){link->session.at, link->session.size}, patch);
    bytes_free(&link->session);
    link->session = merged;
    counters.updates++;
    counters.updates_in_response += link->response != 0;
    show_session(link, "session.updated");
}

static void show_item(struct link *link, const char *type, struct span item)
{
    event_begin(link, type);
    bytes_print(&event, ",\"previous_item_id\":null,\"item\":");
    json_merge(&event, item, span_of("{\"object\":\"realtime.item\",\"status\":\"completed\"}"));
    event_end();
}

static void add_item(struct link *link, struct span said)
{
    struct span item, content, part, words;
    if (!json_member(said, "item", &item) || !json_member(item, "content", &content) || !json_first(content, &part) ||
        !json_member(part, "text", &words))
        fail("an item without a text was received: %.*s", (int)said.size, said.at);
    link->words.size = 0;
    bytes_print(&link->words, "%.*s", (int)json_text(words).size, json_text(words).at);
    show_item(link, "conversation.item.added", item);
    show_item(link, "conversation.item.done", item);
}

static void refuse_response(struct link *link, struct span said)
{
    struct span id = span_of("null");
    json_member(said, "event_id", &id);
    counters.collisions++;
    event_begin(link, "error");
    bytes_print(&event, ",\"error\":{\"type\":\"invalid_request_error\"");
    bytes_print(&event, ",\"code\":\"conversation_already_has_active_response\",\"message\":\"Conversation already has "
                        "an active response in progress: resp_%u.\",\"event_id\":%.*s}",
                link->response, (int)id.size, id.at);
    event_end();
}

static void begin_response(struct link *link, struct span said)
{
    int count, gap, size = SAY_BYTES;
    link->together = 1;
    struct span metadata = {0};
    link->metadata.size = 0;
    if (json_find(said, &metadata, "response", "metadata", NULL))
        bytes_add_span(&link->metadata, metadata);
    counters.responses++;
    link->response = ++link->names;
    say_begun(link);
    const char *words = link->words.at ? link->words.at : "";
    link->is_echo = !strcmp(words, "echo");
    if (link->is_echo) {
        link->heard = link->said = 0;
        build_delta(link, ECHO_BYTES);
        say_delta(link); /* says that it is time to speak */
        return;
    }
    if (sscanf(words, "say %d %d %d %d", &count, &gap, &size, &link->together) < 2 || link->together < 1)
        fail("the stub upstream has no answer to '%s'", words);
    build_delta(link, (size_t)size);
    if (gap) {
        link->left = count;
        link->gap = (int64_t)gap * (SECOND / 1000);
        schedule(link, now());
        return;
    }
    while (count-- > 0)
        say_delta(link);
    say_finished(link);
}

void link_begin(struct link *link)
{
    static unsigned sessions;
    bytes_print(&link->session, "{\"type\":\"realtime\",\"object\":\"realtime.session\",\"id\":\"sess_%u\"}",
                ++sessions);
    counters.sessions++;
    show_session(link, "session.created");
}

void link_hear(struct link *link, size_t size)
{
    link->heard += size;
    counters.appends++;
}

void link_answer(struct link *link, struct span said)
{
    struct span type;
    if (span_begins(said, APPEND)) {
        size_t around = sizeof APPEND - 1 + sizeof APPEND_END - 1;
        if (said.size < around || memcmp(said.at + said.size - 2, APPEND_END, 2))
            fail("an append that ends otherwise than with its audio was received");
        link_hear(link, base64_size((struct span){said.at + sizeof APPEND - 1, said.size - around}));
        return;
    }
    if (!json_member(said, "type", &type))
        fail("an event without a type was received");
    type = json_text(type);
    if (span_is(type, "conversation.item.create"))
        add_item(link, said);
    else if (span_is(type, "response.create") && link->response)
        refuse_response(link, said);
    else if (span_is(type, "response.create"))
        begin_response(link, said);
    else if (span_is(type, "session.update"))
        update_session(link, said);
    else if (!span_is(type, "conversation.item.truncate"))
        counters.strangers++;
}

void link_free(struct link *link)
{
    unschedule(link);
    bytes_free(&link->session);
    bytes_free(&link->words);
    bytes_free(&link->metadata);
    bytes_free(&link->delta);
    free(link);
}

void links_close(void)
{
    bytes_free(&answers);
    bytes_free(&event);
    bytes_free(&tone.audio);
    bytes_free(&tone.letters);
}
