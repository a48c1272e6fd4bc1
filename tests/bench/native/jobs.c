#include "jobs.h"

#include "clients.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t ANSWER_WITHIN = 20 * SECOND;
enum { PACED_MS = 100, MOST_HELD_MS = 50 };

static int64_t nanoseconds(double seconds)
{
    return (int64_t)(seconds * SECOND);
}

/* Answers, again and again: each session asks anew when its answer has ended, after a pause. */

struct asking {
    struct clients *clients;
    struct window window;
    struct client **waiting; /* a ring: whose turn is next */
    int64_t *due;
    int from, count, busy;
    int deltas;   /* of an answer */
    long ended;   /* answers, while the window was open */
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
static void check_answer(const struct asking *asking, int64_t heard)
{
    const struct job *job = asking->clients->job;
    int64_t said = (int64_t)asking->deltas * job->bytes * job->output / UPSTREAM_RATE;
    int64_t slack = job->output == UPSTREAM_RATE ? 0 : job->output * 2 * MOST_HELD_MS / 1000;
    if (llabs(heard - said) > slack)
        fail("an answer of %d deltas, %lld bytes, came as %lld bytes", asking->deltas, (long long)said, (long long)heard);
}

static void answer_grew(struct client *client)
{
    struct asking *asking = client->clients->of_job;
    if (!client->ends)
        return;
    int64_t time = now();
    check_answer(asking, client->heard);
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
static void keep_asking(struct asking *asking, struct bytes *figures, const char *thing)
{
    const struct job *job = asking->clients->job;
    int64_t begin = now() + nanoseconds(job->warm), end = begin + nanoseconds(job->seconds);
    bool is_over = false;
    while (!is_over || asking->busy) {
        int64_t time = now(), next = is_over ? NEVER : ask_now(asking);
        int64_t edge = is_over ? end + ANSWER_WITHIN : asking->window.is_open ? end : begin;
        if (time < edge) {
            loop_serve(next < edge ? next : edge);
        } else if (is_over) {
            fail("waited too long for answers");
        } else if (asking->window.is_open) {
            window_close(&asking->window, figures, asking->ended * (strcmp(thing, "turn") ? asking->deltas : 1), thing);
            is_over = true;
        } else {
            window_open(&asking->window, job);
        }
    }
}

static void ask_closed_loop(const struct job *job, struct bytes *figures, int deltas, const char *thing)
{
    struct clients clients = {.told = NULL};
    struct asking asking = {.clients = &clients, .deltas = deltas};
    clients_open(&clients, job);
    clients_will_ask(&clients, deltas, 0);
    clients.told = answer_grew;
    clients.of_job = &asking;
    asking.waiting = allocate((size_t)clients.count, sizeof(struct client *));
    asking.due = allocate((size_t)clients.count, sizeof *asking.due);
    for (int number = 0; number < clients.count; number++)
        ask_later(&asking, clients.at[number], now() + nanoseconds(job->pause) * number / clients.count);
    keep_asking(&asking, figures, thing);
    bool is_turn = !strcmp(thing, "turn");
    times_spread(is_turn ? &asking.firsts : &asking.wholes, figures, "ms");
    if (is_turn)
        times_spread(&asking.wholes, figures, "turn_ms");
    clients_close(&clients);
    times_free(&asking.firsts);
    times_free(&asking.wholes);
    free(asking.waiting);
    free(asking.due);
}

static void turns(const struct job *job, struct bytes *figures)
{
    ask_closed_loop(job, figures, 1, "turn");
}

static void bursts(const struct job *job, struct bytes *figures)
{
    ask_closed_loop(job, figures, job->count, "frame");
}

/* Frames that are said back.
 *
 * A round trip is counted in audio: upstream says back as much as it heard, in deltas of 20 ms. The job's course tells
 * how many deltas answer the first so many frames, since a resampler holds back what it needs: with 1 ms held back,
 * the first frame completes no delta, and each later one the delta before. A frame's time is that from its sending to
 * the coming of the delta that it completes; one that completes none is not timed. What is held back shows in the
 * course, not in the times. */

static void wait_for_answers(struct clients *clients)
{
    const struct job *job = clients->job;
    int64_t deadline = now() + ANSWER_WITHIN;
    for (int number = 0; number < clients->count; number++) {
        struct client *client = clients->at[number];
        clients->told(client); /* a frame that completes no delta is answered without anything coming */
        while (client->answered < client->sent)
            serve_or_fail(deadline, "the last frames to be answered");
        long long heard = client->heard, said = (long long)job_deltas(job, client->sent) * HEARD_BYTES;
        if (heard != said)
            fail("a session of %d frames heard %lld bytes, and should have heard %lld", client->sent, heard, said);
    }
}

struct speaking {
    struct times times, late;
    int timed_from; /* the first frame of a session that is timed */
    long answered;  /* since the window was opened */
};

static void frame_answered(struct client *client)
{
    struct speaking *speaking = client->clients->of_job;
    const struct job *job = client->clients->job;
    int64_t time = now();
    int number = client->answered, end = number + client_advance(client);
    speaking->answered += end - number;
    for (; number < end; number++)
        if (number >= speaking->timed_from && job_deltas(job, number + 1) > job_deltas(job, number))
            times_add(&speaking->times, time - client->sent_at[number]);
}

/* Send each session's frames in its turn, evenly spread over the gap. */
static void speak_in_pace(struct clients *clients, struct window *window, long warm, long total)
{
    struct speaking *speaking = clients->of_job;
    const struct job *job = clients->job;
    double step = job->gap / clients->count;
    int64_t start = now();
    for (long number = 0; number < total;) {
        int64_t due = start + nanoseconds(step * (double)number), time = now();
        if (time < due) {
            loop_serve(due);
            continue;
        }
        if (number == warm) {
            speaking->answered = 0;
            window_open(window, job);
        }
        client_speak(clients->at[number % clients->count], 1);
        if (number >= warm)
            times_add(&speaking->late, time - due);
        number++;
    }
}

static void live(const struct job *job, struct bytes *figures)
{
    struct clients clients = {.told = NULL};
    int timed_from = (int)lround(job->warm / job->gap), frames = timed_from + (int)lround(job->seconds / job->gap);
    struct speaking speaking = {.timed_from = timed_from};
    struct window window;
    clients_open_speaking(&clients, job);
    for (int number = 0; number < clients.count; number++)
        clients.at[number]->sent_at = allocate((size_t)frames, sizeof(int64_t));
    clients.told = frame_answered;
    clients.of_job = &speaking;
    long warm = (long)timed_from * clients.count, total = (long)frames * clients.count;
    speak_in_pace(&clients, &window, warm, total);
    /* Where a subject falls behind, what it did is told, not what it was given. */
    window_close(&window, figures, speaking.answered, "frame");
    wait_for_answers(&clients);
    times_spread(&speaking.times, figures, "ms");
    times_spread(&speaking.late, figures, "late_ms");
    clients_close(&clients);
    times_free(&speaking.times);
    times_free(&speaking.late);
}

/* Send as many frames as are answered; one that completes no delta is answered at once. */
static void refill(struct client *client)
{
    long *answered = client->clients->of_job;
    int more;
    while ((more = client_advance(client))) {
        *answered += more;
        client_speak(client, more);
    }
}

static void just_count(struct client *client)
{
    client_advance(client);
}

static void saturate(const struct job *job, struct bytes *figures)
{
    struct clients clients = {.told = NULL};
    struct window window = {.is_open = false};
    long answered = 0;
    clients_open_speaking(&clients, job);
    clients.told = refill;
    clients.of_job = &answered;
    for (int number = 0; number < clients.count; number++) {
        client_speak(clients.at[number], job->window);
        refill(clients.at[number]);
    }
    int64_t begin = now() + nanoseconds(job->warm), end = begin + nanoseconds(job->seconds);
    while (now() < end) {
        if (!window.is_open && now() >= begin) {
            answered = 0;
            window_open(&window, job);
        }
        loop_serve(window.is_open ? end : begin);
    }
    window_close(&window, figures, answered, "frame");
    clients.told = just_count;
    wait_for_answers(&clients);
    clients_close(&clients);
}

/* Speech in its own pace: a delta of 100 ms every 100 ms. */

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

static void serve_until(int64_t time)
{
    while (now() < time)
        loop_serve(time);
}

static void paced(const struct job *job, struct bytes *figures)
{
    struct clients clients = {.told = NULL};
    struct times stamps = {0}, before = {0};
    struct window window;
    int count = (int)lround((job->warm + job->seconds) * 1000 / PACED_MS) + 2;
    struct asking asking = {.clients = &clients, .deltas = count};
    bool is_stamped = job->output == UPSTREAM_RATE;
    clients_open(&clients, job);
    clients_will_ask(&clients, count, PACED_MS);
    clients.stamps = is_stamped ? &before : NULL;
    int64_t start = now(), begin = start + PACED_MS * (SECOND / 1000) + nanoseconds(job->warm);
    ask_all(&clients, start);
    serve_until(begin);
    clients.stamps = is_stamped ? &stamps : NULL;
    long heard = deltas_heard(&clients);
    window_open(&window, job);
    serve_until(begin + nanoseconds(job->seconds));
    window_close(&window, figures, deltas_heard(&clients) - heard, "frame");
    clients.stamps = NULL;
    while (count_ends(&clients) < clients.count)
        serve_or_fail(begin + nanoseconds(job->seconds) + ANSWER_WITHIN, "speech to end");
    for (int number = 0; number < clients.count; number++)
        check_answer(&asking, clients.at[number]->heard);
    if (is_stamped)
        times_spread(&stamps, figures, "ms");
    clients_close(&clients);
    times_free(&stamps);
    times_free(&before);
}

void jobs_do(const struct job *job, struct bytes *figures)
{
    static const struct {
        const char *kind;
        void (*measure)(const struct job *job, struct bytes *figures);
    } kinds[] = {{"turns", turns}, {"bursts", bursts}, {"live", live}, {"saturate", saturate}, {"paced", paced}};
    for (size_t number = 0; number < sizeof kinds / sizeof *kinds; number++) {
        if (!strcmp(kinds[number].kind, job->kind)) {
            kinds[number].measure(job, figures);
            return;
        }
    }
    fail("there is no job called '%s'", job->kind);
}
