#include "speakers.h"

#include "websocket.h"

#include <math.h>
#include <string.h>

static const struct speaker SPEAKERS[] = {
    {"voice agent", "/openai", "SettingsApplied", "AgentAudioDone", .is_agent = true},
    {"relayed", "/bare", "session.updated", "response.done", .is_agent = false},
    {"audio relayed", "/bare", "session.updated", "response.done", .is_agent = false},
    {"direct", "/v1/realtime", "session.updated", "response.done", .is_direct = true},
};

const struct speaker *speaker_of(const char *name)
{
    for (size_t number = 0; number < sizeof SPEAKERS / sizeof *SPEAKERS; number++)
        if (!strcmp(SPEAKERS[number].name, name))
            return &SPEAKERS[number];
    fail("there is no speaker called '%s'", name);
}

static void add_text(struct bytes *out, const struct bytes *text)
{
    frame_add(out, FRAME_TEXT, (struct span){text->at, text->size}, true);
}

static void build_settings(struct script *script, int output)
{
    struct bytes text = {0};
    bytes_print(&text, "{\"type\":\"Settings\",\"audio\":{");
    bytes_print(&text, "\"input\":{\"encoding\":\"linear16\",\"sample_rate\":16000},");
    bytes_print(&text, "\"output\":{\"encoding\":\"linear16\",\"sample_rate\":%d}},", output);
    bytes_print(&text, "\"agent\":{\"think\":{\"prompt\":\"Be brief.\"}}}");
    add_text(&script->opening, &text);
    bytes_free(&text);
}

static void build_realtime(struct script *script)
{
    struct bytes text = {0};
    bytes_print(&text, "{\"type\":\"session.update\",");
    bytes_print(&text, "\"session\":{\"type\":\"realtime\",\"instructions\":\"Be brief.\"}}");
    add_text(&script->update, &text);
    text.size = 0;
    bytes_print(&text, "{\"type\":\"response.create\",\"response\":{\"metadata\":{\"client_event_id\":\"event_1\"}}}");
    add_text(&script->create, &text);
    bytes_free(&text);
}

static void build_audio(struct script *script, bool is_direct)
{
    int16_t speech[HEARD_BYTES / 2];
    for (int number = 0; number < HEARD_BYTES / 2; number++)
        speech[number] = (int16_t)(8000 * sin(number / 7.0) + 3000 * sin(number / 1.7));
    if (!is_direct) {
        frame_add(&script->audio, FRAME_BINARY, (struct span){(char *)speech, FRAME_BYTES}, true);
        return;
    }
    struct bytes text = {0};
    bytes_print(&text, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"");
    base64_add(&text, speech, sizeof speech);
    bytes_print(&text, "\"}");
    add_text(&script->audio, &text);
    bytes_free(&text);
}

void script_ask(struct script *script, const struct speaker *speaker, const char *words)
{
    struct bytes text = {0};
    const char *form = "{\"type\":\"conversation.item.create\",\"event_id\":\"event_1\",\"item\":{\"type\":\"message\","
                       "\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"";
    if (speaker->is_agent)
        bytes_print(&text, "{\"type\":\"InjectUserMessage\",\"content\":\"%s\"}", words);
    else
        bytes_print(&text, "%s%s\"}]}}", form, words);
    script->ask.size = 0;
    add_text(&script->ask, &text);
    bytes_free(&text);
}

struct script script_of(const struct speaker *speaker, int output)
{
    struct script script = {0};
    if (speaker->is_agent)
        build_settings(&script, output);
    else
        build_realtime(&script);
    build_audio(&script, speaker->is_direct);
    return script;
}

void script_free(struct script *script)
{
    bytes_free(&script->opening);
    bytes_free(&script->update);
    bytes_free(&script->create);
    bytes_free(&script->audio);
    bytes_free(&script->ask);
}
