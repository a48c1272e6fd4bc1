"""Audio that passes without a pause, put together where it is told: a recording pays for a row, not for each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from turnstile.observability.journal_entries import AudioEntry, DecisionEntry, FrameEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.observability.journal_entries import Direction, JournalEntry, Wire

PAUSE: Final = 0.25
"""Seconds between two pieces of audio that are not of one row any more."""


class AudioRow:
    """Audio of one wire and direction, without a pause; it grows until another entry of its place is told.

    Args:
        at: When its first piece passed, in seconds.
        wire: The client's connection, or an upstream link.
        direction: Towards the proxy, or from it.
        link: Which upstream link; 0 on the client's wire.
    """

    __slots__ = ("at", "audio", "direction", "frames", "link", "until", "wire")

    def __init__(self, at: float, wire: Wire, direction: Direction, link: int) -> None:
        self.at = self.until = at
        self.wire, self.direction, self.link = wire, direction, link
        self.audio = self.frames = 0

    def add(self, entry: AudioEntry) -> None:
        """Add what passed at once."""
        self.until = entry.at
        self.frames += len(entry.pieces)
        for piece in entry.pieces:
            self.audio += base64_size(piece) if isinstance(piece, str) else len(piece)

    def goes_on(self, at: float, link: int) -> bool:
        """Return whether audio of that moment is of this row."""
        return link == self.link and at - self.until < PAUSE


def row_of(entry: AudioEntry) -> AudioRow:
    """Return a row of what passed at once."""
    row = AudioRow(entry.at, entry.wire, entry.direction, entry.link)
    row.add(entry)
    return row


class InRows:
    """Reads entries with the audio in rows, each where it begins; called on the actors' threads.

    Args:
        read: Reads them.
    """

    __slots__ = ("_read", "_rows")

    def __init__(self, read: Callable[[JournalEntry | AudioRow], None]) -> None:
        self._read = read
        self._rows: dict[tuple[Wire, Direction], AudioRow] = {}

    def __call__(self, entry: JournalEntry) -> None:
        """Read an entry; it ends the rows of its place."""
        if isinstance(entry, AudioEntry):
            self.audio(*entry)
            return
        if self._rows:
            if isinstance(entry, FrameEntry):
                self._rows.pop((entry.wire, entry.direction), None)
            elif not isinstance(entry, DecisionEntry) or entry.effects:
                self._rows.clear()
        self._read(entry)

    def audio(self, at: float, wire: Wire, direction: Direction, pieces: Sequence[bytes | str], link: int) -> None:
        """Read audio, by the fields of an `AudioEntry`: this is for every frame, and an entry takes time to make."""
        row = self._rows.get((wire, direction))
        if row is None or row.link != link or at - row.until >= PAUSE:
            row = self._rows[wire, direction] = row_of(AudioEntry(at, wire, direction, pieces, link))
            self._read(row)
            return
        # As `AudioRow.add` does, without a call.
        row.until = at
        row.frames += len(pieces)
        for piece in pieces:
            if isinstance(piece, bytes):
                row.audio += len(piece)
            else:
                row.audio += len(piece) * 3 // 4 - (piece[-2:].count("=") if piece[-1:] == "=" else 0)


def base64_size(text: str) -> int:
    """Return how many bytes base64 encodes."""
    return len(text) * 3 // 4 - (text[-2:].count("=") if text[-1:] == "=" else 0)
