"""The renewal of the link: another takes over before the upstream session of the one in use ends.

It is prepared beside that one (`standby`), and takes over at a moment when nothing is under way and the user is silent:
the gate closes, input audio waits for as long as speech takes to be detected, and goes on with the new link. Speech,
or a response of upstream's, puts that off to the next moment. Near the end nothing does: what runs then counts as lost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from turnstile.session import standby
from turnstile.session.config_patch import at
from turnstile.session.deadlines import Deadline
from turnstile.session.gate import update_waits_for
from turnstile.session.link import silent
from turnstile.session.link_effects import CloseStandby, PauseAudio, TakeOver
from turnstile.session.link_events import LinkLost, LinkOpened, OfStandby
from turnstile.session.passthrough import is_in_flight
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.data import Data
    from turnstile.session.events import TimerFired
    from turnstile.session.in_flight import Item
    from turnstile.session.link_events import AudioPaused, TakeOverPutOff
    from turnstile.session.policy import Policy
    from turnstile.session.standby import Standby
    from turnstile.session.state import Now

NAMES: Final = frozenset({"standby", "outage", "recovery", "renewal", "latest", "switch", "transcript"})
"""The names of the deadlines of `link_deadlines`."""


def link_deadlines(now: Now, policy: Policy) -> list[Deadline]:
    """Return the deadlines of a link that is prepared, and of the session of the one in use."""
    found: list[Deadline] = []
    if now.data.standby is not None:
        found += _standby_deadlines(now.data.standby, policy)
        if now.data.conversation.awaited and now.data.standby.is_ready:
            found.append(Deadline("transcript", now.data.conversation.awaited[0], policy.item_timeout))
    if now.data.outage:
        found.append(Deadline("outage", str(now.data.outage), policy.reconnect_for))
        if now.state.link == "open":
            found.append(Deadline("recovery", str(now.data.generation), policy.recovery))
    if now.state.switching == "paused":
        found.append(Deadline("switch", str(now.data.generation), policy.switch_pause))
    return [*found, *now.data.renewals]


def _standby_deadlines(one: Standby, policy: Policy) -> list[Deadline]:
    token = f"{one.generation} {one.stage}"
    if one.stage == "waiting":
        return [Deadline("standby", token, one.wait)]
    if one.stage == "connected" and policy.link_silence is not None:
        return [Deadline("standby", token, policy.link_silence)]
    if one.stage in {"opening", "connected"}:
        return [Deadline("standby", f"{one.generation} opening", policy.link_timeout)]
    if one.updating:
        return [Deadline("standby", one.updating.event_id, policy.update_timeout)]
    if one.sent:
        return [Deadline("standby", one.sent[0].event_id, policy.item_timeout)]
    return []


def link_time_is_up(now: Now, fired: TimerFired, policy: Policy) -> Step:
    """Apply the rule of one of these deadlines; ignore one of an earlier occasion."""
    if (fired.name, fired.token) not in [(wait.name, wait.token) for wait in link_deadlines(now, policy)]:
        return Step(now)
    match fired.name:
        case "standby" if now.data.standby:
            return _standby_due(now, now.data.standby, policy)
        case "outage" if now.state.link != "open":
            return standby.given_up(now, policy)
        case "outage" | "recovery":
            return Step(now.change(outage=0, losses=0))
        case "renewal":
            left = tuple(one for one in now.data.renewals if one.name != "renewal")
            return standby.begun(now.change(renewals=left), 0.0) if now.data.standby is None else Step(now)
        case "switch" if now.data.standby:
            return _take_over(now, now.data.standby)
        case "transcript":  # Some servers do not send each; one that comes later is taken all the same.
            return Step(now.change(conversation=replace(now.data.conversation, awaited=())))
        case _:
            return _at_the_latest(now)


def _standby_due(now: Now, one: Standby, policy: Policy) -> Step:
    if one.stage == "waiting":
        return standby.opened_now(now)
    if one.stage == "connected" and policy.link_silence is not None:
        return standby.standby_fact(now, OfStandby(one.generation, LinkOpened(shows_session=False)), policy)
    if one.stage == "open" and one.sent:  # Not confirmed: some servers confirm none, and all went together.
        return Step(now.change(standby=replace(one, sent=())))
    lost = silent(policy)
    if one.updating:
        text = f"Upstream did not confirm the configuration (session.updated) within {policy.update_timeout:g} s."
        lost = LinkLost("update_stalled", text)
    step = standby.standby_lost(now, lost, policy)
    return Step(step.now, (CloseStandby(), *step.effects))


def _at_the_latest(now: Now) -> Step:
    """Have a standby that is ready take over whatever runs; without one the session of the link ends."""
    one = now.data.standby
    if one is None or not one.is_ready:
        return Step(now)
    leaving = now.change(standby=replace(one, stage="taking over"), switching="leaving", audio_open=False)
    return Step(leaving, (TakeOver(one.generation),))


# The moment.


def at_a_moment(now: Now) -> Now:
    """Begin the switch where nothing is under way, and put it off where something is."""
    one = now.data.standby
    if one is None or now.state.link != "open" or now.state.switching == "leaving":
        return now
    may_switch = one.is_ready and _is_quiet(now)
    if may_switch == bool(now.state.switching):
        return now
    return now.change(switching="due" if may_switch else "")


def _is_quiet(now: Now) -> bool:
    """Return whether nothing is under way on the link, and the user is silent."""
    state, data = now.change(switching="") if now.state.switching else now
    if update_waits_for(state) or state.commits or state.restoring or state.interrupting:
        return False
    if state.user_audio.speaking or state.user_audio.barge_in or data.has_uncommitted:
        return False
    if data.asides or data.asides_running or is_in_flight(now) or any(item.stage == "sent" for item in state.items):
        return False
    if any(_is_this_links(item, data) for item in state.items):
        return False
    return not data.conversation.awaits_transcript


def _is_this_links(item: Item, data: Data) -> bool:
    """Return whether an item is about to be answered that no other link can answer: a turn without a transcript."""
    return item.content is None and item.responder != "after_turn" and not data.conversation.is_known(item.item_id)


def settle_renewal(now: Now, policy: Policy) -> Step | None:
    """Prepare the standby further, or switch to it; have input audio wait once the gate is closed for the switch."""
    step = standby.settle_standby(now, policy)
    if step:
        return step
    after = at_a_moment(now)
    if after is not now:
        return Step(after)
    if now.state.switching == "due":
        return Step(now.change(switching="pausing", audio_open=False), (PauseAudio(),))
    return None


def audio_paused(now: Now, paused: AudioPaused, _: Policy) -> Step:
    """Wait for speech that has begun already; audio that nobody but the client or the proxy commits is not left."""
    if now.state.switching not in {"pausing", "paused"}:
        return Step(now)
    is_detected = at(now.state.in_force, "audio", "input", "turn_detection", default={}) is not None
    if paused.uncommitted and not is_detected:
        return Step(now.change(switching="", has_uncommitted=True))
    heard = now.data.input_audio
    if heard.uncommitted and not is_detected:  # Reported behind the commit of it.
        now = now.change(input_audio=replace(heard, uncommitted=0.0))
    return Step(now.change(switching="paused"))


def _take_over(now: Now, one: Standby) -> Step:
    leaving = now.change(standby=replace(one, stage="taking over"), switching="leaving")
    return Step(leaving, (TakeOver(one.generation, now.data.epoch, now.data.speeches),))


def take_over_put_off(now: Now, put_off: TakeOverPutOff, _: Policy) -> Step:
    """Stay with the link: something had begun on it."""
    one = now.data.standby
    if one is None or one.generation != put_off.generation:
        return Step(now)
    return Step(now.change(standby=replace(one, stage="open"), switching=""))
