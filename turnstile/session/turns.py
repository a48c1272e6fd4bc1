"""The user's voice: turns that the API ends, turns that the proxy ends, turns that the client ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.effects import Answered, OpenAudio, Reported, SendCommit, SendTruncate
from turnstile.session.function_calls import turn_begun
from turnstile.session.gate import audio_waits_for, commit_waits_for, request_waits_for
from turnstile.session.in_flight import Commit, Item, Response
from turnstile.session.items import left_to_us, turn_ended
from turnstile.session.state import State, Step

if TYPE_CHECKING:
    from turnstile.session.events import (
        AudioHeard,
        InputCleared,
        SpeechStarted,
        SpeechStopped,
        TurnCommitted,
        TurnEndForced,
    )
    from turnstile.session.policy import Policy

# So many turns may be expected to be answered at once.
_EXPECTED_AT_MOST = 8


def speech_started(state: State, started: SpeechStarted, policy: Policy) -> Step:
    """The user speaks; the gate stays as it is. What was not heard of the agent's items is taken out of them.

    Over WebSocket the API leaves that to its client (API reference, ``conversation.item.truncate``).
    """
    serial = state.serial
    cuts = [
        SendTruncate(f"{policy.id_prefix}{serial + place}", item_id, milliseconds)
        for place, (item_id, milliseconds) in enumerate(started.cut_off)
    ]
    over = state.response.response_id if state.response else ""
    user_audio = replace(state.user_audio, speaking=True, over=over)
    after = state._replace(user_audio=user_audio, serial=serial + len(cuts))
    return Step(after, tuple(cuts))


def speech_stopped(state: State, stopped: SpeechStopped, _: Policy) -> Step:
    """The API heard the turn end: it will commit it, and begin the response to it if it does so by itself.

    That response begins when the one in progress is over, which this turn interrupts, or is passed over for it.
    """
    if not state.api_answers_turns:  # Ours to answer, once it is committed.
        return Step(state._replace(user_audio=replace(state.user_audio, speaking=False, stopped=stopped.item_id)))
    user_audio = replace(state.user_audio, speaking=False, barge_in="", stopped=stopped.item_id)
    response = _missing(state, stopped.item_id)
    after = state._replace(user_audio=user_audio, response=response, items=turn_ended(state.items))
    return Step(_expecting(after, stopped.item_id))


def _missing(state: State, turn: str) -> Response | None:
    """Return the response in progress, which misses a turn that began to be spoken before it and ends while it runs."""
    response, user_audio = state.response, state.user_audio
    if response is None or not user_audio.speaking or user_audio.over == response.response_id:
        return response
    return replace(response, missed=turn)


def _expecting(state: State, turn: str) -> State:
    """Expect the API to answer a turn, behind those that it has not begun to answer yet."""
    if turn in state.earlier:
        return state
    if not state.expected or state.expected == turn:
        return state._replace(expected=turn)
    return state._replace(expected=turn, earlier=(*state.earlier[1 - _EXPECTED_AT_MOST :], state.expected))


def turn_committed(state: State, committed: TurnCommitted, policy: Policy) -> Step:
    """A spoken turn is in the conversation: the API answers it by itself, or a create is owed for it."""
    state, turn = turn_begun(state), committed.item_id
    response = _missing(state, turn)
    response = replace(response, turn_is_over=True) if response else None
    over = state._replace(user_audio=replace(state.user_audio, speaking=False, barge_in=""), response=response)
    if policy.is_transparent:
        return _committed_by_the_api(over, turn)
    items = turn_ended(state.items)
    if response and response.turn == turn:  # Its response began before the commit was read.
        seen = (*response.seen, Item(turn, stage="confirmed", responder="api"))
        return Step(over._replace(response=replace(response, seen=seen, turn_is_over=False), items=items))
    items = (*items, Item(turn, stage="confirmed"))
    if state.commits and turn != state.user_audio.stopped:
        commit, *rest = state.commits
        answer = () if commit.ref is None else (Answered(commit.ref),)
        return Step(over._replace(items=items, commits=tuple(rest)), answer)
    if not state.api_answers_turns:
        return Step(over._replace(items=items))
    return Step(_expecting(over._replace(items=_left_to_the_api(items, turn)), turn))


def _left_to_the_api(items: tuple[Item, ...], turn: str) -> tuple[Item, ...]:
    """The response that the API begins to a turn answers all that is in the conversation by then."""
    return tuple(
        replace(item, responder="api", turn=turn) if item.stage == "confirmed" and item.responder != "api" else item
        for item in items
    )


def turn_unanswered(state: State, policy: Policy) -> Step:
    """The API did not begin the response that it responder: it is ours to create, or the client's."""
    if policy.is_transparent:
        return Step(state._replace(expected="", earlier=()))
    text = f"Upstream did not answer the spoken turn (response.created) within {policy.expected_timeout:g} s."
    return Step(
        state._replace(expected="", earlier=(), items=left_to_us(state.items)),
        (Reported(Problem("response_expected_stalled", text)),),
    )


