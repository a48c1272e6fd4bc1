"""Quotas: how many sessions an identity and an address may have at once, and start within a minute."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from turnstile.server.recent_starts import RecentStarts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.ports import Clock


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """What one identity and one address may have; 0 for no limit.

    Args:
        identity_sessions: Sessions of an identity at once.
        identity_starts: Sessions that an identity may start within any minute.
        address_sessions: Sessions from an address at once.
        address_starts: Sessions that may start from an address within any minute.
    """

    identity_sessions: int = 0
    identity_starts: int = 0
    address_sessions: int = 0
    address_starts: int = 0

    def __bool__(self) -> bool:
        """Return whether there is any limit."""
        return any((self.identity_sessions, self.identity_starts, self.address_sessions, self.address_starts))


class Claimant(NamedTuple):
    """Who has a session.

    Args:
        identity: The name that its credentials prove; "" for none, which has no quota.
        address: Its address, of IPv6 the network.
    """

    identity: str
    address: str


class Excess(NamedTuple):
    """A quota that one more session would exceed.

    Args:
        quota: Its name in `QuotaLimits`.
        wait: Seconds until the session may start; 0 where that depends on the end of others.
    """

    quota: str
    wait: float


class QuotaCounter:
    """Counts the sessions of identities and addresses; may be used from any thread.

    It remembers only those that have a session, or have started one within the last minute (`RecentStarts`).

    Args:
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._lock = threading.Lock()
        self._identities = _Ledger("identity", clock)
        self._addresses = _Ledger("address", clock)

    def __len__(self) -> int:
        """Return how many identities and addresses have sessions, and how many starts are remembered."""
        return sum(len(ledger.sessions) + len(ledger.starts) for ledger in (self._identities, self._addresses))

    def take(self, claimant: Claimant, limits: QuotaLimits) -> Excess | None:
        """Count one more session that starts now, unless it would exceed a quota; return that one, or None."""
        with self._lock:
            excess = self._excess(claimant, limits)
            if excess is None:
                self._count(claimant, 1)
                if claimant.identity and limits.identity_starts:
                    self._identities.starts.add(claimant.identity)
                if limits.address_starts:
                    self._addresses.starts.add(claimant.address)
            return excess

    def add(self, claimant: Claimant) -> None:
        """Count one more session, whatever the quotas: it has started before there were any."""
        with self._lock:
            self._count(claimant, 1)

    def give_back(self, claimant: Claimant) -> None:
        """Count one session less; its start still counts."""
        with self._lock:
            self._count(claimant, -1)

    def sessions(self, claimant: Claimant) -> tuple[int, int]:
        """Return how many sessions the identity and the address have."""
        with self._lock:
            return self._identities.sessions[claimant.identity], self._addresses.sessions[claimant.address]

    def _excess(self, claimant: Claimant, limits: QuotaLimits) -> Excess | None:
        """Return the quota that would be exceeded, of several the one for which the session must wait longest."""
        found = self._addresses.excesses(claimant.address, limits.address_sessions, limits.address_starts)
        if claimant.identity:
            of_identity = (claimant.identity, limits.identity_sessions, limits.identity_starts)
            found = chain(self._identities.excesses(*of_identity), found)
        return max(found, key=lambda excess: excess.wait, default=None)

    def _count(self, claimant: Claimant, more: int) -> None:
        if claimant.identity:
            self._identities.count(claimant.identity, more)
        self._addresses.count(claimant.address, more)


class _Ledger:
    """The sessions and starts by the names of one kind: identities, or addresses.

    Args:
        kind: The beginning of its quotas' names.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, kind: str, clock: Clock) -> None:
        self._kind = kind
        self.sessions: Counter[str] = Counter()
        self.starts = RecentStarts(clock)

    def excesses(self, name: str, max_sessions: int, max_starts: int) -> Iterator[Excess]:
        if max_sessions and self.sessions[name] >= max_sessions:
            yield Excess(f"{self._kind}_sessions", 0.0)
        wait = self.starts.wait(name, max_starts) if max_starts else 0.0
        if wait > 0:
            yield Excess(f"{self._kind}_starts", wait)

    def count(self, name: str, more: int) -> None:
        self.sessions[name] += more
        if not self.sessions[name]:
            del self.sessions[name]
