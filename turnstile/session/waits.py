"""The reasons why something may not go upstream yet; `gate` decides when they apply."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from turnstile.session.state import State


class Waits(StrEnum):
    """A reason to wait. Each member names the upstream event that ends the wait."""

    LINK = "link"
    """The upstream link is not open: ``session.created`` ends it, and on one that replaces another the confirmation of
    all that is restored."""
    RENEWAL = "renewal"
    """Another link takes over from one whose session ends soon: its ``session.created`` and the confirmation of all
    that was restored on it have come; no event ends it, only a moment without speech."""
    RESPONSE = "response"
    """A response is in progress, or named by a refusal as running: ``response.done`` with its id ends it."""
    CREATE = "create"
    """Our ``response.create`` is unanswered, or goes first: ``response.created`` ends it, or an ``error``."""
    TURN = "turn"
    """A turn of the user's is not over (``input_audio_buffer.speech_stopped`` or ``.committed`` ends it), or the API
    owes it a response (``response.created`` ends it)."""
    UPDATE = "update"
    """Our ``session.update`` is unanswered: ``session.updated`` ends it, or an ``error``."""
    CONFIGURATION = "configuration"
    """What the client asked for is not in force, or it has asked for nothing yet: ``session.updated`` ends it."""
    ITEMS = "items"
    """Items are on their way into the conversation: ``conversation.item.added`` ends it."""
    BACK_OFF = "back-off"
    """Upstream refused it, or failed it, a moment ago: no event ends it, only the time until the next try."""
    CAPACITY = "capacity"
    """As many of its kind are under way as may be: ``response.created`` ends it for items and agent messages, which a
    response takes up, ``input_audio_buffer.committed`` for commits."""


class Reason(NamedTuple):
    """The reason why a request waits, with the id of what it waits for.

    Args:
        waits: The kind of thing.
        which: Its id, "" where it has none.
    """

    waits: Waits
    which: str = ""

    def __str__(self) -> str:
        return f"{self.waits} {self.which}" if self.which else str(self.waits)


def reason(waits: Waits, state: State) -> Reason:
    """Return the reason `waits` with the id of what it waits for."""
    which = ""
    match waits:
        case Waits.RESPONSE:
            which = state.response.response_id if state.response else state.blocked_by
        case Waits.CREATE if state.requested:
            which = state.requested.event_id
        case Waits.TURN:
            which = state.expected or state.user_audio.barge_in
        case Waits.UPDATE if state.updating:
            which = state.updating.event_id
        case _:
            pass
    return Reason(waits, which)
