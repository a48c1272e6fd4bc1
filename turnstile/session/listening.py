"""The user's voice: turns that the API ends, turns that the proxy ends, turns that the client ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.answering import left_to_us, turn_ended
from turnstile.session.effects import Answered, OpenAudio, Reported, SendCommit, SendTruncate
from turnstile.session.state import Commit, Item, State
from turnstile.session.step import Step

if TYPE_CHECKING:
    from turnstile.session.events import AudioHeard, SpeechStarted, SpeechStopped, TurnCommitted, TurnEndForced
    from turnstile.session.state import Policy


def speech_started(state: State, started: SpeechStarted, policy: Policy) -> Step:
    """The user speaks; the gate stays as it is. What was not heard of the agent's items is taken out of them.

    Over WebSocket the API leaves that to its client (API reference, ``conversation.item.truncate``).
    """
    serial = state.serial
    cuts = [
        SendTruncate(f"{policy.id_prefix}{serial + place}", item_id, milliseconds)
        for place, (item_id, milliseconds) in enumerate(started.cut_off)
    ]
    after = state._replace(hearing=replace(state.hearing, speaking=True), serial=serial + len(cuts))
    return Step(after, tuple(cuts))


def speech_stopped(state: State, stopped: SpeechStopped) -> Step:
    """The API heard the turn end: it will commit it, and begin the response to it if it does so by itself."""
    hearing = replace(state.hearing, speaking=False, stopped=stopped.item_id)
    after = state._replace(hearing=hearing)
    if not _api_will_answer(state):
        return Step(after)  # Ours to answer, once it is committed.
    expected = _expectation(state, stopped.item_id)
    return Step(after._replace(expected=expected, items=turn_ended(state.items)))


def _api_will_answer(state: State) -> bool:
    """Whether the API begins the response to the turn that just ended; while another one runs it cannot."""
    return state.api_answers_turns and state.response is None


def _expectation(state: State, item_id: str) -> str:
    # The epoch makes each sign of the same turn an expectation of its own, with its own time.
    return f"{item_id}@{state.epoch}"


def turn_committed(state: State, committed: TurnCommitted, policy: Policy) -> Step:
    """A spoken turn is in the conversation: the API answers it by itself, or a create is owed for it."""
    if policy.is_transparent:
        return _committed_by_the_api(state, committed)
    ours = bool(state.commits) and committed.item_id != state.hearing.stopped
    theirs = _api_will_answer(state) and not ours
    items = (*turn_ended(state.items), Item(committed.item_id, stage="confirmed"))
    after = state._replace(
        items=_left_to_the_api(items) if theirs else items,
        expected=_expectation(state, committed.item_id) if theirs else state.expected,
        hearing=replace(state.hearing, speaking=False),
    )
    if not ours:
        return Step(after)
    commit, *rest = state.commits
    answer = () if commit.ref is None else (Answered(commit.ref),)
    return Step(after._replace(commits=tuple(rest)), answer)


def _left_to_the_api(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The response that the API begins to a turn answers all that is in the conversation by then."""
    return tuple(replace(item, owed="theirs") if item.stage == "confirmed" else item for item in items)


def turn_unanswered(state: State, policy: Policy) -> Step:
    """The API did not begin the response that it owed: it is ours to create, or the client's."""
    if policy.is_transparent:
        return Step(state._replace(expected=""))
    text = f"Upstream did not answer the spoken turn (response.created) within {policy.expected_timeout:g} s."
    return Step(
        state._replace(expected="", items=left_to_us(state.items)),
        (Reported(Problem("response_expected_stalled", text)),),
    )


def _committed_by_the_api(state: State, committed: TurnCommitted) -> Step:
    """A turn that the API heard end, it answers by itself; one that the client committed waits for the client."""
    if committed.item_id != state.hearing.stopped or not _api_will_answer(state):
        return Step(state)
    return Step(state._replace(expected=_expectation(state, committed.item_id)))


def take_turn_end(state: State, request: TurnEndForced, policy: Policy) -> Step:
    """Commit what was heard when it is its turn, and the audio's; the response follows the commit."""
    is_behind = state.sayings or any(item.stage == "waiting" for item in state.items)
    if not state.is_ready or not state.audio_open or is_behind or len(state.commits) >= policy.max_held:
        return Step(state, postpone=True)
    return _commit(state, request.ref, policy)


def _commit(state: State, ref: int | None, policy: Policy) -> Step:
    event_id = f"{policy.id_prefix}{state.serial}"
    hearing = replace(state.hearing, uncommitted=0.0, due=False, commits=state.hearing.commits + 1)
    after = state._replace(hearing=hearing, commits=(*state.commits, Commit(event_id, ref)), serial=state.serial + 1)
    return Step(after, (SendCommit(event_id),))


def settle_audio(state: State) -> Step | None:
    """Let input audio go once the configuration is in force that was asked for before it.

    From then on it goes as it comes, until the link is lost: what the gate holds, it does not wait for.
    """
    if state.audio_open or state.link != "open" or not state.configured:
        return None
    if state.updating or state.updates or not state.is_in_sync:
        return None
    return Step(state._replace(audio_open=True), (OpenAudio(),))


def audio_heard(state: State, heard: AudioHeard) -> Step:
    """More audio waits for a commit of ours."""
    hearing = state.hearing
    uncommitted = hearing.uncommitted + heard.milliseconds
    return Step(state._replace(hearing=replace(hearing, uncommitted=uncommitted, heard=hearing.heard + 1)))


def is_enough(state: State, policy: Policy) -> bool:
    """Whether enough was heard for a commit; the first of a session wants more."""
    least = policy.commit_minimum if state.hearing.commits else policy.commit_first
    return state.hearing.uncommitted >= least


def commit_due(state: State) -> Step:
    """The time for a commit has come."""
    return Step(state._replace(hearing=replace(state.hearing, due=True)))


def leftover_due(state: State) -> State:
    """A response ended: what was heard meanwhile is committed, however little it is."""
    if not state.proxy_commits or state.hearing.uncommitted <= 0:
        return state
    return state._replace(hearing=replace(state.hearing, due=True))


def settle_commit(state: State, policy: Policy) -> Step | None:
    """Commit when it is due and the gate is open, one at a time."""
    if not state.hearing.due or not state.is_ready or state.commits:
        return None
    if not state.proxy_commits or state.hearing.uncommitted <= 0:
        return Step(state._replace(hearing=replace(state.hearing, due=False)))
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
