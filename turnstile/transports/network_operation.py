"""Blocking work on the network, with one deadline, that any thread may cancel."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from turnstile.ports import Clock
    from turnstile.transports.pool import WorkerPool

Value = TypeVar("Value")
Sock = TypeVar("Sock", bound=socket.socket)

_LONGEST_WAIT: Final = 1e6
"""Seconds; sockets and futures take no more than some 9e9, and raise an error."""
_CANCELLED: Final = "the operation was cancelled"
_NOT_DONE: Final = "no thread is left for it"


class NetworkOperation:
    """One deadline for all that a thread does on the network, and the socket that it uses at the moment.

    Args:
        clock: Seconds that only go forward.
        seconds: How long it may take, from now.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._lock = threading.Lock()  # guards the three below
        self._socket: socket.socket | None = None
        self._future: Future[object] | None = None
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def left(self) -> float:
        """Return the seconds that are left, more than zero.

        Raises:
            TimeoutError: None are left.
            ConnectionAbortedError: The operation was cancelled.
        """
        if self._is_cancelled:
            raise ConnectionAbortedError(_CANCELLED)
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError("the operation took too long")
        return min(left, _LONGEST_WAIT)

    def cancel(self) -> None:
        """End the operation: what waits for its socket, or for a result, raises an error at once. From any thread."""
        with self._lock:
            self._is_cancelled = True
            if self._future is not None:
                fail(self._future, ConnectionAbortedError(_CANCELLED))
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    # Not SSLSocket's own method: the other thread is using the TLS state that it would drop.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def use(self, sock: Sock) -> Sock:
        """Return a socket that the operation uses from now on, instead of any other.

        Raises:
            ConnectionAbortedError: The operation was cancelled; the socket is closed.
        """
        with self._lock:
            self._socket = sock
            if not self._is_cancelled:
                return sock
            sock.close()
        raise ConnectionAbortedError(_CANCELLED)

    def let_go(self) -> None:
        """Use no socket any more: its user closes it or hands it over, and `cancel` leaves it alone."""
        with self._lock:
            self._socket = None

    def run_on(self, pool: WorkerPool, work: Callable[[], Value], owner: object | None = None) -> Value:
        """Return the result of work that no timeout ends, done on a pool's thread; nobody waits for it at the deadline.

        Args:
            pool: The threads.
            work: What to do; never done on a thread that closes the pool.
            owner: Whose turn it takes on them; None for nobody's.

        Raises:
            TimeoutError: The deadline came first.
            ConnectionAbortedError: The operation was cancelled, or the pool is closed or full.
            Exception: What the work has raised.
        """
        future: Future[Value] = Future()

        def settle_future() -> None:
            if pool.closed:  # it calls what is left on the thread that closes it
                fail(future, ConnectionAbortedError(_NOT_DONE))
            else:
                settle(future, work)

        job = pool.submit(settle_future, owner)
        if job is None:
            raise ConnectionAbortedError(_NOT_DONE)
        try:
            return self.wait_for(future)
        finally:
            job.withdraw()  # one that has not begun

    def wait_for(self, future: Future[Value]) -> Value:
        """Return the result of another thread's work.

        Raises:
            TimeoutError: The deadline came first.
            ConnectionAbortedError: The operation was cancelled.
            Exception: The other thread's.
        """
        with self._lock:
            self._future = future  # type: ignore[assignment]  # an error is all that is ever set here
        try:
            return future.result(self.left())
        finally:
            with self._lock:
                self._future = None
            future.cancel()

    def connect(self, places: Sequence[tuple[Any, ...]]) -> socket.socket:
        """Return a connection to the first of some socket addresses that answers; they share the time that is left.

        Raises:
            TimeoutError: The deadline came first.
            OSError: The last one's error.
        """
        error = OSError("no address")
        for untried, place in zip(range(len(places), 0, -1), places, strict=True):
            try:
                return self._connect_to(place, self.left() / untried)
            except OSError as reason:
                self.left()
                error = reason
        raise error

    def start_tls(self, sock: socket.socket, context: ssl.SSLContext, host: str | None) -> ssl.SSLSocket:
        """Return the socket with TLS spoken on it; it is closed if that fails.

        Raises:
            TimeoutError: The deadline came first.
            OSError: The handshake failed.
        """
        in_use = sock
        try:
            sock.settimeout(self.left())
            # Without its handshake, so that `cancel` can end that: the plain socket is empty from here on.
            secure = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            in_use = self.use(secure)
            secure.do_handshake()  # the timeout holds for it as a whole
        except BaseException:
            self.let_go()
            in_use.close()
            raise
        return secure

    def _connect_to(self, place: tuple[Any, ...], seconds: float) -> socket.socket:
        sock = self.use(socket.socket(socket.AF_INET6 if ":" in place[0] else socket.AF_INET, socket.SOCK_STREAM))
        try:
            sock.settimeout(seconds)
            sock.connect(place)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            self.let_go()
            sock.close()
            raise
        return sock


def settle(future: Future[Value], work: Callable[[], Value]) -> None:
    """Do some work, unless nobody waits for it, and set its result or its error."""
    if future.done():
        return
    try:
        value = work()
    except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
        fail(future, error)
    else:
        with contextlib.suppress(InvalidStateError):  # nobody waits any more
            future.set_result(value)


def fail(future: Future[Value], error: BaseException) -> None:
    """Set an error, unless nobody waits any more."""
    with contextlib.suppress(InvalidStateError):
        future.set_exception(error)
