"""An open session as JSON, for operators: what it is doing, and what waits for what. Nothing that anybody said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from turnstile.session.client_requests import AgentMessageGiven
from turnstile.session.gate import create_waits_for, items_wait_for, passthrough_waits_for, update_waits_for
from turnstile.session.waits import Waits, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.messages import Snapshot, Waiting
    from actors.running_session import RunningSession
    from turnstile.observability.journal import SessionJournal
    from turnstile.session.client_requests import Ref
    from turnstile.session.state import State

Json = dict[str, Any]

NO_ANSWER = "no answer"
"""The state of a session that did not say within the deadline where it stands."""


def in_short(session: RunningSession, now: float, wall: float) -> Json:
    """Return what is known of a session without asking it.

    Args:
        session: The session.
        now: The time of its journal's clock, in seconds.
        wall: The time since 1970 at the same moment, in seconds.
    """
    facts, counts = session.journal.facts, session.journal.counts
    began = datetime.fromtimestamp(wall - (now - session.journal.began_at), UTC)
    return {
        "id": facts.session_id,
        "dialect": facts.dialect,
        "client": facts.client._asdict(),
        "model": session.journal.model,
        "began": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "age": round(now - session.journal.began_at, 3),
        "turns": counts.turns,
        "responses": sum(counts.responses.values()),
        "held_bytes": session.budget.held,
    }


def standing(snapshot: Snapshot | None, now: float) -> Json:
    """Return where a session stands; None: it did not answer.

    Args:
        snapshot: What the session has said.
        now: The time of the clock by which it holds requests, in seconds.
    """
    if snapshot is None:
        return {"state": NO_ANSWER}
    state, data = snapshot.state, snapshot.data
    waiting = [_waiting(one, now) for one in snapshot.waiting]
    waiting += [
        {"request": ref, "message": message, "reason": reason(waits, state).in_words, "for": None}
        for ref, message, waits in _taken(snapshot)
    ]
    return {
        "state": "draining" if data.is_draining and state.phase == "idle" else state.phase,
        "is_draining": data.is_draining,
        "response": state.response.response_id if state.response else None,
        "waiting": waiting,
        "unanswered": list(_unanswered(state)),
        "queued": len(data.passthrough_queue),
        "link": state.link,
        "open_calls": list(snapshot.open_calls),
    }


def summary(stands: Json, journal: SessionJournal) -> Json:
    """Return of where a session stands what a list of many has room for.

    Args:
        stands: What `standing` has of it.
        journal: The session's.
    """
    waiting = stands.get("waiting", ())
    longest = max(waiting, key=lambda one: one["for"] or 0.0, default=None)
    return {
        "state": stands["state"],
        "waiting": len(waiting),
        "longest_wait": longest,
        "link": {"number": journal.links, "state": stands.get("link")},
    }


def link(journal: SessionJournal, state: str | None, now: float) -> Json:
    """Return the upstream link of a session.

    Args:
        journal: The session's.
        state: That of the link in use; None where it is not known.
        now: The time of the journal's clock, in seconds.

    Returns:
        The state, upstream's own ids of the session's last links, how many links there were, and for how many seconds
        the last has been, which may not be in use yet; None where there was none.
    """
    age = round(now - journal.link_opened_at, 3) if journal.links else None
    sessions = list(journal.counts.upstream_sessions)
    return {"number": journal.links, "state": state, "age": age, "upstream_sessions": sessions}


def counted(journal: SessionJournal) -> Json:
    """Return what is counted of a session."""
    counts = journal.counts
    histograms = {"held_seconds", "first_audio_seconds"}
    plain = {name: value for name, value in counts.snapshot().items() if name not in histograms}
    return plain | {
        "longest_hold": round(counts.held.longest, 3),
        "longest_first_audio": round(counts.first_audio.longest, 3),
    }


def _waiting(one: Waiting, now: float) -> Json:
    return {
        "request": one.ref,
        "message": one.message,
        "reason": one.reason.in_words,
        "for": round(max(0.0, now - one.since), 3),
    }


def _taken(snapshot: Snapshot) -> Iterator[tuple[Ref, str, Waits]]:
    """Yield what waits beyond its turn: what the gate has taken, and a Realtime client's responses behind that."""
    state = snapshot.state
    for update in state.updates:
        yield update.ref, update.message, update_waits_for(state) or Waits.CONFIGURATION
    for item in state.items:
        if item.ref is not None and item.stage == "waiting":
            yield item.ref, "", items_wait_for(state) or Waits.ITEMS
    for message in state.agent_messages:
        yield message.ref, message.message, create_waits_for(state) or Waits.CREATE
    for one in snapshot.data.passthrough_queue:
        if isinstance(one, AgentMessageGiven):
            yield one.ref, one.message, passthrough_waits_for(state) or Waits.CREATE


def _unanswered(state: State) -> Iterator[str]:
    """Yield what was sent upstream and has no answer yet."""
    if state.updating:
        yield f"session.update {state.updating.event_id}"
    if state.requested:
        yield f"response.create {state.requested.event_id}"
    for item in state.items:
        if item.stage == "sent":
            yield f"conversation.item.create {item.event_id}"
    for commit in state.commits:
        yield f"input_audio_buffer.commit {commit.event_id}"
