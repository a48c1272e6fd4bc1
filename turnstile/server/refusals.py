"""Clients that are refused: counted by reason, and logged where a flood of them begins, goes on and ends.

A browser does not show a page the answer to a refused handshake (WHATWG, WebSockets, "Feedback from the protocol"):
what is logged here is all that its developer gets to see.
"""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

from turnstile.observability.record_fields import log_with_fields
from turnstile.protocol.safe_text import on_one_line, without_secrets
from turnstile.server.addresses import owner_of

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

FIRST_INTERVAL: Final = 10.0
LONGEST_INTERVAL: Final = 600.0
"""Seconds between two lines about refusals of one reason that go on; the first interval doubles up to the longest."""
NAMED_ADDRESSES: Final = 5
"""How many addresses get a line of their own within an interval."""
_MOST_NAMED: Final = 100  # that are remembered
_LONGEST_PATH: Final = 200
_LONGEST_WORDS: Final = 600
_END_OF_PATH: Final = re.compile(r"[?#].*", re.DOTALL)
_SPACE: Final = re.compile(r"\s")


class CallLater(Protocol):
    """Calls a function once, in `delay` seconds."""

    def __call__(self, delay: float, call: Callable[[], None], /) -> object:
        """Ask for the call."""


class _Flood:
    """The refusals of one reason, from the first to the end of the first interval without one."""

    def __init__(self) -> None:
        self.interval = FIRST_INTERVAL
        self.total = 0
        self.in_interval = 0
        self.lines = 0  # of this interval, about one client each
        self.named: set[str] = set()
        self.unnamed = 0
        self.latest = ("", "", "")  # peer, path and words
        self.is_long = False

    def may_name(self, owner: str) -> bool:
        """Return whether a client gets a line of its own, and note that it does."""
        if owner in self.named or self.lines >= NAMED_ADDRESSES:
            return False
        if len(self.named) >= _MOST_NAMED:
            self.named.clear()
        self.named.add(owner)
        self.lines += 1
        return True

    def begin_interval(self) -> None:
        """Begin the next interval, which is longer."""
        self.interval = min(self.interval * 2, LONGEST_INTERVAL)
        self.in_interval = self.lines = self.unnamed = 0


class Refusals:
    """Counts and logs refused clients; all on the I/O thread.

    Of one reason the first is logged at once, and so are others of the same interval from other addresses, a few. While
    more come, each interval ends with one line about them, and intervals grow; an interval without one ends the flood,
    with a line if there was one about more.

    Args:
        call_later: Calls at the end of an interval.
    """

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._counts: dict[str, int] = {}
        self._floods: dict[str, _Flood] = {}

    @property
    def counts(self) -> dict[str, int]:
        """How many were refused so far, by reason; a copy, for any thread."""
        return self._counts.copy()

    def note(self, peer: str, path: str, reason: str, words: str) -> None:
        """Count a refused client, and log it if it is the first of its kind for a while.

        Args:
            peer: Its address, as ``host:port``; "" if it is not known.
            path: What it asked for, without the query; "" if it has not said.
            reason: One of a few words of ours, such as ``origin``: refusals are counted and gathered by it.
            words: What it was answered, for people.
        """
        self._counts[reason] = self._counts.get(reason, 0) + 1
        flood = self._floods.get(reason)
        if flood is None:
            self._floods[reason] = flood = _Flood()
            self._wait(reason, flood)
        else:
            flood.in_interval += 1
        flood.total += 1
        if flood.may_name(owner_of(peer)):
            fields = {"reason": reason, "address": peer, "path": _shown_path(path)}
            log_with_fields(
                log, logging.WARNING, "Refused (%s) %s", reason, _described(peer, path, words), fields=fields
            )
        else:
            flood.unnamed += 1
            flood.latest = peer, path, words

    def _wait(self, reason: str, flood: _Flood) -> None:
        self._call_later(flood.interval, partial(self._interval_ended, reason, flood))

    def _interval_ended(self, reason: str, flood: _Flood) -> None:
        seconds = round(flood.interval)
        if not flood.in_interval:
            del self._floods[reason]
            if flood.is_long:
                log.warning("Refused (%s) none any more for %s s, and %s before", reason, seconds, flood.total)
            return
        if flood.unnamed:
            flood.is_long = True
            latest = _described(*flood.latest)
            log.warning("Refused (%s) %s more within %s s, the latest %s", reason, flood.unnamed, seconds, latest)
        flood.begin_interval()
        self._wait(reason, flood)


def _described(peer: str, path: str, words: str) -> str:
    where = " at ".join(filter(None, (peer, _shown_path(path))))
    return ": ".join(filter(None, (where, _safe(words.strip(), _LONGEST_WORDS))))


def _shown_path(path: str) -> str:
    """Return a decoded path as one word, so that it looks like no other part of a line; without an encoded query."""
    shown = _END_OF_PATH.sub("…", path)
    return _SPACE.sub(lambda match: quote(match[0]), _safe(shown, _LONGEST_PATH))


def _safe(text: str, length: int) -> str:
    # Cut at last: the beginning of a key does not look like one.
    return _cut(on_one_line(without_secrets(text)), length)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
