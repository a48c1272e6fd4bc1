#include "jobs.h"

#include "clients.h"

#include <math.h>
#include <stdlib.h>

enum { PACED_MS = 100, MOST_HELD_MS = 5 };
enum { MORE_PACED = 5 }; /* times at which something is said around the window */

/* Answers, again and again: each session asks anew when its answer has ended, after a pause. */

struct asking {
    struct clients *clients;
    struct window window;
    struct client **waiting; /* a ring: whose turn is next */
    int64_t *due;
    int from, count, busy;
    long ended; /* answers, while the window was open */
    struct times firsts, wholes;
};

static void ask_later(struct asking *asking, struct client *client, int64_t due)
{
    int place = (asking->from + asking->count++) % asking->clients->count;
    asking->waiting[place] = client;
    asking->due[place] = due;
}

/* Ask for those whose time has come; returns when the next one's comes. */
static int64_t ask_now(struct asking *asking)
{
    while (asking->count && asking->due[asking->from] <= now()) {
        client_ask(asking->waiting[asking->from]);
        asking->from = (asking->from + 1) % asking->clients->count;
        asking->count--;
        asking->busy++;
    }
    return asking->count ? asking->due[asking->from] : NEVER;
}

/* An answer has as much audio as was asked for: exactly, or within what a resampler may hold back. */
static void check_answer(const struct job *job, int deltas, int64_t heard)
{
    int64_t said = (int64_t)deltas * job->bytes * job->output / UPSTREAM_RATE;
    int64_t slack = job->output == UPSTREAM_RATE ? 0 : job->output * 2 * MOST_HELD_MS / 1000;
    if (llabs(heard - said) > slack)
        fail("an answer of %d deltas, %lld bytes, came as %lld bytes", deltas, (long long)said, (long long)heard);
}

static void answer_grew(struct client *client)
{
    struct asking *asking = client->clients->of_job;
    if (!client->ends)
        return;
    int64_t time = now();
    check_answer(client->clients->job, 1, client->heard);
    if (asking->window.is_open) {
        asking->ended++;
        times_add(&asking->firsts, client->heard_at - client->asked_at);
        times_add(&asking->wholes, time - client->asked_at);
    }
    client->ends = 0;
    asking->busy--;
    ask_later(asking, client, time + nanoseconds(client->clients->job->pause));
}

/* Ask until the time is over, then wait for what is still under way. */
static void keep_asking(struct asking *asking, struct bytes *figures)
{
    const struct job *job = asking->clients->job;
    int64_t begin = now() + nanoseconds(job->warm), end = begin + nanoseconds(job->seconds);
    bool is_over = false;
    while (!is_over || asking->busy) {
        int64_t time = now(), next = is_over ? NEVER : ask_now(asking);
        int64_t limit = end + ANSWER_SECONDS * SECOND;
        int64_t edge = is_over ? limit : !asking->window.is_open ? begin : asking->ended ? end : limit;
        if (time < edge) {
            loop_serve(next < edge ? next : edge);
        } else if (is_over) {
            fail("waited too long for answers");
        } else if (asking->window.is_open) {
            window_close(&asking->window, figures, asking->ended, "turn");
            is_over = true;
        } else {
            window_open(&asking->window, job);
        }
    }
}

void turns(const struct job *job, struct bytes *figures)
{
    struct clients clients = {.told = NULL};
    struct asking asking = {.clients = &clients};
    clients_open(&clients, job);
    clients_will_ask(&clients, 1, 0);
    clients.told = answer_grew;
    clients.of_job = &asking;
    asking.waiting = allocate((size_t)clients.count, sizeof(struct client *));
    asking.due = allocate((size_t)clients.count, sizeof *asking.due);
    for (int number = 0; number < clients.count; number++)
        ask_later(&asking, clients.at[number], now() + nanoseconds(job->pause) * number / clients.count);
    keep_asking(&asking, figures);
    times_spread(&asking.firsts, figures, "ms");
    times_spread(&asking.wholes, figures, "turn_ms");
    clients_close(&clients);
    times_free(&asking.firsts);
    times_free(&asking.wholes);
    free(asking.waiting);
    free(asking.due);
}

/* Speech in its own pace: a delta, or a burst of them, every 100 ms. */

static long deltas_heard(const struct clients *clients)
{
    int64_t heard = 0, delta = (int64_t)clients->job->bytes * clients->job->output / UPSTREAM_RATE;
    for (int number = 0; number < clients->count; number++)
        heard += clients->at[number]->heard;
    return (long)(heard / delta);
}

static int count_ends(const struct clients *clients)
{
    int ends = 0;
    for (int number = 0; number < clients->count; number++)
        ends += clients->at[number]->ends;
    return ends;
}

/* Have all asked, one after the other within the first 100 ms. */
static void ask_all(struct clients *clients, int64_t start)
{
    for (int number = 0; number < clients->count;) {
        int64_t due = start + PACED_MS * (SECOND / 1000) * number / clients->count;
        if (now() < due)
            loop_serve(due);
        else
            client_ask(clients->at[number++]);
    }
}

void paced(const struct job *job, struct bytes *figures)
{
    struct clients clients = {.told = NULL};
    struct times stamps = {0}, before = {0};
    struct window window;
    int count = ((int)lround((job->warm + job->seconds) * 1000 / PACED_MS) + MORE_PACED) * job->together;
    bool is_stamped = job->output == UPSTREAM_RATE;
    clients_open(&clients, job);
    clients_will_ask(&clients, count, PACED_MS);
    clients.stamps = is_stamped ? &before : NULL;
    int64_t start = now(), begin = start + PACED_MS * (SECOND / 1000) + nanoseconds(job->warm);
    int64_t end = begin + nanoseconds(job->seconds);
    ask_all(&clients, start);
    serve_until(begin);
    clients.stamps = is_stamped ? &stamps : NULL;
    long heard = deltas_heard(&clients);
    window_open(&window, job);
    serve_until(end);
    while (deltas_heard(&clients) == heard)
        serve_or_fail(end + ANSWER_SECONDS * SECOND, "speech");
    window_close(&window, figures, deltas_heard(&clients) - heard, "frame");
    clients.stamps = NULL;
    while (count_ends(&clients) < clients.count)
        serve_or_fail(end + ANSWER_SECONDS * SECOND, "speech to end");
    for (int number = 0; number < clients.count; number++)
        check_answer(job, count, clients.at[number]->heard);
    if (is_stamped)
        times_spread(&stamps, figures, "ms");
    clients_close(&clients);
    times_free(&stamps);
    times_free(&before);
}
