"""Collisions of our creates and updates with a response that upstream has begun: which one, and whether it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.journal_notes import Noted

if TYPE_CHECKING:
    from turnstile.session.events import Refused
    from turnstile.session.state import Now

_COLLISION = "conversation_already_has_active_response"
# Stands for the winner of a race that a refusal did not name.
_NAMELESS = "(unnamed)"


def is_collision(error: Refused) -> bool:
    """Return whether an error is the API's about two responses at once; in early 2025 it had no code."""
    return error.code == _COLLISION or "already has an active response" in error.message


def blocking_response(now: Now, error: Refused, ended: str) -> str | None:
    """Return the response that a collision was lost to.

    Args:
        now: Before the refusal.
        error: The refusal.
        ended: The response that had ended last when the refused event was sent.

    Returns:
        Its name, where its beginning is yet to be read; "" where one runs or is expected, so that the gate is shut
        anyway; None where it is over.
    """
    if now.state.response or now.state.expected:
        return ""
    is_over = error.running in now.data.ended if error.running else last_ended(now) != ended
    return None if is_over else error.running or _NAMELESS


def lost_race(event_id: str, tries: int) -> Noted:
    """Return the note that our create or update `event_id` lost a race for the time that `tries` counts."""
    return Noted("collided", f"{event_id} try {tries}")


def last_ended(now: Now) -> str:
    """Return the response that ended last, "" before the first."""
    return now.data.ended[-1] if now.data.ended else ""
