#include "job.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>

enum { DELTA_BYTES = 4800, OUTPUT_RATE = 24000 };

static double number_of(struct span line, const char *name, double otherwise)
{
    struct span value;
    return json_member(line, name, &value) ? json_number(value) : otherwise;
}

static void text_of(struct span text, char *to)
{
    if (text.size >= NAME_BYTES)
        fail("'%.*s' is too long a name", (int)text.size, text.at);
    memcpy(to, text.at, text.size);
    to[text.size] = 0;
}

static void read_word(struct span line, const char *name, char *to)
{
    struct span value;
    if (!json_member(line, name, &value))
        fail("a job without a %s was received", name);
    text_of(json_text(value), to);
}

static void read_parties(struct job *job, struct span rest)
{
    struct span name, pids, pid;
    while (json_next_member(&rest, &name, &pids)) {
        if (job->party_count == PARTIES)
            fail("a job that looks at more than %d parties was received", PARTIES);
        struct party *party = &job->parties[job->party_count++];
        text_of(name, party->name);
        while (json_next(&pids, &pid)) {
            if (party->count == PARTY_PIDS)
                fail("%s has more than %d processes", party->name, PARTY_PIDS);
            party->pids[party->count++] = (pid_t)json_number(pid);
        }
    }
}

static void read_course(struct job *job, struct span rest)
{
    struct span number, again = rest;
    while (json_next(&again, &number))
        job->course_count++;
    job->course = allocate((size_t)job->course_count, sizeof *job->course);
    for (int place = 0; json_next(&rest, &number); place++)
        job->course[place] = (int)json_number(number);
}

struct job job_read(struct span line)
{
    struct job job = {
        .port = (int)number_of(line, "port", 0),
        .seconds = number_of(line, "seconds", 1),
        .warm = number_of(line, "warm", 0),
        .gap = number_of(line, "gap", 0.02),
        .pause = number_of(line, "pause", 0),
        .sessions = (int)number_of(line, "sessions", 1),
        .window = (int)number_of(line, "window", 1),
        .count = (int)number_of(line, "count", 1),
        .bytes = (int)number_of(line, "bytes", DELTA_BYTES),
        .output = (int)number_of(line, "output", OUTPUT_RATE),
    };
    struct span value;
    read_word(line, "kind", job.kind);
    read_word(line, "speaker", job.speaker);
    if (json_member(line, "pids", &value))
        read_parties(&job, value);
    if (json_member(line, "course", &value))
        read_course(&job, value);
    if (job.sessions < 1 || job.window < 1 || job.count < 1 || job.seconds <= 0)
        fail("a job in which nothing is to be done was received");
    return job;
}

void job_free(struct job *job)
{
    free(job->course);
}

int job_deltas(const struct job *job, int frames)
{
    if (frames <= job->course_count)
        return frames ? job->course[frames - 1] : 0;
    int known = job->course_count ? job->course[job->course_count - 1] : 0;
    return known + frames - job->course_count;
}
