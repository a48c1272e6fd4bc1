"""Where the keys for JSON web tokens come from: a set that stays as it is, or an address that is fetched anew."""

from __future__ import annotations

import enum
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from turnstile.auth.jwt_keys import KeySet, VerificationKey, parse_key_set
from turnstile.transports.http.blocking_client import HttpRequest
from turnstile.transports.http.network import HttpCallError

if TYPE_CHECKING:
    from collections.abc import Collection

    from turnstile.ports import Clock
    from turnstile.server.requests import ClientGone
    from turnstile.transports.http.allow_list import Address
    from turnstile.transports.http.blocking_client import BlockingClient

_log = logging.getLogger(__name__)

MAX_AGE: Final = 600.0
"""Seconds after which keys are fetched anew before they are used: one that the issuer withdraws counts no longer."""
PAUSE: Final = 10.0
"""Seconds between two fetches at the least, whatever keys strangers name."""


class NoKey(enum.Enum):
    """Why there is no key for a token."""

    UNKNOWN = enum.auto()
    """The issuer has none of this name and type."""
    UNREACHABLE = enum.auto()
    """The issuer's keys have never been fetched."""


Found = Callable[[VerificationKey | NoKey], None]
"""Takes the key, once, on the I/O thread."""


class KeySource(Protocol):
    """Finds the keys of one issuer."""

    def find(self, algorithm: str, kid: str | None, found: Found, /) -> ClientGone | None:
        """Find the key for a token, on the I/O thread, without blocking.

        Args:
            algorithm: The token's.
            kid: The name of the key in the token, or None.
            found: Called once, in this call or later.

        Returns:
            What is called if `found` need not be called any more.
        """

    def close(self, timeout: float, /) -> None:
        """Fetch no more.

        Args:
            timeout: Seconds to wait for a fetch that is under way.
        """


class FixedKeys(KeySource):
    """Keys that stay as they are.

    Args:
        keys: All there are.
    """

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def find(self, algorithm: str, kid: str | None, found: Found, /) -> None:
        """Find the key at once."""
        found(self._keys.find(algorithm, kid) or NoKey.UNKNOWN)

    def close(self, timeout: float, /) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """A key that waits for the fetch."""

    algorithm: str
    kid: str | None
    found: Found


class FetchedKeys(KeySource):
    """Keys behind an address: fetched when the first is needed, when they are old, and when one is not among them.

    One fetch at a time, on a thread of its own, and none within `PAUSE` of the last one. A token waits for the fetch
    that its key needs; where the fetch before has failed it does not, and what is known stays in use.

    All on the I/O thread, but for the fetch.

    Args:
        client: Fetches; one thread is enough, and a place to wait for it.
        address: Where the set is.
        algorithms: Those that keys are wanted for.
        call_soon: Runs a call on the I/O thread, from any thread.
        clock: Seconds that only go forward.
        known: Keys that were fetched from there before; they are old.
    """

    def __init__(
        self,
        client: BlockingClient,
        address: Address,
        algorithms: Collection[str],
        call_soon: Callable[[Callable[[], None]], object],
        clock: Clock,
        known: KeySet | None = None,
    ) -> None:
        self._client = client
        self._address = address
        self._algorithms = algorithms
        self._call_soon = call_soon
        self._clock = clock
        self._keys = known
        self._fetched_at = self._begun_at = -math.inf
        self._is_fetching = self._has_failed = False
        self._waiting: dict[_Wanted, None] = {}

    @property
    def known(self) -> KeySet | None:
        """The keys that were fetched last, for any thread; None if none were."""
        return self._keys

    def find(self, algorithm: str, kid: str | None, found: Found, /) -> ClientGone | None:
        """Find the key among those that are known, or wait for a fetch."""
        if self._clock() - self._fetched_at >= MAX_AGE or self._known(algorithm, kid) is None:
            self._fetch_unless_just_done()
            if self._is_fetching and not self._has_failed:
                wanted = _Wanted(algorithm, kid, found)
                self._waiting[wanted] = None
                return lambda: self._waiting.pop(wanted, None)
        self._answer(algorithm, kid, found)
        return None

    def close(self, timeout: float, /) -> None:
        """Fetch no more; what waits is answered when the fetch that is under way ends."""
        self._client.close(timeout)

    def _known(self, algorithm: str, kid: str | None) -> VerificationKey | None:
        return None if self._keys is None else self._keys.find(algorithm, kid)

    def _answer(self, algorithm: str, kid: str | None, found: Found) -> None:
        found(self._known(algorithm, kid) or (NoKey.UNREACHABLE if self._keys is None else NoKey.UNKNOWN))

    def _fetch_unless_just_done(self) -> None:
        now = self._clock()
        if self._is_fetching or now - self._begun_at < PAUSE:
            return
        self._begun_at = now
        self._is_fetching = self._client.submit(self._fetch) is not None

    def _fetch(self) -> None:
        """Fetch the set, on the client's thread."""
        if self._client.closed:  # it calls what has waited on the thread that closes it
            self._call_soon(lambda: self._fetched("The proxy needs no more keys."))
            return
        outcome: KeySet | str
        try:
            answer = self._client.exchange(HttpRequest("GET", self._address), self._client.operation(), with_body={200})
            if answer.status == 200:  # noqa: PLR2004 - HTTP's OK
                outcome = parse_key_set(answer.body, self._algorithms)
            else:
                outcome = (
                    f"The service answered {answer.status}, not 200: name the address that it redirects to, if any."
                )
        except HttpCallError as error:
            outcome = error.problem.description
        except ValueError as error:
            outcome = f"The service's answer {error}."
        except Exception as error:  # noqa: BLE001 - whatever it is, clients wait for the outcome
            outcome = f"It could not be fetched ({type(error).__name__})."
        self._call_soon(lambda: self._fetched(outcome))

    def _fetched(self, outcome: KeySet | str) -> None:
        self._is_fetching = False
        if isinstance(outcome, KeySet):
            self._keys, self._fetched_at = outcome, self._clock()
            if self._has_failed:
                _log.warning("auth.jwt_keys: the keys are there again")
        elif not self._has_failed:
            stay = "there are none yet" if self._keys is None else "those that are known stay in use"
            _log.warning("auth.jwt_keys: no keys could be fetched, %s: %s", stay, outcome)
        self._has_failed = not isinstance(outcome, KeySet)
        waiting, self._waiting = self._waiting, {}
        for wanted in waiting:
            self._answer(wanted.algorithm, wanted.kid, wanted.found)
