"""The simulator: opens sessions in memory and for sockets, and keeps their logs."""

from __future__ import annotations

import hmac
import itertools
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from turnstile.errors import Problem
from turnstile.ports import LinkFailed, LinkReady
from turnstile.protocol.upstreams import KINDS
from turnstile.simulator import handshake_errors
from turnstile.simulator.faults import NO_FAULTS, Pace
from turnstile.simulator.links import Links
from turnstile.simulator.outages import Outages
from turnstile.simulator.scenario_files import bundled_scenario
from turnstile.simulator.session import LIFETIME, SimulatedSession
from turnstile.simulator.session_driver import SessionDriver
from turnstile.transports.limits import MIB, ConnectionLimits
from turnstile.transports.memory import memory_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from turnstile.ports import Clock, Connection, Inbox, Timers, UpstreamTarget
    from turnstile.protocol.upstreams import KindName
    from turnstile.simulator.api_errors import ApiError
    from turnstile.simulator.faults import Faults
    from turnstile.simulator.log import SimulatorLog
    from turnstile.simulator.outages import Outage
    from turnstile.simulator.quirks import Quirks
    from turnstile.simulator.scenario import Scenario

DEFAULT_MODEL: Final = "gpt-realtime"
_REALTIME: Final = "realtime"
# A proxy that holds the link back must not lose it; virtual responses come faster than any network would bring them.
_IN_MEMORY: Final = ConnectionLimits(write_ceiling=64 * MIB)


