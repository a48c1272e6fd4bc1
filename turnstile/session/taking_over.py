"""The takeover: the standby is the link in use, and gets what is owed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.config_comparison import with_shown
from turnstile.session.config_patch import at, merged
from turnstile.session.effects import Reported, Unlocked
from turnstile.session.left_on_link import left_behind
from turnstile.session.link import lost_in_words, renewals
from turnstile.session.restoring import not_owed, with_conversation
from turnstile.session.shortfalls import VOICE, not_in_force, voice_asked
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.effects import Effect
    from turnstile.session.link_events import TookOver
    from turnstile.session.policy import Policy
    from turnstile.session.standby import Standby
    from turnstile.session.state import Now

# What cannot be restored, by why: see `conversation.Missing`.
_MISSING = {
    "audio": "spoken without a transcript",
    "image": "with an image that is too large",
    "size": "too large (session.max_conversation_bytes)",
    "cut": "cut off, of which it is not known what was heard",
}
_ENDED = "The session of the upstream link was about to end."


def took_over(now: Now, took: TookOver, policy: Policy) -> Step:
    """Use the link that was the standby: it gets what the conversation has gained, then what is owed."""
    one = now.data.standby
    if one is None or one.generation != took.generation or now.state.link == "ended":
        return Step(now)
    left = _left_on_the_link_before(now, policy) if now.state.link == "open" else Step(now)
    used, reports = _in_use(left.now, one, took, policy)
    for item_id, _ in one.left_out:
        used = not_owed(used, item_id)
    restored = with_conversation(used, one.told, one.left_out, policy)
    said, told = _restored_in_words(left.now, one, policy)
    after = restored.now.change(is_restoring=False, told_lost=told)
    return Step(after, (*left.effects, *reports, *said, *restored.effects))


def _left_on_the_link_before(now: Now, policy: Policy) -> Step:
    """Treat what still runs on the link before as lost with it; where nothing runs, nothing is said."""
    was_busy = bool(now.state.response or now.state.requested or now.state.expected or now.state.user_audio.speaking)
    left = left_behind(now, Problem("upstream_closed", _ENDED), policy)
    told = lost_in_words(_ENDED) if was_busy and not policy.is_transparent else ()
    return Step(left.now.change(is_restoring=was_busy), (*told, *left.effects))


def _in_use(now: Now, one: Standby, took: TookOver, policy: Policy) -> tuple[Now, tuple[Effect, ...]]:
    """Return the session with the configuration that is in force on the standby, and what is said of it."""
    found = tuple(each for each in one.found if at(now.state.accepted, *each.path) == each.asked)
    accepted = with_shown(now.state.accepted, found)
    new = [each for each in found if not each.is_made_up_for and at(now.state.in_force, *each.path) != each.shown]
    effects: list[Effect] = [Reported(not_in_force(None, each)) for each in new if not policy.is_transparent]
    locked = now.data.locked
    if locked is not None and at(one.in_force, *VOICE) == (voice := voice_asked(locked)):
        accepted = merged(accepted, {"audio": {"output": {"voice": voice}}})
        effects.append(Unlocked(locked.ref))
    after = now.change(
        link="open",
        switching="",
        accepted=accepted,
        in_force=one.in_force,
        audio_open=False,
        standby=None,
        has_opened=True,
        locked=None,
        voice=at(one.in_force, *VOICE, default=one.voice),
        modalities=one.modalities or now.data.modalities,
        has_uncommitted=False,
        renewals=renewals(took.lifetime, one.generation, policy, has_waited=now.state.link == "open"),
    )
    return after, tuple(effects)


def _restored_in_words(now: Now, one: Standby, policy: Policy) -> tuple[tuple[Reported, ...], int]:
    """Report that another link is in use, with what it does not know; what was said of that is not said again.

    A Realtime client is told only what it does not know.
    """
    conversation = now.data.conversation
    kinds = Counter(kind for _, kind in conversation.unrestorable)
    lost = kinds.total() + conversation.gone
    missing: list[str] = []
    if lost > now.data.told_lost:
        missing += (
            [f"the oldest {conversation.gone} turns (session.max_conversation_bytes)"] if conversation.gone else []
        )
        missing += [f"{number} {_MISSING[kind]}" for kind, number in kinds.items()]
    if one.left_out:
        missing.append(f"{len(one.left_out)} that upstream refused")
    words = f"Items not restored: {', '.join(missing)}." if missing else ""
    if now.data.is_restoring and not policy.is_transparent:
        restored = (
            f"Another upstream link is in use, with the configuration and {len(one.told)} items of the conversation."
        )
        return (Reported(Problem("upstream_restored", f"{restored} {words}".rstrip())),), lost
    return ((Reported(Problem("not_restored", words)),) if words else ()), lost