def _committed_by_the_api(state: State, turn: str) -> Step:
    """A turn that the API heard end, it answers by itself; one that the client committed waits for the client."""
    is_answered = state.response is not None and state.response.turn == turn
    if turn != state.user_audio.stopped or is_answered or not state.api_answers_turns:
        return Step(state)
    return Step(_expecting(state, turn))


def input_cleared(state: State, _: InputCleared, __: Policy) -> Step:
    """What was heard of the user is forgotten."""
    return Step(turn_unheard(state))


def turn_unheard(state: State) -> State:
    """Nobody hears the user speak any more: turn detection is off, or what was heard is forgotten."""
    user_audio = replace(state.user_audio, speaking=False, barge_in="", stopped="")
    return (
        state
        if user_audio == state.user_audio
        else state._replace(user_audio=user_audio, items=turn_ended(state.items))
    )


def turn_endless(state: State, policy: Policy) -> Step:
    """The user broke in, and was not heard to stop in time: what waits for the turn's answer waits no longer."""
    text = f"The user was not heard to stop speaking (speech_stopped) within {policy.response_stall:g} s."
    after = state._replace(user_audio=replace(state.user_audio, barge_in=""))
    return Step(after, (Reported(Problem("turn_stalled", text)),))


def take_turn_end(state: State, request: TurnEndForced, policy: Policy) -> Step:
    """Commit what was heard when it is its turn, and the audio's; the response follows the commit."""
    waits = request_waits_for(state, request, policy)
    return Step(state, waits=waits) if waits else _commit(state, request.ref, policy)


def _commit(state: State, ref: int | None, policy: Policy) -> Step:
    event_id = f"{policy.id_prefix}{state.serial}"
    user_audio = replace(state.user_audio, uncommitted=0.0, due=False, commits=state.user_audio.commits + 1)
    after = state._replace(
        user_audio=user_audio, commits=(*state.commits, Commit(event_id, ref)), serial=state.serial + 1
    )
    return Step(after, (SendCommit(event_id),))


def settle_audio(state: State) -> Step | None:
    """Let input audio go once the configuration is in force that was asked for before it.

    From then on it goes as it comes, until the link is lost: what the gate holds, it does not wait for.
    """
    return None if audio_waits_for(state) else Step(state._replace(audio_open=True), (OpenAudio(),))


def audio_heard(state: State, heard: AudioHeard, _: Policy) -> Step:
    """More audio waits for a commit of ours."""
    user_audio = state.user_audio
    uncommitted = user_audio.uncommitted + heard.milliseconds
    return Step(state._replace(user_audio=replace(user_audio, uncommitted=uncommitted, heard=user_audio.heard + 1)))


def is_enough(state: State, policy: Policy) -> bool:
    """Whether enough was heard for a commit; the first of a session wants more."""
    least = policy.commit_minimum if state.user_audio.commits else policy.commit_first
    return state.user_audio.uncommitted >= least


def commit_due(state: State) -> Step:
    """The time for a commit has come."""
    return Step(state._replace(user_audio=replace(state.user_audio, due=True)))


def leftover_due(state: State) -> State:
    """A response ended: what was heard meanwhile is committed, however little it is."""
    if state.user_audio.uncommitted <= 0 or not state.proxy_commits:
        return state
    return state._replace(user_audio=replace(state.user_audio, due=True))


def settle_commit(state: State, policy: Policy) -> Step | None:
    """A commit is due and items have gone: commit, one at a time."""
    if commit_waits_for(state):
        return None
    if not state.proxy_commits or state.user_audio.uncommitted <= 0:
        return Step(state._replace(user_audio=replace(state.user_audio, due=False)))
    return _commit(state, None, policy)


def commit_stalled(state: State, policy: Policy) -> Step:
    """The oldest commit has no answer: a stall is said, also when nobody asked for the commit."""
    text = f"Upstream did not commit the input audio (input_audio_buffer.committed) within {policy.commit_timeout:g} s."
    problem = Problem("commit_stalled", text)
    step = commit_lost(state, state.commits[0], problem)
    return Step(step.state, step.effects or (Reported(problem),))


def commit_lost(state: State, commit: Commit, problem: Problem) -> Step:
    """The commit came to nothing: whoever asked for it is told, and audio goes on as before."""
    after = state._replace(commits=tuple(other for other in state.commits if other is not commit))
    answer = () if commit.ref is None else (Answered(commit.ref, problem, in_force=False),)
    return Step(after, answer)
