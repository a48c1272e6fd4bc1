"""The user's turns: those that the API ends, those that the proxy commits, those that the client ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import unanswered_events
from turnstile.session.effects import Answered, OpenAudio, Reported, SendCommit, SendTruncate
from turnstile.session.function_calls import turn_begun
from turnstile.session.gate import audio_waits_for, commit_waits_for, request_waits_for
from turnstile.session.in_flight import Commit, Item, Response
from turnstile.session.items import left_to_us, turn_ended
from turnstile.session.restoring import replaced
from turnstile.session.state import Now, Step

if TYPE_CHECKING:
    from turnstile.session.client_requests import TurnEndForced
    from turnstile.session.effects import Effect
    from turnstile.session.policy import Policy
    from turnstile.session.turn_events import AudioHeard, InputCleared, SpeechStarted, SpeechStopped, TurnCommitted

# So many turns may be expected to be answered at once.
_EXPECTED_AT_MOST = 8


def speech_started(now: Now, started: SpeechStarted, policy: Policy) -> Step:
    """Begin the user's turn, without a change of the gate; truncate the agent's items at the audio played so far.

    Over WebSocket the API leaves that to its client (API reference, ``conversation.item.truncate``).
    """
    effects: tuple[Effect, ...] = ()
    for cut in started.cut_off:
        if cut.item_id in now.data.restored:  # As text, which upstream does not truncate.
            step = replaced(now, cut.item_id, policy)
            now, effects = step.now, (*effects, *step.effects)
            continue
        effects = (*effects, SendTruncate(f"{policy.id_prefix}{now.data.serial}", cut.item_id, cut.milliseconds))
        now = now.change(serial=now.data.serial + 1)
    over = now.state.response.response_id if now.state.response else ""
    after = now.change(
        user_audio=replace(now.state.user_audio, speaking=True),
        input_audio=replace(now.data.input_audio, over=over),
        speeches=now.data.speeches + 1,
    )
    return Step(after, effects)


def speech_stopped(now: Now, stopped: SpeechStopped, _: Policy) -> Step:
    """The API detected the end of the turn: it will commit it, and begin the response to it if it does so by itself.

    That response begins when the one in progress is over, which this turn interrupts, or is passed over for it.
    """
    response = _missing(now, stopped.item_id)
    now = now.change(
        user_audio=replace(now.state.user_audio, speaking=False),
        input_audio=replace(now.data.input_audio, stopped=stopped.item_id),
    )
    if not now.state.api_answers_turns:  # Ours to answer, once it is committed.
        return Step(now)
    user_audio = replace(now.state.user_audio, barge_in="")
    after = now.change(user_audio=user_audio, response=response, items=turn_ended(now.state.items))
    return Step(_expecting(after, stopped.item_id))


def _missing(now: Now, turn: str) -> Response | None:
    """Return the response in progress, which misses a turn that began to be spoken before it and ends while it runs."""
    response, over = now.state.response, now.data.input_audio.over
    if response is None or not now.state.user_audio.speaking or over == response.response_id:
        return response
    return replace(response, missed=turn)


def _expecting(now: Now, turn: str) -> Now:
    """Expect the API to answer a turn, behind those that it has not begun to answer yet."""
    if turn in now.data.earlier:
        return now
    if not now.state.expected or now.state.expected == turn:
        return now.change(expected=turn)
    return now.change(expected=turn, earlier=(*now.data.earlier[1 - _EXPECTED_AT_MOST :], now.state.expected))


def turn_committed(now: Now, committed: TurnCommitted, policy: Policy) -> Step:
    """Note a committed turn: expect the API's response, or owe a create for it."""
    now, turn = turn_begun(now), committed.item_id
    if now.data.has_uncommitted:
        now = now.change(has_uncommitted=False)
    response = _missing(now, turn)
    response = replace(response, turn_is_over=True) if response else None
    over = now.change(user_audio=replace(now.state.user_audio, speaking=False, barge_in=""), response=response)
    if policy.is_transparent:
        if over.data.unanswered and turn != over.data.input_audio.stopped:
            over = unanswered_events.turn_committed(over)
        return _committed_by_the_api(over, turn)
    items = turn_ended(now.state.items)
    if response and response.turn == turn:  # Its response began before the commit was read.
        seen = (*response.seen, Item(turn, stage="confirmed", responder="api"))
        return Step(over.change(response=replace(response, seen=seen, turn_is_over=False), items=items))
    items = (*items, Item(turn, stage="confirmed"))
    if now.state.commits and turn != now.data.input_audio.stopped:
        commit, *rest = now.state.commits
        answer = () if commit.ref is None else (Answered(commit.ref),)
        return Step(over.change(items=items, commits=tuple(rest)), answer)
    if not now.state.api_answers_turns:
        return Step(over.change(items=items))
    return Step(_expecting(over.change(items=_left_to_the_api(items, turn)), turn))


def _left_to_the_api(items: tuple[Item, ...], turn: str) -> tuple[Item, ...]:
    """Leave the items in the conversation to the response that the API begins to a turn: it answers them all."""
    return tuple(
        replace(item, responder="api", turn=turn) if item.stage == "confirmed" and item.responder != "api" else item
        for item in items
    )


