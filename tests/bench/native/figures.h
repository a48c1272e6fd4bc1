/* What a stretch of time cost whom, and how long things took. */
#ifndef FIGURES_H
#define FIGURES_H

#include "job.h"

struct window {
    const struct job *job;
    int64_t begin;
    double machine, parties[PARTIES];
    bool is_open;
};

/* Look at the clocks of the machine and of a job's processes. */
void window_open(struct window *window, const struct job *job);
/* Look again, and add the figures of the time between, with those of each of `count` things. */
void window_close(struct window *window, struct bytes *figures, long count, const char *thing);

/* Times in nanoseconds. */
struct times {
    int64_t *at;
    size_t count, room;
};

void times_add(struct times *times, int64_t time);
/* Add their percentiles in milliseconds, as NAME_p50 and so on. Fails when there are none. */
void times_spread(struct times *times, struct bytes *figures, const char *name);
void times_free(struct times *times);

#endif
