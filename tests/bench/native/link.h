/* A connection to the stub upstream: a Realtime session, and what it says. */
#ifndef LINK_H
#define LINK_H

#include "peer.h"

struct counters {
    unsigned long sessions, appends, updates, updates_in_response, responses, collisions, strangers;
};

extern struct counters counters;

struct link {
    struct peer peer;
    bool is_open, is_bare; /* bare: audio is binary, of a client's 16 kHz, and of ours at 24 */
    unsigned names;
    struct bytes session;  /* as it is shown */
    struct bytes words;    /* of the last user message */
    struct bytes metadata; /* of the response, as it was asked for */
    unsigned response;     /* in progress, or 0 */
    bool is_echo;
    uint64_t heard, said;  /* in bytes at 24 kHz, since the echo began */
    struct bytes delta;    /* the frame that is said, again and again */
    size_t stamp_at;       /* where its time goes */
    int left, together;    /* deltas of paced speech that are not due yet, and how many are due at once */
    int64_t due, gap;
    struct link *sooner, *later; /* of those that have something due */
};

/* What is said in answer to one read: frames that leave in one write. */
extern struct bytes answers;

/* Begin the session: answer with how it is. */
void link_begin(struct link *link);
/* Answer an event. */
void link_answer(struct link *link, struct span event);
/* Take so many bytes of audio at 24 kHz. */
void link_hear(struct link *link, size_t size);
/* Answer with what was heard and not said back yet, in whole deltas, if the response does that. */
void link_echo(struct link *link);
/* Send the answers. */
void link_send(struct link *link);
void link_free(struct link *link);

/* Say the paced speech that is due; returns when the next is. */
int64_t links_speak(void);
void links_close(void);

#endif
