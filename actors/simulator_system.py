"""The composed simulator: a Realtime API in a process of its own."""

from __future__ import annotations

import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from actors.connection_limits import upstream_limits
from actors.simulated_upstream import make_simulator
from actors.timers import TimerThread
from turnstile.auth.credentials import chosen_subprotocol
from turnstile.server.handshake_settings import HandshakeSettings
from turnstile.server.listener import Listener
from turnstile.server.listening import listening_socket
from turnstile.server.requests import Admission, Rejection, at_once
from turnstile.transports.loop import IoLoop

if TYPE_CHECKING:
    from turnstile.config import Config
    from turnstile.ports import Clock, Connection, Inbox
    from turnstile.server.requests import UpgradeRequest
    from turnstile.simulator.outages import Outage
    from turnstile.simulator.simulator import Simulator
    from turnstile.transports.websocket import WebSocketConnection

# The default seconds that each part may take to stop.
_GRACE = 2.0


class SimulatorSystem:
    """A simulator of the Realtime API with a listener, for a process of its own.

    Args:
        config: All settings; only those of the simulator are used.
        simulator: The simulator to serve; by default one made from the configuration.
        clock: A monotonic clock, in seconds.

    Raises:
        ConfigError: The scenario or the address cannot be used.
    """

    def __init__(self, config: Config, *, simulator: Simulator | None = None, clock: Clock = time.monotonic) -> None:
        self._loop = IoLoop(clock)
        self._timers = TimerThread(clock)
        self.simulator = simulator or make_simulator(config, config.simulator.kind, clock, self._timers)
        self._settings = HandshakeSettings(upstream_limits(config))
        self._listener = self._listener_at(config.simulator.host, config.simulator.port)

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that clients connect to."""
        return self._listener.address

    def start(self) -> None:
        """Start admitting clients."""
        self._loop.start()
        self._listener.start()

    def begin_outage(self, outage: Outage) -> None:
        """Take no new links for some time; open ones stay. May be called from any thread."""
        if outage.status is None:
            self._listener.close()
            self._timers.start(outage.seconds, self._listen_again)
        else:
            self.simulator.outages.begin(outage)

    def stop(self, timeout: float = _GRACE) -> int:
        """End all sessions, and release all threads and sockets; return 0: no session is waited for."""
        self._timers.stop(timeout)  # first: it could listen again
        self._listener.close()
        self.simulator.shut_down()
        self._loop.stop(timeout)
        return 0

    def _listener_at(self, host: str, port: int) -> Listener:
        return Listener(self._loop, listening_socket(host, port), self._settings, accept=at_once(self._decide))

    def _listen_again(self) -> None:
        self._listener = self._listener_at(*self._listener.address)
        self._listener.start()

    def _decide(self, request: UpgradeRequest) -> Admission | Rejection:
        outage = self.simulator.outage_at_knock()
        if outage is not None:
            return Rejection(outage.status or HTTPStatus.SERVICE_UNAVAILABLE, "Not now.\n", outage.headers)
        kind = self.simulator.kind
        if request.path not in kind.paths:
            return Rejection(404, f"There is nothing at this path; clients connect to {kind.paths[0]}.\n")
        if self.simulator.turns_away(request.headers):
            return Rejection(401, "Access denied due to invalid subscription key.\n")
        query = request.query
        model = query.get(kind.model_parameter)
        intent = query.get("intent") or ("call" if query.get("call_id") else None)

        def accept(connection: Connection) -> Inbox:
            websocket = cast("WebSocketConnection", connection)
            abort = partial(self._loop.call_soon, websocket.abort, websocket)
            return self.simulator.accept(connection, model=model, headers=request.headers, intent=intent, abort=abort)

        return Admission(accept, chosen_subprotocol(request))