def turn_unanswered(now: Now, policy: Policy) -> Step:
    """Stop expecting the API's response to a turn: the proxy creates it, or the client of a transparent session."""
    if policy.is_transparent:
        return Step(now.change(expected="", earlier=()))
    text = f"Upstream did not answer the spoken turn (response.created) within {policy.expected_timeout:g} s."
    return Step(
        now.change(expected="", earlier=(), items=left_to_us(now.state.items)),
        (Reported(Problem("response_expected_stalled", text)),),
    )


def _committed_by_the_api(now: Now, turn: str) -> Step:
    """Expect the API's answer to a turn whose end it detected; one that the client committed waits for the client."""
    is_answered = now.state.response is not None and now.state.response.turn == turn
    if turn != now.data.input_audio.stopped or is_answered or not now.state.api_answers_turns:
        return Step(now)
    return Step(_expecting(now, turn))


def input_cleared(now: Now, _: InputCleared, __: Policy) -> Step:
    """Drop the input audio: upstream's buffer was cleared."""
    return Step(turn_unheard(now.change(has_uncommitted=False) if now.data.has_uncommitted else now))


def turn_unheard(now: Now) -> Now:
    """End the user's turn without `speech_stopped`: turn detection is off, or the input audio was cleared."""
    user_audio = replace(now.state.user_audio, speaking=False, barge_in="")
    if user_audio == now.state.user_audio and not now.data.input_audio.stopped:
        return now  # No turn was heard: what waits for the end of one waits on.
    now = now.change(input_audio=replace(now.data.input_audio, stopped=""))
    return now.change(user_audio=user_audio, items=turn_ended(now.state.items))


def turn_endless(now: Now, policy: Policy) -> Step:
    """Stop waiting for the end of a turn that began with a barge-in, and did not end in time."""
    text = f"The user was not heard to stop speaking (speech_stopped) within {policy.response_stall:g} s."
    after = now.change(user_audio=replace(now.state.user_audio, barge_in=""))
    return Step(after, (Reported(Problem("turn_stalled", text)),))


def take_turn_end(now: Now, request: TurnEndForced, policy: Policy) -> Step:
    """Commit the input audio on the client's request, behind the audio before it; the response follows the commit."""
    waits = request_waits_for(now.state, request, policy)
    return Step(now, waits=waits) if waits else _commit(now, request.ref, policy)


def _commit(now: Now, ref: int | None, policy: Policy) -> Step:
    event_id = f"{policy.id_prefix}{now.data.serial}"
    heard = now.data.input_audio
    after = now.change(
        user_audio=replace(now.state.user_audio, due=False),
        input_audio=replace(heard, uncommitted=0.0, commits=heard.commits + 1),
        commits=(*now.state.commits, Commit(event_id, ref)),
        serial=now.data.serial + 1,
    )
    return Step(after, (SendCommit(event_id),))


def settle_audio(now: Now) -> Step | None:
    """Release input audio once the configuration requested before it is in force.

    From then on it goes as it comes, until the link is lost: what the gate holds, it does not wait for.
    """
    return None if audio_waits_for(now.state) else Step(now.change(audio_open=True), (OpenAudio(),))


def audio_heard(now: Now, heard: AudioHeard, _: Policy) -> Step:
    """Count audio that waits for a commit of ours."""
    before = now.data.input_audio
    uncommitted = before.uncommitted + heard.milliseconds
    return Step(now.change(input_audio=replace(before, uncommitted=uncommitted, heard=before.heard + 1)))


def is_enough(now: Now, policy: Policy) -> bool:
    """Return whether the audio suffices for a commit; the first of a session needs more."""
    least = policy.commit_minimum if now.data.input_audio.commits else policy.commit_first
    return now.data.input_audio.uncommitted >= least


def commit_due(now: Now) -> Step:
    """Make a commit due at its deadline."""
    return Step(now.change(user_audio=replace(now.state.user_audio, due=True)))


def leftover_due(now: Now) -> Now:
    """Make a commit due at a response's end, for the audio received meanwhile, however short."""
    if now.data.input_audio.uncommitted <= 0 or not now.state.proxy_commits:
        return now
    return now.change(user_audio=replace(now.state.user_audio, due=True))


def settle_commit(now: Now, policy: Policy) -> Step | None:
    """Send a due commit once the items are sent; one at a time."""
    if commit_waits_for(now.state):
        return None
    if not now.state.proxy_commits or now.data.input_audio.uncommitted <= 0:
        return Step(now.change(user_audio=replace(now.state.user_audio, due=False)))
    return _commit(now, None, policy)


def commit_stalled(now: Now, policy: Policy) -> Step:
    """Report a stall: the oldest commit, requested by the client or not, has no answer."""
    text = f"Upstream did not commit the input audio (input_audio_buffer.committed) within {policy.commit_timeout:g} s."
    problem = Problem("commit_stalled", text)
    step = commit_lost(now, now.state.commits[0], problem)
    return Step(step.now, step.effects or (Reported(problem),))


def commit_lost(now: Now, commit: Commit, problem: Problem) -> Step:
    """The commit came to nothing: its asker gets an error, and audio goes on as before."""
    after = now.change(commits=tuple(other for other in now.state.commits if other is not commit))
    answer = () if commit.ref is None else (Answered(commit.ref, problem, in_force=False),)
    return Step(after, answer)
