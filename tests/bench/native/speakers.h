/* What clients of a kind say and wait for. */
#ifndef SPEAKERS_H
#define SPEAKERS_H

#include "job.h"

/* Audio in bytes of 16 bits a sample: 20 ms of a client's at 16 kHz, and of upstream's at 24. */
enum { FRAME_BYTES = 640, HEARD_BYTES = 960, UPSTREAM_RATE = 24000 };

struct speaker {
    const char *name, *path, *ready, *end;
    bool is_agent;  /* speaks the Voice Agent's words, else the Realtime API's */
    bool is_direct; /* its audio is in the Realtime API's events, else in binary messages */
};

/* Frames that are built once: what is said first; the update and the request of one who speaks to the Realtime API;
 * one frame of audio; and the question. */
struct script {
    struct bytes opening, update, create, audio, ask;
};

const struct speaker *speaker_of(const char *name);
struct script script_of(const struct speaker *speaker, int output);
void script_ask(struct script *script, const struct speaker *speaker, const char *words);
void script_free(struct script *script);

#endif
