#include "jobs.h"

#include "clients.h"

#include <math.h>

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
    int64_t deadline = now() + ANSWER_SECONDS * SECOND;
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

/* However slow it all is, no figure is made of nothing. */
static void wait_for_one(const long *answered)
{
    int64_t deadline = now() + ANSWER_SECONDS * SECOND;
    while (!*answered)
        serve_or_fail(deadline, "an answer");
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

void live(const struct job *job, struct bytes *figures)
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
    wait_for_one(&speaking.answered);
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

void saturate(const struct job *job, struct bytes *figures)
{
    struct clients clients = {.told = NULL};
    struct window window;
    long answered = 0;
    clients_open_speaking(&clients, job);
    clients.told = refill;
    clients.of_job = &answered;
    for (int number = 0; number < clients.count; number++) {
        client_speak(clients.at[number], job->window);
        refill(clients.at[number]);
    }
    serve_until(now() + nanoseconds(job->warm));
    answered = 0;
    window_open(&window, job);
    serve_until(now() + nanoseconds(job->seconds));
    wait_for_one(&answered);
    window_close(&window, figures, answered, "frame");
    clients.told = just_count;
    wait_for_answers(&clients);
    clients_close(&clients);
}
