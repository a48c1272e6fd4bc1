#include "job.h"

#include "json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { DELTA_BYTES = 4800, OUTPUT_RATE = 24000 };
enum { LEAST_BYTES = 9, MOST_BYTES = 1 << 20, LEAST_RATE = 8000, MOST_RATE = 48000 };
enum { MOST_SESSIONS = 100000, MOST_AT_ONCE = 1000, MOST_SECONDS = 3600, MOST_PORT = 65535 };

static const double LEAST_SECONDS = 1e-6;

static const char *const NAMES[] = {"kind", "speaker", "port",     "pids",   "course",   "seconds", "warm",
                                    "gap",  "pause",   "sessions", "window", "together", "bytes",   "output"};

static void check_names(struct span rest)
{
    const size_t count = sizeof NAMES / sizeof *NAMES;
    struct span name, value;
    while (json_next_member(&rest, &name, &value)) {
        size_t number = 0;
        while (number < count && !span_is(name, NAMES[number]))
            number++;
        if (number == count)
            fail("a job with '%.*s', which nobody knows, was received", (int)name.size, name.at);
    }
    if (rest.size > 1)
        fail("a job that goes on after its end was received");
}

static double number_within(struct span value, const char *name, double least, double most)
{
    double number = json_number(value);
    if (!(number >= least && number <= most)) /* which is so of what is no number, too */
        fail("a job whose %s is %.*s was received", name, (int)value.size, value.at);
    return number;
}

static double number_of(struct span line, const char *name, double otherwise, double least, double most)
{
    struct span value;
    return json_member(line, name, &value) ? number_within(value, name, least, most) : otherwise;
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
            party->pids[party->count++] = (pid_t)number_within(pid, "pids", 1, INT_MAX);
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
        job->course[place] = (int)number_within(number, "course", 0, INT_MAX);
}

struct job job_read(struct span line)
{
    check_names(line);
    struct job job = {
        .port = (int)number_of(line, "port", 0, 1, MOST_PORT),
        .seconds = number_of(line, "seconds", 1, LEAST_SECONDS, MOST_SECONDS),
        .warm = number_of(line, "warm", 0, 0, MOST_SECONDS),
        .gap = number_of(line, "gap", 0.02, LEAST_SECONDS, MOST_SECONDS),
        .pause = number_of(line, "pause", 0, 0, MOST_SECONDS),
        .sessions = (int)number_of(line, "sessions", 1, 1, MOST_SESSIONS),
        .window = (int)number_of(line, "window", 1, 1, MOST_AT_ONCE),
        .together = (int)number_of(line, "together", 1, 1, MOST_AT_ONCE),
        .bytes = (int)number_of(line, "bytes", DELTA_BYTES, LEAST_BYTES, MOST_BYTES),
        .output = (int)number_of(line, "output", OUTPUT_RATE, LEAST_RATE, MOST_RATE),
    };
    struct span value;
    read_word(line, "kind", job.kind);
    read_word(line, "speaker", job.speaker);
    if (json_member(line, "pids", &value))
        read_parties(&job, value);
    if (json_member(line, "course", &value))
        read_course(&job, value);
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
