/* The measurements. */
#ifndef JOBS_H
#define JOBS_H

#include "job.h"

/* Do a job, and add its figures. What fails ends the process. */
void jobs_do(const struct job *job, struct bytes *figures);

#endif
