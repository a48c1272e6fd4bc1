/* The load generator and the stub upstream in one process of one thread: prints the port of the upstream, which it
 * serves until its input ends; a job a line of JSON comes in, its figures go out as a line of JSON. */

#include "jobs.h"
#include "peer.h"
#include "upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct bytes input; /* jobs that have come in and are not done */
static bool is_over;

typedef void measurement(const struct job *job, struct bytes *figures);

static ssize_t take_input(struct peer *peer, char *data, size_t size)
{
    (void)peer;
    bytes_add(&input, data, size);
    return (ssize_t)size;
}

static void input_ended(struct peer *peer)
{
    free(peer);
    is_over = true;
}

static measurement *measure_of(const char *kind)
{
    static const struct {
        const char *kind;
        measurement *measure;
    } kinds[] = {{"turns", turns}, {"paced", paced}, {"live", live}, {"saturate", saturate}};
    for (size_t number = 0; number < sizeof kinds / sizeof *kinds; number++)
        if (!strcmp(kinds[number].kind, kind))
            return kinds[number].measure;
    fail("there is no job called '%s'", kind);
}

static void do_job(struct span line)
{
    struct bytes figures = {0};
    struct job job = job_read(line);
    measure_of(job.kind)(&job, &figures);
    printf("{\"figures\":{%.*s}}\n", (int)figures.size, figures.at);
    fflush(stdout);
    job_free(&job);
    bytes_free(&figures);
}

static void do_jobs(void)
{
    char *end;
    while (input.size && (end = memchr(input.at, '\n', input.size))) {
        struct bytes line = {0};
        size_t size = (size_t)(end - input.at) + 1;
        bytes_add(&line, input.at, size - 1);
        memmove(input.at, input.at + size, input.size - size);
        input.size -= size;
        do_job((struct span){line.at, line.size});
        bytes_free(&line);
    }
}

static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
    struct peer *jobs = allocate(1, sizeof *jobs);
    allow_many_files();
    loop_open();
    jobs->take = take_input;
    jobs->ended = input_ended;
    peer_begin(jobs, STDIN_FILENO);
    printf("%d\n", upstream_listen());
    fflush(stdout);
    while (!is_over) {
        loop_serve(NEVER);
        do_jobs();
    }
    loop_close();
    bytes_free(&input);
    return 0;
}
