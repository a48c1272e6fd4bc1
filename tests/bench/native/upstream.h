/* The stub upstream: as much of the Realtime API as the measurements need, as upstream.py serves it. */
#ifndef UPSTREAM_H
#define UPSTREAM_H

/* Serve on a port of this machine, which is returned. */
int upstream_listen(void);

#endif
