"""What each worker process shows to the others and to their parent: signs of life, counts, times; in shared memory."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Final, Self

_HEARTBEATS, _SESSIONS, _HANDSHAKES, _REACHED, _UNREACHED = range(5)
_CLIENTS: Final = (_HEARTBEATS, _SESSIONS, _HANDSHAKES)
_FIELDS: Final = 5  # in a slot
_MS: Final = 1000  # fields are whole numbers
_FIELD_BYTES: Final = 8  # aligned, so that no other process reads one that is half written


class WorkerBoard:
    """A slot for each worker, numbered from 1, which nobody writes but that worker, and its parent when it has ended.

    Counts are read without a lock: one that changes at this moment is read as it was before or is after.

    Args:
        memory: The bytes of all slots.
    """

    def __init__(self, memory: bytearray | mmap.mmap) -> None:
        self._fields = memoryview(memory).cast("Q")

    @classmethod
    def shared(cls, descriptor: int) -> Self:
        """Return the board in a file from `board_file`, which may be closed then."""
        return cls(mmap.mmap(descriptor, 0))

    @classmethod
    def in_memory(cls, workers: int = 1) -> Self:
        """Return a board that no other process shares; by default with one slot."""
        return cls(bytearray(workers * _FIELDS * _FIELD_BYTES))

    def slot(self, number: int) -> WorkerSlot:
        """Return the slot of the worker with this number."""
        return WorkerSlot(self._fields, number)

    def heartbeats(self, number: int) -> int:
        """Return how many signs of life the worker has given; 0 while it starts."""
        return self._fields[(number - 1) * _FIELDS + _HEARTBEATS]

    def clear(self, number: int) -> None:
        """Set all counts of a worker that has ended to 0."""
        for field in range((number - 1) * _FIELDS, number * _FIELDS):
            self._fields[field] = 0


class WorkerSlot:
    """The slot of one worker, and what it reads of the others.

    Args:
        fields: Those of all slots.
        number: The worker's, from 1.
    """

    def __init__(self, fields: memoryview, number: int) -> None:
        self._fields = fields
        self._first = (number - 1) * _FIELDS
        self.number = number
        """The worker's, from 1."""

    def beat(self) -> None:
        """Give a sign of life."""
        self._fields[self._first + _HEARTBEATS] += 1

    def note_sessions(self, count: int) -> None:
        """Show how many sessions are open in this process."""
        self._fields[self._first + _SESSIONS] = count

    def note_handshakes(self, count: int) -> None:
        """Show how many clients are in their opening handshake in this process."""
        self._fields[self._first + _HANDSHAKES] = count

    def note_reached(self, wall_time: float) -> None:
        """Show that this process has just opened a link to upstream, at a time in seconds since 1970."""
        self._fields[self._first + _REACHED] = round(wall_time * _MS)

    def note_unreached(self, wall_time: float) -> None:
        """Show that this process has just found upstream out of reach."""
        self._fields[self._first + _UNREACHED] = round(wall_time * _MS)

    @property
    def last_reached(self) -> float:
        """When a process last opened a link to upstream, in seconds since 1970; 0 for never."""
        return float(max(self._fields[_REACHED::_FIELDS])) / _MS

    @property
    def last_unreached(self) -> float:
        """When a process last found upstream out of reach, in seconds since 1970; 0 for never."""
        return float(max(self._fields[_UNREACHED::_FIELDS])) / _MS

    @property
    def own_handshakes(self) -> int:
        """How many clients are in their opening handshake in this process."""
        return self._fields[self._first + _HANDSHAKES]

    @property
    def lead(self) -> int:
        """How many clients more this process has than the one with the fewest, of those that give signs of life."""
        beats, sessions, handshakes = (self._fields[field::_FIELDS].tolist() for field in _CLIENTS)
        clients = [a + b for alive, a, b in zip(beats, sessions, handshakes, strict=True) if alive]
        own = self._fields[self._first + _SESSIONS] + self._fields[self._first + _HANDSHAKES]
        return max(0, own - min(clients, default=own))

    @property
    def sessions(self) -> int:
        """How many sessions are open in all processes together."""
        return sum(self._fields[_SESSIONS::_FIELDS])


def board_file(workers: int) -> int:
    """Open a file without a name that holds the board of so many workers; return its descriptor.

    Raises:
        OSError: The system has no room for it.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("turnstile-workers")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, workers * _FIELDS * _FIELD_BYTES)
    return descriptor
