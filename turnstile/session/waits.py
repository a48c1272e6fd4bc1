"""The reasons why something may not go upstream yet; `gate` decides when they apply."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

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


_WORDS: Final[Mapping[Waits, str]] = {
    Waits.LINK: "the upstream link, which is not open",
    Waits.RENEWAL: "another upstream link, which takes over",
    Waits.RESPONSE: "the end of a response",
    Waits.CREATE: "the response that was asked for to begin",
    Waits.TURN: "the end of the user's turn, and the response to it",
    Waits.UPDATE: "upstream's answer to a session.update",
    Waits.CONFIGURATION: "the configuration to be in force",
    Waits.ITEMS: "items on their way into the conversation",
    Waits.BACK_OFF: "the next try, since upstream has refused or failed one",
    Waits.CAPACITY: "others of its kind, since as many are under way as may be",
}


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

    @property
    def in_words(self) -> str:
        """What is waited for, for people who do not know the gate."""
        words = _WORDS[self.waits]
        return f"{words} ({self.which.strip('()')})" if self.which else words


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
