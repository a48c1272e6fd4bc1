#include "figures.h"

#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Linux builds the id of another process's CPU clock from its number (clock_getcpuclockid(3)). */
static double cpu_seconds(pid_t pid)
{
    struct timespec time;
    if (clock_gettime((clockid_t)((unsigned)~pid << 3 | 2), &time))
        fail("the CPU time of process %d cannot be read: %s", pid, strerror(errno));
    return (double)time.tv_sec + (double)time.tv_nsec / SECOND;
}

static double party_seconds(const struct party *party)
{
    double seconds = 0;
    for (int number = 0; number < party->count; number++)
        seconds += cpu_seconds(party->pids[number]);
    return seconds;
}

/* Return the CPU time of everything on the machine, the time stolen from it included. */
static double machine_seconds(void)
{
    unsigned long long user, nice, system, idle, wait, irq, soft, steal;
    FILE *file = fopen("/proc/stat", "r");
    if (!file || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &irq,
                        &soft, &steal) != 8)
        fail("/proc/stat cannot be read");
    fclose(file);
    return (double)(user + nice + system + irq + soft + steal) / (double)sysconf(_SC_CLK_TCK);
}

void window_open(struct window *window, const struct job *job)
{
    *window = (struct window){.job = job, .is_open = true, .begin = now(), .machine = machine_seconds()};
    for (int number = 0; number < job->party_count; number++)
        window->parties[number] = party_seconds(&job->parties[number]);
}

void window_close(struct window *window, struct bytes *figures, long count, const char *thing)
{
    const struct job *job = window->job;
    double seconds = (double)(now() - window->begin) / SECOND, others = machine_seconds() - window->machine;
    window->is_open = false;
    if (count <= 0)
        fail("nothing came back");
    bytes_print(figures, "\"seconds\":%.9f,\"%ss\":%ld,\"%ss_a_second\":%.6f", seconds, thing, count, thing,
                (double)count / seconds);
    for (int number = 0; number < job->party_count; number++) {
        const struct party *party = &job->parties[number];
        double used = party_seconds(party) - window->parties[number];
        others -= used;
        bytes_print(figures, ",\"%s_cpu\":%.9f,\"%s_us_a_%s\":%.6f", party->name, used / seconds, party->name, thing,
                    used / (double)count * 1e6);
    }
    bytes_print(figures, ",\"others\":%.6f", others > 0 ? others / seconds : 0.0);
}

void times_add(struct times *times, int64_t time)
{
    if (times->count == times->room) {
        times->room = times->room ? times->room * 2 : 1024;
        times->at = realloc(times->at, times->room * sizeof *times->at);
        if (!times->at)
            abort();
    }
    times->at[times->count++] = time;
}

static int by_length(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

void times_spread(struct times *times, struct bytes *figures, const char *name)
{
    static const int shares[] = {50, 95, 99};
    if (!times->count)
        fail("nothing was timed");
    qsort(times->at, times->count, sizeof *times->at, by_length);
    for (size_t number = 0; number < sizeof shares / sizeof *shares; number++) {
        size_t place = times->count * (size_t)shares[number] / 100;
        bytes_print(figures, ",\"%s_p%d\":%.6f", name, shares[number], (double)times->at[place] / 1e6);
    }
    bytes_print(figures, ",\"%s_most\":%.6f,\"%s_count\":%zu", name, (double)times->at[times->count - 1] / 1e6, name,
                times->count);
}

void times_free(struct times *times)
{
    free(times->at);
    *times = (struct times){0};
}
