"""Budgets of bytes: one for all that is held or unsent in a session's name, and one for the process."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Final

from turnstile.byte_charge import Charge

if TYPE_CHECKING:
    from collections.abc import Callable

HIGH_WATER: Final = 0.75
"""The part of the process's budget from which no more sessions are begun."""


class ProcessBudget:
    """The budget of a process: counts what all its sessions hold; may be used from any thread.

    Past the limit the owner that holds most over all its sessions loses the largest of them. It holds more than its
    share of the limit then, since all owners together do.

    Args:
        limit: How many bytes all sessions may hold together.
        session_limit: How many bytes one session may hold.
    """

    def __init__(self, limit: int = sys.maxsize, session_limit: int = sys.maxsize) -> None:
        self._limit = limit
        self._session_limit = session_limit
        self._lock = threading.Lock()
        self._held = 0
        self._kept = 0  # without what sessions that were told to end still hold
        self._sessions: defaultdict[str, set[SessionBudget]] = defaultdict(set)

    @property
    def held(self) -> int:
        """Bytes that all sessions hold."""
        return self._held

    @property
    def is_high(self) -> bool:
        """Whether so much is held that no more sessions shall begin."""
        return self._held >= self._limit * HIGH_WATER

    @property
    def limit(self) -> int:
        """How many bytes all sessions may hold together."""
        return self._limit

    def session(self, owner: str, end: Callable[[], None] | None = None) -> SessionBudget:
        """Open the budget of a new session.

        Args:
            owner: The address or identity that it counts for.
            end: Ends the session, since all sessions hold too much; called once at most, on any thread; must not block.
        """
        budget = SessionBudget(self, owner, self._session_limit, end or _nothing)
        with self._lock:
            self._sessions[owner].add(budget)
        return budget

    def charge(self, session: SessionBudget, size: int) -> None:
        """Count `size` more bytes for a session, or fewer where it is negative; end sessions past the limit."""
        with self._lock:
            session.held += size
            self._held += size
            if not session.is_ended:
                self._kept += size
            elif not session.held:
                self._remove(session)
            ended = self._ended() if size > 0 and self._kept > self._limit else []
            has_room = session.take_room_call() if size < 0 else None
        for one in ended:
            one.end()
        if has_room is not None:
            has_room()

    def when_room(self, session: SessionBudget, size: int, call: Callable[[], object]) -> None:
        """Call once, as soon as a session has room for `size` more bytes; at once where it has."""
        with self._lock:
            session.wanted, session.room_call = size, call
            has_room = session.take_room_call()
        if has_room is not None:
            has_room()

    def close(self, session: SessionBudget) -> None:
        """Remove a session that has ended as soon as it holds nothing."""
        with self._lock:
            self._leave(session)
            if not session.held:
                self._remove(session)

    def _ended(self) -> list[SessionBudget]:
        """Choose the sessions that must end; the lock is held."""
        ended: list[SessionBudget] = []
        while self._kept > self._limit:
            live = {owner: [one for one in all_ if not one.is_ended] for owner, all_ in self._sessions.items()}
            most = max(live.values(), key=lambda ones: sum(one.held for one in ones))
            largest = max(most, key=lambda one: one.held)
            self._leave(largest)
            ended.append(largest)
        return ended

    def _leave(self, session: SessionBudget) -> None:
        if not session.is_ended:
            session.is_ended = True
            self._kept -= session.held

    def _remove(self, session: SessionBudget) -> None:
        ones = self._sessions[session.owner]
        ones.discard(session)
        if not ones:
            del self._sessions[session.owner]


class SessionBudget:
    """The budget of one session: counts all that is held or unsent in its name.

    Args:
        process: The budget that it is a part of.
        owner: The address or identity that it counts for.
        limit: How many bytes it may hold.
        end: Ends the session.
    """

    def __init__(self, process: ProcessBudget, owner: str, limit: int, end: Callable[[], None]) -> None:
        self._process = process
        self._limit = limit
        self._staying: list[Charge] = []
        self._beside: list[Charge] = []
        self.owner = owner
        self.identity = ""
        """The name of the client's identity; "" for none."""
        self.on_close: Callable[[], object] = _nothing
        """Is called once, when the session has ended and its budget is closed; must not block."""
        self.end = end
        """Ends the session."""
        self.held = 0
        """Bytes held; changed by `ProcessBudget.charge` only."""
        self.is_ended = False
        """Whether the session has ended, or was told to."""
        self.wanted = 0
        """Bytes for which `room_call` waits; changed with the process's lock held."""
        self.room_call: Callable[[], object] | None = None
        """Is called once when `wanted` bytes have room."""

    @property
    def limit(self) -> int:
        """How many bytes may be held."""
        return self._limit

    @property
    def staying(self) -> int:
        """Bytes held that are not on their way out."""
        return sum(charge.size for charge in self._staying)

    @property
    def limited(self) -> int:
        """Bytes held that the limit is for."""
        return self.held - sum([charge.size for charge in self._beside])

    @property
    def room(self) -> int:
        """Bytes that may still be held; 0 at least."""
        return max(0, self._limit - self.limited)

    def when_room(self, size: int, call: Callable[[], object]) -> None:
        """Call once when there is room for `size` more bytes, in place of an earlier such call that still waits.

        Args:
            size: Bytes.
            call: Made on any thread; must not block.
        """
        self._process.when_room(self, size, call)

    def take_room_call(self) -> Callable[[], object] | None:
        """Return the call that waits for room where there is room for it; the process's lock is held."""
        if self.room_call is None or self.wanted > self.room:
            return None
        call, self.room_call = self.room_call, None
        return call

    def charge(self, *, stays: bool = False, is_limited: bool = True) -> Charge:
        """Open one charge against this budget.

        Args:
            stays: Whether it is of what waits for more than a slow peer; of a session's few charges that last.
            is_limited: Whether the session's limit is for it too; otherwise it has a bound of its own, and counts for
                the process only.
        """
        charge = Charge(self, partial(self._process.charge, self))
        if stays:
            self._staying.append(charge)
        if not is_limited:
            self._beside.append(charge)
        return charge

    def close(self) -> None:
        """Close the budget: the session has ended. What it still holds counts until it is let go."""
        self._process.close(self)
        self.end = _nothing  # it refers to the session
        self.room_call = None
        self._staying.clear()  # they refer to the budget
        self._beside.clear()
        on_close, self.on_close = self.on_close, _nothing
        on_close()


def _nothing() -> None:
    """End nothing."""


def unlimited_budget() -> SessionBudget:
    """Return a budget that bounds nothing: of a connection that is no session's."""
    budget = ProcessBudget().session("")
    budget.close()  # nobody does it later, and the process's budget would keep it
    return budget
