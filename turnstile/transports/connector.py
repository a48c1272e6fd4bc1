"""Opens upstream links: websocket-client does the handshake, the I/O loop the rest."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from websockets.frames import CloseCode
from websockets.protocol import Protocol, Side

from turnstile.ports import LinkFailed, LinkInbox, LinkReady
from turnstile.transports.attempt import Attempt
from turnstile.transports.connect_errors import describe_failure, is_outage, unreachable
from turnstile.transports.network_operation import NetworkOperation
from turnstile.transports.pool import WorkerPool
from turnstile.transports.trust import tls_context
from turnstile.transports.upstream_handshake import UpstreamHandshake, place_of, resolve_place
from turnstile.transports.websocket import WebSocketConnection
from turnstile.transports.websocket_library import SILENT_LOGGER

if TYPE_CHECKING:
    import socket

    from turnstile.ports import Clock, UpstreamTarget
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.reach import Reach
    from turnstile.transports.upstream_handshake import Resolve

log = logging.getLogger(__name__)


class WebSocketConnector:
    """The `Connector` port over websocket-client.

    Name resolution, TCP, TLS and the handshake block, so they run on daemon threads, each started when needed and kept.
    An attempt that is not wanted any more is ended at once: it leaves the queue, or its socket is shut down.

    Args:
        loop: Reads and writes the open links; running.
        limits: Bounds of one link.
        timeout: How long an attempt may take, from the name to the answer, in seconds. Before that it may wait
            as long for a free thread.
        ca_file: Certificates (PEM) to trust instead of the system's.
        verify: Whether to check the upstream's certificate at all.
        max_connects: How many links are opened at the same time; more wait.
        clock: Seconds that only go forward.
        wall_clock: Seconds since 1970: a refusal may name the time of the next try.
        resolve: Returns the socket addresses of a name; by default the system's; may block.
        reach: Keeps when upstream was reached, and when not.

    Raises:
        ConfigError: `ca_file` cannot be used.
    """

    def __init__(
        self,
        loop: IoLoop,
        limits: ConnectionLimits,
        *,
        timeout: float = 10.0,
        ca_file: str | None = None,
        verify: bool = True,
        max_connects: int = 64,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
        resolve: Resolve = resolve_place,
        reach: Reach | None = None,
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._timeout = timeout
        self._max_connects = max_connects
        self._is_full = False
        self._clock = clock
        self._wall_clock = wall_clock
        self._pool = WorkerPool("connect", max_connects)
        self._resolving = WorkerPool("connect-resolve", max_connects)
        self._handshake = UpstreamHandshake(
            tls_context(ca_file, "upstream.ca_file", verify=verify), self._resolving, resolve
        )
        self._reach = reach

    def connect(self, target: UpstreamTarget, inbox: LinkInbox) -> None:
        """Open a link without blocking; put `LinkReady` or `LinkFailed` into `inbox`, then frames, then `Closed`."""
        attempt = Attempt(inbox)
        job = self._pool.submit(partial(self._try, attempt, target)) if self._loop.running else None
        if job is None:
            is_over = self._pool.closed or not self._loop.running
            attempt.end(_shutting_down() if is_over else unreachable("the system gives the proxy no thread for it"))
            return
        attempt.waits_as(job)
        inbox.when_unwanted(attempt.cancel)
        if not job.is_waiting:
            self._is_full = False
        else:
            self._loop.call_soon(partial(self._limit_wait, attempt))

    def close(self, timeout: float) -> None:
        """Open no more links, and wait for the threads; attempts that still wait fail.

        Args:
            timeout: How many seconds to wait for attempts that are under way.
        """
        deadline = time.monotonic() + timeout
        self._pool.close(timeout)
        self._resolving.close(max(0.0, deadline - time.monotonic()))

    def _limit_wait(self, attempt: Attempt[LinkInbox]) -> None:
        self._loop.call_later(self._timeout, partial(self._end_wait, attempt))

    def _end_wait(self, attempt: Attempt[LinkInbox]) -> None:
        words = f"the proxy is opening too many other links: no place was free within {self._timeout:g} s"
        if not attempt.has_begun and attempt.end(unreachable(words)) and not self._is_full:
            self._is_full = True
            log.warning(
                "a link has waited %g s to be opened: %s are being opened already (upstream.max_connects)",
                self._timeout,
                self._max_connects,
            )

    def _try(self, attempt: Attempt[LinkInbox], target: UpstreamTarget) -> None:
        operation = NetworkOperation(self._clock, self._timeout)
        if not attempt.begin(operation):
            return
        if self._pool.closed:
            attempt.end(_shutting_down())
            return
        try:
            sock, behind = self._handshake.open(target, operation)
        except Exception as error:  # noqa: BLE001 - whatever it is, the session must learn that there is no link
            self._fail(attempt, target, error)
            return
        if self._reach is not None:
            self._reach.note_reached(self._wall_clock())
        if not self._loop.call_soon(partial(self._hand_over, attempt, sock, behind)):
            sock.close()
            attempt.end(_shutting_down())

    def _fail(self, attempt: Attempt[LinkInbox], target: UpstreamTarget, error: Exception) -> None:
        now = self._wall_clock()
        failure = describe_failure(error, _named(target.url), self._timeout, now)
        # websocket-client's frames hold what they raise: a cycle, which would wait for a full collection.
        error.__traceback__ = error.__context__ = error.__cause__ = None
        # First: who is told of the failure may ask for its time. One that was cancelled says nothing of upstream.
        if self._reach is not None and not attempt.is_over and is_outage(error, failure):
            self._reach.note_unreached(now)
        attempt.end(failure)

    def _hand_over(self, attempt: Attempt[LinkInbox], sock: socket.socket, behind: bytes) -> None:
        inbox = attempt.take_inbox()
        protocol = Protocol(Side.CLIENT, max_size=self._limits.max_message_bytes, logger=SILENT_LOGGER)
        budget = None if inbox is None else inbox.budget()
        connection = WebSocketConnection(self._loop, sock, protocol, self._limits, budget)
        if inbox is None:
            connection.begin(None)
            connection.close(CloseCode.NORMAL_CLOSURE)
            return
        try:
            inbox.tell(LinkReady(connection))
        except BaseException:
            sock.close()
            raise
        connection.begin(inbox, behind)


def _shutting_down() -> LinkFailed:
    return unreachable("the proxy is shutting down", retry=False)


def _named(url: str) -> str:
    """Return host and port of an upstream, as errors name it; nothing where its address is none."""
    try:
        _, host, port = place_of(url)
    except ValueError:
        return ""
    return f"{host}:{port}"
