/* The one loop: sockets that it reads and writes, and what is due at a time. */
#ifndef PEER_H
#define PEER_H

#include "bytes.h"

#include <sys/types.h>

#define SECOND INT64_C(1000000000)
#define NEVER INT64_MAX

struct peer {
    int fd;
    uint32_t watched;
    struct bytes rest;   /* received, but not whole yet */
    struct bytes unsent; /* not taken by the system yet */
    size_t unsent_from;
    /* Take what was received; returns how much of it, or -1 to end the connection. What is left comes again. */
    ssize_t (*take)(struct peer *peer, char *data, size_t size);
    /* Where it is set, called instead of reading. */
    void (*ready)(struct peer *peer);
    /* The connection has ended: free what holds the peer. */
    void (*ended)(struct peer *peer);
    struct peer *before, *after;
};

/* Return the monotonic time in nanoseconds. */
int64_t now(void);
int64_t nanoseconds(double seconds);

/* Serve a file descriptor, which the loop owns from now on. `take` and `ended` are set. */
void peer_begin(struct peer *peer, int fd);
/* Send what the system takes now; the rest goes first, as soon as it can. */
void peer_send(struct peer *peer, struct span data);
/* Make a socket one of the loop's: it does not block, and sends at once. */
void make_ready(int fd);

/* What is due by itself: does it, and returns when it wants to be called next. */
extern int64_t (*loop_do_what_is_due)(void);
void loop_open(void);
/* Wait until something is received or due, or until a time, and serve what there is. */
void loop_serve(int64_t until);
/* End every connection. */
void loop_close(void);

#endif
