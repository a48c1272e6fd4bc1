/* The measurements: each does a job, and adds its figures. What fails ends the process. */
#ifndef JOBS_H
#define JOBS_H

#include "job.h"

enum { ANSWER_SECONDS = 20 }; /* how long to wait for what is still under way at the end */

/* A question and its answer of one delta, again and again in every session. */
void turns(const struct job *job, struct bytes *figures);
/* Answers of `together` deltas every 100 ms in every session; no answer begins or ends while it is measured. */
void paced(const struct job *job, struct bytes *figures);
/* A frame each `gap` seconds in every session, each in its own phase. */
void live(const struct job *job, struct bytes *figures);
/* As many frames as come back, with so many under way in every session. */
void saturate(const struct job *job, struct bytes *figures);

#endif
