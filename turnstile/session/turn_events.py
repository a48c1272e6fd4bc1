"""What upstream tells of the user's turns."""

from __future__ import annotations

from typing import NamedTuple

from turnstile.session.record import record


class CutOff(NamedTuple):
    """An item of the agent's that the user has not heard to the end.

    Args:
        item_id: The item.
        milliseconds: How much of its audio was heard.
        heard: The text of that; None where it is not known.
    """

    item_id: str
    milliseconds: int
    heard: str | None = None


@record
class SpeechStarted:
    """The server detected speech of the user.

    Args:
        cut_off: The items of the agent's that the user has not heard to the end.
    """

    cut_off: tuple[CutOff, ...] = ()


@record
class SpeechStopped:
    """The server detected that the user stopped; `item_id` names the turn that it will commit."""

    item_id: str


@record
class TurnCommitted:
    """Input audio became the conversation item `item_id`, by the server's decision or at our command."""

    item_id: str


@record
class InputCleared:
    """``input_audio_buffer.cleared``: what was heard of the user is forgotten, and no turn comes of it."""


@record
class AudioHeard:
    """Input audio went upstream while the proxy commits; `milliseconds` of it since the last time."""

    milliseconds: float


TurnFact = SpeechStarted | SpeechStopped | TurnCommitted | InputCleared | AudioHeard
