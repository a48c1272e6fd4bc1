"""What a session's journal holds: what passed on both of its wires, and what was decided between them.

An entry has what was there when it was made, unchanged and uncopied: who reads it makes of it what may be shown.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.session.effects import Effect
    from turnstile.session.events import Event

Wire = Literal["client", "upstream"]
Direction = Literal["in", "out"]


class FrameEntry(NamedTuple):
    """A text frame.

    Args:
        at: Seconds, by the journal's clock, in all entries.
        wire: The client's connection, or an upstream link.
        direction: Towards the proxy, or from it.
        data: The frame; credentials that upstream repeats are masked, all others are in it.
        link: Which of the session's upstream links, from 1; 0 on the client's wire.
        size: How many bytes it had, where a reader kept only its beginning; 0: it is whole.
    """

    at: float
    wire: Wire
    direction: Direction
    data: bytes
    link: int = 0
    size: int = 0


class AudioEntry(NamedTuple):
    """Audio that passed at once.

    Args:
        at: As of `FrameEntry`, like the next two, and `link`.
        wire: See there.
        direction: See there.
        pieces: The audio of binary frames, or base64 as it stands in events.
        link: See there.
    """

    at: float
    wire: Wire
    direction: Direction
    pieces: Sequence[bytes | str]
    link: int = 0


class DecisionEntry(NamedTuple):
    """An event of the session, and the effects that it had.

    Args:
        at: Seconds.
        event: The event.
        effects: The effects, in order; the notes of held requests among them.
        held_elsewhere: What `Session.held_elsewhere` was then.
    """

    at: float
    event: Event
    effects: Sequence[Effect]
    held_elsewhere: int


class NoteEntry(NamedTuple):
    """What became of a connection.

    Args:
        at: Seconds.
        wire: The client's connection, or an upstream link.
        kind: ``closed``: by the peer, or lost; ``took over``: the link is in use; ``handed back``: a command did not
            go.
        detail: The close code and reason, the link's loss, or the command's id.
        link: As of `FrameEntry`.
    """

    at: float
    wire: Wire
    kind: str
    detail: str
    link: int = 0


JournalEntry = FrameEntry | AudioEntry | DecisionEntry | NoteEntry

# Made for every frame that is read, and so without the Python call of a named tuple's own constructor.
frame_entry: Callable[[tuple[float, Wire, Direction, bytes, int, int]], FrameEntry] = partial(tuple.__new__, FrameEntry)
"""Make a `FrameEntry` of the tuple of its fields."""
audio_entry: Callable[[tuple[float, Wire, Direction, Sequence[bytes | str], int]], AudioEntry] = partial(
    tuple.__new__, AudioEntry
)
"""Make an `AudioEntry` likewise."""
decision_entry: Callable[[tuple[float, Event, Sequence[Effect], int]], DecisionEntry] = partial(
    tuple.__new__, DecisionEntry
)
"""Make a `DecisionEntry` likewise."""
