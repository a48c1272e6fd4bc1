/* What the load generator is asked to do: one line of JSON. */
#ifndef JOB_H
#define JOB_H

#include "bytes.h"

#include <sys/types.h>

enum { PARTIES = 4, PARTY_PIDS = 32, NAME_BYTES = 24 };

/* Processes whose CPU time is told under one name. */
struct party {
    char name[NAME_BYTES];
    pid_t pids[PARTY_PIDS];
    int count;
};

struct job {
    char kind[NAME_BYTES], speaker[NAME_BYTES];
    int port;
    struct party parties[PARTIES];
    int party_count;
    double seconds, warm; /* how long it is measured, and how long not, before */
    double gap, pause;    /* seconds between frames, and between a turn's end and the next one */
    int sessions, window; /* window: frames under way in each session */
    int together;         /* deltas that are due at once in paced speech */
    int bytes;            /* of audio in a delta, at 24 kHz */
    int output;           /* sample rate that clients want to hear */
    int *course;          /* deltas of 20 ms that answer the first so many frames; after them, one for each */
    int course_count;
};

struct job job_read(struct span line);
void job_free(struct job *job);
/* Return how many deltas answer so many frames of a session. */
int job_deltas(const struct job *job, int frames);

#endif
