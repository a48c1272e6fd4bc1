/* The clients of one job: they begin, are told things, and end. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "figures.h"
#include "job.h"
#include "peer.h"
#include "speakers.h"

struct client {
    struct peer peer;
    struct clients *clients;
    int number;
    bool is_shaken, is_ready, is_closing;
    int64_t heard;            /* bytes of audio, since the last restart */
    int ends;                 /* answers that have ended */
    int sent, answered;       /* frames */
    int64_t *sent_at;         /* when each frame was sent, if that is of interest */
    int64_t asked_at, heard_at; /* of the answer under way; 0: not yet */
};

struct clients {
    const struct job *job;
    const struct speaker *speaker;
    struct client **at;
    int count, left; /* left: connections that have not ended */
    struct script script;
    void (*told)(struct client *client); /* called when a client was told something */
    void *of_job;                        /* for `told` */
    struct times *stamps;                /* how long stamped deltas took, if that is of interest */
};

/* Begin every session of a job, and wait until each is configured. */
void clients_open(struct clients *clients, const struct job *job);
/* Have each begin a response that says back what it hears, and wait until it does. */
void clients_open_speaking(struct clients *clients, const struct job *job);
/* End every session in order. */
void clients_close(struct clients *clients);
/* Have every later question ask for `count` deltas, the job's `together` each `gap` milliseconds, or all at once for 0. */
void clients_will_ask(struct clients *clients, int count, int gap);

void client_ask(struct client *client);
/* Send one frame of audio, or several in one write. */
void client_speak(struct client *client, int frames);
/* Return how many more frames are answered by what was heard. */
int client_advance(struct client *client);

void serve_until(int64_t time);
/* Serve what comes next. Fails when the deadline has passed. */
void serve_or_fail(int64_t deadline, const char *what);

#endif
