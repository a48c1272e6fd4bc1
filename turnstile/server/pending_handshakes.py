"""The opening handshakes under way: bounded in number, for each address too, and in time.

Where there is no place for one more, an older one goes. So who connects and says nothing keeps nobody out, and who
opens many connections costs itself its oldest ones. All of it takes the same time, however many there are.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Protocol

from turnstile.transports.poll import READ
from turnstile.transports.socket_handler import SocketHandler, call_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.transports.loop import IoLoop

UNKNOWN_OWNER = ""
"""The owner of handshakes over a trusted proxy that has not said yet for whom: no bound of one address applies."""


class PendingHandshake(SocketHandler, Protocol):
    """What is needed of a handshake. Each is removed as soon as it is over."""

    def has_unread(self) -> bool:
        """Return whether the client waits for us: it has sent what was not read yet."""

    def give_up(self, reason: str, words: str) -> None:
        """End it now, and log why: a word or two, and words for people."""


class _Place:
    """The place of one handshake."""

    __slots__ = ("deadline", "is_spared", "owner")

    def __init__(self, owner: str, deadline: float) -> None:
        self.owner = owner
        self.deadline = deadline
        self.is_spared = False


class PendingHandshakes:
    """The handshakes under way; all on the I/O thread.

    Args:
        loop: Tells the time.
        at_most: How many there may be.
        of_one: How many of one owner, which is an address, or a network that counts as one.
        note_count: Called with their number when it changes.
    """

    def __init__(self, loop: IoLoop, at_most: int, of_one: int, note_count: Callable[[int], object]) -> None:
        self._loop = loop
        self._note_count = note_count
        self._places: dict[PendingHandshake, _Place] = {}  # the oldest first
        self._of: dict[str, dict[PendingHandshake, None]] = {}  # by owner, the oldest first
        self._owners: dict[int, dict[str, None]] = {}  # by how many they have
        self._largest = 0  # how many the owner has that has most
        self._due = math.inf  # when the time is looked at next
        self.at_most = at_most
        self.of_one = of_one

    def __len__(self) -> int:
        """Return how many are under way."""
        return len(self._places)

    def add(self, handshake: PendingHandshake, owner: str, timeout: float) -> None:
        """Add a handshake that begins, and give it `timeout` seconds; older ones go if there is no place."""
        self._make_room_of(owner)
        while len(self._places) >= self.at_most:
            self._evict_from_largest("max_handshakes")
        self._places[handshake] = _Place(owner, self._loop.now + timeout)
        self._put(handshake, owner)
        self._note_count(len(self._places))
        self._wait()

    def move(self, handshake: PendingHandshake, owner: str) -> None:
        """Count a handshake for another owner, since it has turned out whose it is."""
        place = self._places.get(handshake)
        if place is not None and place.owner != owner:
            self._take(handshake, place.owner)
            self._make_room_of(owner)
            place.owner = owner
            self._put(handshake, owner)

    def remove(self, handshake: PendingHandshake) -> None:
        """Remove a handshake that is over."""
        place = self._places.pop(handshake, None)
        if place is not None:
            self._take(handshake, place.owner)
            self._note_count(len(self._places))

    def evict(self, reason: str) -> bool:
        """End one, of the owner that has most; return False if there is none."""
        if not self._places:
            return False
        self._evict_from_largest(reason)
        return True

    def _make_room_of(self, owner: str) -> None:
        while owner != UNKNOWN_OWNER and len(self._of.get(owner, ())) >= self.of_one:
            self._evict(owner, "max_handshakes_per_address")

    def _evict_from_largest(self, reason: str) -> None:
        self._evict(next(iter(self._owners[self._largest])), reason)

    def _evict(self, owner: str, reason: str) -> None:
        """End the oldest handshake of an owner; one whose client waits for us gets its turn first, once."""
        while True:
            handshake = next(iter(self._of[owner]))
            place = self._places[handshake]
            if place.is_spared or not handshake.has_unread():
                break
            place.is_spared = True
            call_for(handshake, partial(handshake.ready, READ))
            if handshake not in self._places or place.owner != owner:
                return
            # Behind the others, which may have come as far.
            del self._of[owner][handshake]
            self._of[owner][handshake] = None
        handshake.give_up(reason, f"it was not finished, and the oldest of {len(self._of[owner])} from there")

    def _put(self, handshake: PendingHandshake, owner: str) -> None:
        of_owner = self._of.setdefault(owner, {})
        of_owner[handshake] = None
        self._count(owner, len(of_owner) - 1, len(of_owner))

    def _take(self, handshake: PendingHandshake, owner: str) -> None:
        of_owner = self._of[owner]
        del of_owner[handshake]
        if not of_owner:
            del self._of[owner]
        self._count(owner, len(of_owner) + 1, len(of_owner))

    def _count(self, owner: str, before: int, after: int) -> None:
        """Note that an owner has one more, or one less."""
        if before:
            del self._owners[before][owner]
        if after:
            self._owners.setdefault(after, {})[owner] = None
        self._largest = max(self._largest, after)
        if before and not self._owners[before]:
            del self._owners[before]
            if self._largest == before:
                self._largest = after

    def _wait(self) -> None:
        """Have the time looked at when that of the oldest is up: one timer, however many come and go."""
        oldest = next(iter(self._places.values()), None)
        if oldest is not None and oldest.deadline < self._due:
            self._due = oldest.deadline
            self._loop.call_later(max(0.0, self._due - self._loop.now), self._end_overdue)

    def _end_overdue(self) -> None:
        if self._loop.now < self._due:
            return  # an earlier time has come between
        self._due = math.inf
        for handshake in self._overdue():
            handshake.give_up("handshake_timeout", "it was not finished in time")
        self._wait()

    def _overdue(self) -> list[PendingHandshake]:
        overdue = []
        for handshake, place in self._places.items():
            if place.deadline > self._loop.now:
                break
            overdue.append(handshake)
        return overdue