class Simulator:
    """A simulated Realtime API: any number of sessions that follow one scenario.

    Args:
        scenario: The scenario; the bundled default when None.
        kind: The kind of API.
        faults: The faults of each session; or a function of the session's number, from 0.
        quirks: The differences from the recorded API; the scenario's when None.
        seed: The seed of all chance; each session's is made of this and its number.
        clock: Seconds that only go forward.
        timers: For the frames that are due later.
        pace: How long things take.
        api_key: The key that clients must send; None takes any and none.
        lifetime: Seconds until a session expires; or a function of the session's number, from 0.
        keep: How many ended sessions are kept, for `sessions` and `logs`.
        keep_bytes: How many bytes of ended sessions are kept at most.
        keep_audio: How many bytes of each session's input audio are kept.
        wall_clock: Unix time, for the session object's `expires_at`.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        kind: KindName = "openai",
        clock: Clock,
        timers: Timers,
        faults: Faults | Callable[[int], Faults] = NO_FAULTS,
        quirks: Quirks | None = None,
        seed: int = 0,
        pace: Pace | None = None,
        api_key: str | None = None,
        lifetime: float | Callable[[int], float] = LIFETIME,
        keep: int = 100,
        keep_bytes: int = 16 * MIB,
        keep_audio: int = 0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._scenario = scenario or bundled_scenario()
        self.kind = KINDS[kind]
        """The kind of API."""
        self._clock = clock
        self._timers = timers
        self.faults = faults
        """The faults of each session; those that are set later are for sessions that open then."""
        self._quirks = self._scenario.quirks if quirks is None else quirks
        self._seed = seed
        self._pace = pace or Pace()
        self._api_key = api_key
        self._lifetime = lifetime
        self._wall_clock = wall_clock
        self._numbers = itertools.count()
        self._keep_audio = keep_audio
        self.links = Links(keep, keep_bytes)
        """The links, to look at and to end on demand."""
        self.outages = Outages(clock)
        """When no links are taken."""

    def __repr__(self) -> str:
        return f"<Simulator, {len(self.links.open)} sessions open>"

    @property
    def sessions(self) -> list[SimulatedSession]:
        """The open sessions and the last ended ones, the oldest first."""
        return [link.session for link in self.links.all]

    @property
    def logs(self) -> list[SimulatorLog]:
        """The logs of `sessions`, in the same order."""
        return [session.log for session in self.sessions]

    def open_session(
        self, model: str | None, headers: Mapping[str, str] | None = None, intent: str | None = None
    ) -> SessionDriver:
        """Open a session; it sends nothing before `begin`.

        Args:
            model: The model asked for; None without one.
            headers: The headers of the handshake.
            intent: The use that stands in place of a model: ``transcription``, or a ``call`` to join.
        """
        number = next(self._numbers)
        session = SimulatedSession(
            self._scenario,
            model=model or DEFAULT_MODEL,
            seed=self._seed * 1_000_003 + number,
            now=self._clock(),
            faults=self.faults(number) if callable(self.faults) else self.faults,
            quirks=self._quirks,
            pace=self._pace,
            lifetime=self._lifetime(number) if callable(self._lifetime) else self._lifetime,
            created_at=self._wall_clock(),
            rejection=self._rejection(model, headers or {}, intent),
            transcribes=intent == "transcription",
            is_beta=self.kind.is_beta,
        )
        session.log.keep_audio = self._keep_audio
        driver = SessionDriver(session, self._clock, self._timers)
        self.links.add(driver)
        return driver

    def outage_at_knock(self) -> Outage | None:
        """Note that a link is asked for; return the outage that it meets."""
        self.links.knocked(self._clock())
        return self.outages.now

    def turns_away(self, headers: Mapping[str, str]) -> bool:
        """Return whether a handshake is answered with HTTP 401; `headers` by their names in lower case."""
        return self.kind.refuses_in_http and self._api_key is not None and not self._is_key(self.kind.key_in(headers))

    def accept(
        self,
        connection: Connection,
        *,
        model: str | None,
        headers: Mapping[str, str] | None = None,
        intent: str | None = None,
        abort: Callable[[], object] | None = None,
    ) -> Inbox:
        """Begin a session on a connection that was opened to the simulator.

        Args:
            connection: The server's end of an open WebSocket.
            model: The model asked for in the query.
            headers: The headers of the handshake.
            intent: ``transcription``, or a ``call`` to join, as for `open_session`.
            abort: Breaks the connection without a close; None: a link that breaks is closed with 1006.

        Returns:
            The inbox for the connection's frames, and its end.
        """
        driver = self.open_session(model, headers, intent)
        driver.begin(connection, abort)
        return driver

    def connect(self, target: UpstreamTarget, inbox: Inbox) -> None:
        """Open a link in memory.

        Args:
            target: ``simulator:``, with the model in the query if at all, as in ``simulator:?model=gpt-realtime``.
            inbox: Receives `LinkReady`, then the frames, then `Closed`; or `LinkFailed` for a handshake turned away.
        """
        outage = self.outage_at_knock()
        if outage is not None:
            inbox.tell(outage.link_failed)
            return
        if self.turns_away({name.lower(): value for name, value in target.headers.items()}):
            problem = Problem("upstream_refused", "the upstream refused the API key (401)")
            inbox.tell(LinkFailed(problem, retryable=False))
            return
        query = parse_qs(urlsplit(target.url).query)
        intent = "call" if "call_id" in query else query.get("intent", [None])[0]
        model = query.get(self.kind.model_parameter, [None if intent else DEFAULT_MODEL])[0]
        driver = self.open_session(model, target.headers, intent)
        client_end, server_end = memory_pair(inbox, driver, _IN_MEMORY)
        inbox.tell(LinkReady(client_end))
        driver.begin(server_end)

    def shut_down(self) -> None:
        """End all sessions without a close; none of their timers is left."""
        self.links.end()

    def _rejection(self, model: str | None, headers: Mapping[str, str], intent: str | None) -> ApiError | None:
        sent = {name.lower(): value for name, value in headers.items()}
        if "realtime=v1" in sent.get("openai-beta", "") and not self.kind.is_beta:
            return handshake_errors.beta_disabled()
        if self._api_key is not None:
            given = self.kind.key_in(sent)
            if not given:
                return handshake_errors.missing_api_key()
            if not self._is_key(given):
                return handshake_errors.invalid_api_key()
        if intent is not None:
            return handshake_errors.model_with_an_intent() if model else None
        if not model:
            return handshake_errors.missing_model()
        # Azure's deployments have any name.
        is_served = _REALTIME in model or self.kind.refuses_in_http
        return None if is_served else handshake_errors.invalid_model(model)

    def _is_key(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._api_key or "").encode())


class SimulatorConnector:
    """The `Connector` port for ``simulator:``: upstream links within the process.

    Args:
        simulator: The simulator behind the links.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def connect(self, target: UpstreamTarget, inbox: Inbox) -> None:
        """Open a link in memory; `inbox` receives `LinkReady`, then the frames, then `Closed`."""
        self._simulator.connect(target, inbox)
