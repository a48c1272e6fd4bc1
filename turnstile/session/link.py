"""The upstream link: a new one has an empty conversation, a lost one takes its conversation with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.effects import Answered, EndSession, OpenLink, Reported, SessionAssumed
from turnstile.session.function_calls import void_calls
from turnstile.session.gate import restoring_waits_for
from turnstile.session.in_flight import InputAudio, Item
from turnstile.session.link_events import LinkLost, LinkOpened
from turnstile.session.outcomes import proven
from turnstile.session.state import Now, State, Step
from turnstile.session.upstream_errors import api_closing

if TYPE_CHECKING:
    from turnstile.session.effects import Effect
    from turnstile.session.link_events import LinkConnected
    from turnstile.session.policy import Policy


# The link is on its way up.
_COMING = frozenset({"opening", "connected"})


def link_connected(now: Now, _: LinkConnected, __: Policy) -> Step:
    """Note that upstream accepted the connection: its first event, or a deadline, decides whether the link is up."""
    return Step(now.change(link="connected")) if now.state.link == "opening" else Step(now)


def link_opened(now: Now, opened: LinkOpened, policy: Policy) -> Step:
    """Note an open link, on which no configuration is in force yet."""
    if now.state.link not in _COMING:
        return Step(now)
    assumed = (_assumed(now, policy),) if policy.is_transparent and not opened.shows_session else ()
    return Step(now.change(link="open", voice=opened.voice), assumed)


def _assumed(now: Now, policy: Policy) -> SessionAssumed:
    session = {"type": "realtime", "object": "realtime.session", "id": f"sess_{policy.id_prefix.strip('_')}"}
    return SessionAssumed({**session, **({"model": now.data.model} if now.data.model else {}), **now.state.accepted})


def link_lost(now: Now, lost: LinkLost, policy: Policy) -> Step:
    """End everything that ran on a lost link; what upstream had not confirmed waits for the next link, if any."""
    if now.state.link not in {*_COMING, "open"}:
        return Step(now)
    problem = lost.problem
    if not lost.retryable or now.data.losses >= policy.reconnects:
        closing = api_closing(lost) if policy.is_transparent else None
        return Step(now.change(link="ended"), (EndSession(problem, closing, lost.is_told),))
    calls = void_calls(now)
    items, lost_items = _items_for_a_new_link(now)
    message = now.state.requested.agent_message if now.state.requested else None
    update = now.state.updating
    state = State(
        link="waiting",
        accepted=now.state.accepted,
        configured=now.state.configured,
        updates=(*(update.requests if update else ()), *now.state.updates),
        items=items,
        agent_messages=(message, *now.state.agent_messages) if message else now.state.agent_messages,
    )
    data = calls.now.data._replace(
        losses=now.data.losses + 1,
        is_restoring=now.data.is_restoring or now.state.link == "open",
        update_tries=0,
        late=0,
        given_up=None,
        asides=(),
        asides_running=(),
        ended=(),
        earlier=(),
        input_audio=InputAudio(),
        voice_locked=False,
        tries=0,
    )
    reported = _report_loss(now, problem) if now.state.link == "open" else ()
    said = proven(now.state.response) if now.state.response else ()
    return Step(Now(state, data), (*reported, *said, *calls.effects, *lost_items, *_lost_commits(now, problem)))


def _report_loss(now: Now, problem: Problem) -> tuple[Effect, ...]:
    """Report what is lost with the link: the conversation so far, and a spoken turn without an answer."""
    words = f"{problem.description} A new link is opened, which does not know what was said so far."
    unanswered = (*(now.state.response.seen if now.state.response else ()), *now.state.items)
    if not now.state.expected and all(item.content is not None for item in unanswered):
        return (Reported(Problem("upstream_lost", words)),)
    turn = "What the user said last is lost with the link, and has no answer; it must be said again."
    return Reported(Problem("upstream_lost", words)), Reported(Problem("turn_lost", turn))


def settle_restored(now: Now) -> Step | None:
    """Report that a link is replaced, once everything that was in force on the lost one is in force on the new one."""
    if restoring_waits_for(now.state):
        return None
    words = (
        "A new upstream link does the work of the lost one, configured like it. "
        "It does not know what was said before; tell the agent what it must know."
    )
    return Step(now.change(is_restoring=False), (Reported(Problem("upstream_restored", words)),))


def _items_for_a_new_link(now: Now) -> tuple[tuple[Item, ...], tuple[Effect, ...]]:
    """User messages go again; a spoken turn and the result of a call cannot, since what they belong to is gone."""
    kept: list[Item] = []
    lost: list[Effect] = []
    problem = Problem("function_call_cancelled", "The function call was lost with the upstream link.")
    for item in (*(now.state.response.seen if now.state.response else ()), *now.state.items):
        if item.content is None:
            continue
        if item.content.get("type") == "function_call_output":
            if item.stage != "confirmed" and item.ref is not None:
                lost.append(Answered(item.ref, problem, in_force=False))
            continue
        # A confirmed item's request has its answer already.
        ref = None if item.stage == "confirmed" else item.ref
        kept.append(replace(item, stage="waiting", responder="proxy", ref=ref))
    return tuple(kept), tuple(lost)


def _lost_commits(now: Now, problem: Problem) -> tuple[Effect, ...]:
    return tuple(
        Answered(commit.ref, problem, in_force=False) for commit in now.state.commits if commit.ref is not None
    )


def link_due(now: Now, policy: Policy) -> Step:
    """Open the link again at the time of the next try; take a silent one as open, or give it up, by the policy."""
    if now.state.link == "connected" and policy.link_silence is not None:
        return link_opened(now, LinkOpened(shows_session=False), policy)
    if now.state.link in _COMING:
        text = f"The upstream link did not come up (session.created) within {policy.link_timeout:g} s."
        return link_lost(now, LinkLost("upstream_silent", text), policy)
    return Step(now.change(link="opening"), (OpenLink(now.data.model),))
