"""The standby: the link that is prepared to be the next, after one that was lost or beside one that ends soon.

It is opened, configured like the link before it, and given the conversation; nothing else goes to it before it is
used. Where there is no link in use it takes over as soon as it is ready, otherwise at a moment of `renewal`'s.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Literal

from turnstile.errors import Problem
from turnstile.session.config_comparison import Difference, differences, with_shown
from turnstile.session.config_patch import ENDPOINTS, difference, merged, without
from turnstile.session.config_updates import sendable
from turnstile.session.conversation_events import ItemDeleted
from turnstile.session.effects import EndSession, SendUpdate
from turnstile.session.events import ConfigAnswered, ItemConfirmed, Refused
from turnstile.session.failures import is_passing
from turnstile.session.in_flight import Update
from turnstile.session.link_effects import CloseStandby, OnStandby, OpenStandby, TakeOver
from turnstile.session.link_events import LinkConnected, LinkLost, LinkOpened
from turnstile.session.reconnecting import is_hopeless, wait_before_try
from turnstile.session.record import record
from turnstile.session.restoring import answered_by, conversation_changes, refused_by, sent_changes, told_after
from turnstile.session.shortfalls import voice_asked
from turnstile.session.state import TRANSCRIPTION, Step
from turnstile.session.upstream_errors import ENDING, EXPIRED, api_closing

if TYPE_CHECKING:
    from turnstile.session.client_requests import Json
    from turnstile.session.in_flight import Restored
    from turnstile.session.link_events import OfStandby
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now

Stage = Literal["waiting", "opening", "connected", "open", "taking over"]


@record
class Standby:
    """The link that is prepared.

    Args:
        generation: Names it; late news of an earlier one are of no interest.
        stage: How far it is; ``waiting`` for the moment of the next try.
        wait: How many seconds it waits for that.
        in_force: What was confirmed on it.
        updating: The unanswered update.
        found: What its upstream has in force otherwise than it was asked for.
        told: What it has of the conversation: the items in their order, each with its entry's version.
        sent: What was sent of that and is unanswered.
        left_out: The entries that it has refused.
        is_restored: It has all that the conversation was when it was opened.
        voice: The agent's voice there.
        modalities: The kinds of output there.
    """

    generation: int
    stage: Stage = "opening"
    wait: float = 0.0
    in_force: Json = field(default_factory=dict)
    updating: Update | None = None
    found: tuple[Difference, ...] = ()
    told: tuple[tuple[str, int], ...] = ()
    sent: tuple[Restored, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    is_restored: bool = False
    voice: Any = None
    modalities: Any = None

    @property
    def is_ready(self) -> bool:
        """Whether all was confirmed that was sent to it, and all was sent."""
        return self.stage == "open" and self.is_restored and self.updating is None and not self.sent


def begun(now: Now, wait: float) -> Step:
    """Prepare another link, after `wait` seconds; at once where that is 0."""
    generation = now.data.generation + 1
    after = now.change(generation=generation, standby=Standby(generation, "waiting", wait))
    return Step(after) if wait else opened_now(after)


def opened_now(now: Now) -> Step:
    """Open the link of a standby that waited for its time."""
    generation = now.data.generation
    return Step(now.change(standby=Standby(generation)), (OpenStandby(generation, now.data.model),))


def standby_fact(now: Now, of: OfStandby, policy: Policy) -> Step:
    """Take a fact about the standby; one of an earlier standby is late."""
    standby = now.data.standby
    if standby is None or standby.generation != of.generation:
        return Step(now)
    match of.fact:
        case LinkConnected() if standby.stage == "opening":
            return Step(now.change(standby=replace(standby, stage="connected")))
        case LinkOpened():
            return _opened(now, standby, of.fact)
        case LinkLost():
            return standby_lost(now, of.fact, policy)
        case ConfigAnswered(session) if standby.updating:
            return Step(now.change(standby=_configured(standby, standby.updating, session)))
        case ItemConfirmed(item_id) | ItemDeleted(item_id):
            sent = answered_by(standby.sent, item_id, is_gone=isinstance(of.fact, ItemDeleted))
            return Step(now.change(standby=replace(standby, sent=sent)))
        case Refused():
            return _refused(now, standby, of.fact, policy)
        case _:
            return Step(now)


def _opened(now: Now, standby: Standby, opened: LinkOpened) -> Step:
    if standby.stage not in {"opening", "connected"}:
        return Step(now)
    up = replace(
        standby,
        stage="open",
        voice=opened.voice,
        modalities=opened.modalities,
    )
    return Step(now.change(standby=up))


def _configured(standby: Standby, update: Update, session: Json) -> Standby:
    found = differences(update.patch, session)
    in_force = with_shown(merged(standby.in_force, update.patch), found)
    return replace(standby, updating=None, in_force=in_force, found=(*standby.found, *found))


def _refused(now: Now, standby: Standby, error: Refused, policy: Policy) -> Step:
    """Leave out what is refused; without its configuration a standby is of no use."""
    is_update = bool(standby.updating) and error.event_id in {None, standby.updating and standby.updating.event_id}
    is_final = error.code in ENDING
    if is_final or error.code == EXPIRED or (is_update and is_passing(error.problem)):
        lost = LinkLost(error.code, error.message, retryable=not is_final, event=error.event)
        return _closed(standby_lost(now, lost, policy))
    if is_update:
        return _unconfigurable(now, standby, error.problem, policy)
    if error.event_id is None and is_passing(error.problem):  # About nothing that was sent.
        return Step(now)
    refused, sent = refused_by(standby.sent, error.event_id)
    if refused is None:
        return Step(now)
    left_out = standby.left_out
    if refused.version is not None:
        left_out = (*left_out, (refused.item_id, refused.version))
    told = tuple(one for one in standby.told if one[0] != refused.item_id)
    return Step(now.change(standby=replace(standby, sent=sent, told=told, left_out=left_out)))


def _unconfigurable(now: Now, standby: Standby, problem: Problem, policy: Policy) -> Step:
    """Give up a standby that does not take what the link before it took.

    It is none that the client could go on with: where there is no link in use, the session ends. But the voice that
    came too late for that link may be to blame, and is done without.
    """
    if now.data.locked is not None:
        return Step(now.change(locked=None, standby=replace(standby, updating=None)))
    if now.state.link == "lost":
        return Step(now.change(link="ended", standby=None), (EndSession(problem, by="upstream"),))
    return _closed(standby_lost(now, LinkLost(problem.code, problem.description, retryable=False), policy))


def standby_lost(now: Now, lost: LinkLost, policy: Policy) -> Step:
    """Try again after a while; where there is no hope, end the session, or let its link last as long as it does."""
    after = now.change(losses=now.data.losses + 1, loss=lost)
    if now.state.link == "open" and not lost.retryable:
        return Step(after.change(standby=None, switching=""))
    if now.state.link == "lost" and is_hopeless(after, lost, policy):
        return ended(now, lost, policy)
    return Step(_waiting(after, wait_before_try(after, lost, policy)))


def _closed(step: Step) -> Step:
    return Step(step.now, (CloseStandby(), *step.effects))


def given_up(now: Now, policy: Policy) -> Step:
    """End a session for which no other link came up in time."""
    lost = now.data.loss or LinkLost("upstream_closed", "The upstream link was lost.")
    text = f"{lost.description} No other link was ready within {policy.reconnect_for:g} s (upstream.reconnect_for)."
    return ended(now, lost, policy, Problem(lost.code, text))


def ended(now: Now, lost: LinkLost, policy: Policy, problem: Problem | None = None) -> Step:
    """End a session that gets no other link, for the loss of its last or for the given problem with that."""
    closing = api_closing(lost) if policy.is_transparent else None
    is_told = lost.is_told and problem is None
    end = EndSession(problem or lost.problem, closing, is_told, by="upstream")
    return Step(now.change(link="ended", standby=None), (end,))


def _waiting(now: Now, wait: float) -> Now:
    generation = now.data.generation + 1
    return now.change(generation=generation, standby=Standby(generation, "waiting", wait), switching="")


def settle_standby(now: Now, policy: Policy) -> Step | None:
    """Send the standby what it needs next: the configuration, then the conversation; use it where there is no link."""
    standby = now.data.standby
    if standby is None or standby.stage != "open" or standby.updating or standby.sent:
        return None
    target = _target(now, standby, policy)
    patch = difference(target, standby.in_force)
    if patch:
        return _configure(now, standby, patch, target, policy)
    if not standby.is_restored or now.state.link == "lost":
        changes = conversation_changes(now, standby.told, standby.left_out)
        effects, sent, serial = sent_changes(changes, now.data.serial, policy)
        restored = replace(standby, is_restored=True, sent=sent, told=told_after(standby.told, changes))
        after = now.change(standby=restored, serial=serial)
        if effects:
            return Step(after, tuple(OnStandby(standby.generation, effect) for effect in effects))
        if now.state.link == "lost":
            using = replace(restored, stage="taking over")
            return Step(after.change(standby=using), (TakeOver(standby.generation),))
        return None if standby.is_restored else Step(after)
    return None


def _target(now: Now, standby: Standby, policy: Policy) -> Json:
    """Return what is to be in force on the standby: all that was, and the voice that came too late for that link.

    The kinds of output are named: given a conversation in text alone, some models would answer in text alone.
    """
    wanted = now.state.accepted
    if now.data.locked is not None:
        wanted = merged(wanted, {"audio": {"output": {"voice": voice_asked(now.data.locked)}}})
    shown = "output_modalities" in wanted or wanted.get("type") == TRANSCRIPTION
    if not shown and now.data.modalities and standby.modalities and now.data.conversation.entries:
        wanted = {**wanted, "output_modalities": now.data.modalities}
    return with_shown(sendable(now.change(voice_locked=False), wanted, policy), standby.found)


def _configure(now: Now, standby: Standby, patch: Json, target: Json, policy: Policy) -> Step:
    if "type" in target:  # required in every update, and not that of an ordinary session
        patch = {**patch, "type": target["type"]}
    event_id = f"{policy.id_prefix}{now.data.serial}"
    update = Update(event_id, (), patch, target)
    after = now.change(standby=replace(standby, updating=update), serial=now.data.serial + 1)
    command = SendUpdate(event_id, without(update.patch, ENDPOINTS), 0, update.patch.get(ENDPOINTS))
    return Step(after, (OnStandby(standby.generation, command),))
