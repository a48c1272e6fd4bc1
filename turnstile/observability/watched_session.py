"""A session in a live stream: its journal's entries become lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from turnstile.observability.journal_thread import Sink
from turnstile.observability.session_recording import SessionEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.observability.journal_lines import JournalLines
    from turnstile.observability.journal_thread import JournalThread

Json = dict[str, Any]


class Offer(Protocol):
    """Takes lines of a session (`turnstile.observability.watching.Watch.offer`)."""

    def __call__(self, lines: list[Json], at: float, *, is_end: bool) -> object:
        """Take them."""
        ...


class WatchedSession(Sink):
    """Makes the lines of a session in a stream; all but `__init__` on the journal's thread.

    Args:
        offer: Takes the lines.
        thread: The journal's.
        lines: Makes the lines of entries.
        named: What each line has besides.
        make_head: Returns the first line.
    """

    def __init__(
        self, offer: Offer, thread: JournalThread, lines: JournalLines, named: Json, make_head: Callable[[], Json]
    ) -> None:
        self._offer_lines, self._thread, self._lines, self._named = offer, thread, lines, named
        self._head = make_head
        self._at = lines.began_at

    def take(self, entry: Any) -> None:
        """Offer the lines of an entry; of None, the head."""
        if entry is None:
            self._offer([self._head()])
            return
        self._at = entry.at
        if entry.__class__ is SessionEnd:
            self._say_lost()
            self._offer(self._lines.end(entry.at, entry.ending, entry.counts), is_end=True)
        else:
            self._offer(self._lines.lines(entry))

    def settle(self) -> None:
        """Say what was lost."""
        self._say_lost()

    def _say_lost(self) -> None:
        lost = self._thread.take_lost(self)
        if lost:
            self._offer([self._lines.lost(self._at, lost)])

    def _offer(self, lines: list[Json], *, is_end: bool = False) -> None:
        if lines:
            named = [self._named | line for line in lines] if self._named else lines
            self._offer_lines(named, self._lines.since(self._at), is_end=is_end)
