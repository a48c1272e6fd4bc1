"""The quotas of the listener's clients: each session has a place that counts, from its admission to its end."""

from __future__ import annotations

import hashlib
import itertools
import math
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from turnstile.protocol.safe_text import on_one_line
from turnstile.server.parent_quotas import CountedByParent
from turnstile.server.quota_counting import CountedHere, Unanswered
from turnstile.server.quotas import Claimant, QuotaLimits
from turnstile.server.requests import Rejection

if TYPE_CHECKING:
    from turnstile.config import QuotasSection
    from turnstile.ports import Clock
    from turnstile.server.parent_link import ParentLink
    from turnstile.server.quota_counting import QuotaCounting
    from turnstile.server.quotas import Excess
    from turnstile.transports.loop import IoLoop

GiveBack = Callable[[], None]
"""Gives a session's place back; once, from any thread."""

# The seconds after which a place may be free again, of which nobody knows.
_SOON = "5"
# How many characters a name may have to be counted by itself, and of how many the client is told.
_NAME_COUNTED, _NAME_SHOWN = 128, 64

_UNCOUNTED = Rejection(
    503, "The proxy cannot count your session at the moment; try again later.\n", {"Retry-After": _SOON}, "quotas"
)


class SessionQuotas:
    """Counts the sessions of the listener's clients, and refuses those beyond a quota.

    Sessions that begin while there is no quota are counted as soon as there is one.

    Args:
        section: The quotas.
        counting: Counts for all processes that serve.
    """

    def __init__(self, section: QuotasSection, counting: QuotaCounting) -> None:
        self._limits = _limits_of(section)
        self._counting = counting
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # guards the three below, and the quotas
        self._counted: dict[int, Claimant] = {}
        self._uncounted: dict[int, Claimant] = {}

    def change(self, section: QuotasSection) -> None:
        """Refuse by these quotas from now on; open sessions stay, and count."""
        with self._lock:
            self._limits = _limits_of(section)
            if self._limits:
                for number, claimant in self._uncounted.items():
                    self._counting.add(number, claimant)
                self._counted |= self._uncounted
                self._uncounted = {}

    def take(self, identity: str, address: str, taken: Callable[[GiveBack | Rejection], None]) -> None:
        """Take a place for a session that is about to begin; on the I/O thread.

        Args:
            identity: The client's name; "" for none.
            address: Its address, of IPv6 the network.
            taken: Called once, on the I/O thread, in this call or later.
        """
        number, claimant = next(self._numbers), Claimant(counted_name(identity), address)
        give_back = partial(self._give_back, number)
        with self._lock:
            limits = self._limits
            if not limits:
                self._uncounted[number] = claimant
        if not limits:
            taken(give_back)
            return

        def counted(outcome: Excess | Unanswered | None) -> None:
            if outcome is None:
                with self._lock:
                    self._counted[number] = claimant
                taken(give_back)
            elif isinstance(outcome, Unanswered):
                taken(_UNCOUNTED)
            else:
                taken(_rejection(outcome, limits, identity, address))

        self._counting.take(number, claimant, limits, counted)

    def _give_back(self, number: int) -> None:
        with self._lock:
            self._uncounted.pop(number, None)
            claimant = self._counted.pop(number, None)
            if claimant is not None:
                self._counting.give_back(number, claimant)


def make_quotas(section: QuotasSection, parent: ParentLink | None, loop: IoLoop, clock: Clock) -> SessionQuotas:
    """Return the quotas of a process's clients, counted by its parent if it is one of several workers."""
    return SessionQuotas(section, CountedHere(clock) if parent is None else CountedByParent(parent, loop))


def _limits_of(section: QuotasSection) -> QuotaLimits:
    return QuotaLimits(
        section.identity_sessions, section.identity_starts, section.address_sessions, section.address_starts
    )


def counted_name(name: str) -> str:
    """Return the name that a client is counted by: a digest of one that is long, or of odd characters."""
    if len(name) <= _NAME_COUNTED and name.isascii() and name.isprintable():
        return name
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()


def _rejection(excess: Excess, limits: QuotaLimits, identity: str, address: str) -> Rejection:
    """Return the answer to a client that has used up a quota: which one, how much it is, and when to try again."""
    limit: int = getattr(limits, excess.quota)
    whose = f"for {on_one_line(identity[:_NAME_SHOWN])}" if excess.quota.startswith("identity") else f"from {address}"
    sessions = "1 session" if limit == 1 else f"{limit} sessions"
    if excess.quota.endswith("starts"):
        seconds = str(max(1, math.ceil(excess.wait)))
        words = f"quotas.{excess.quota}: {sessions} a minute {whose}; try again in {seconds} s.\n"
    else:
        seconds = _SOON
        words = f"quotas.{excess.quota}: {sessions} at once {whose}; try again when one has ended.\n"
    return Rejection(429, words, {"Retry-After": seconds}, f"quotas.{excess.quota}")
