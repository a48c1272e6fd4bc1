"""A network backend for httpcore2: connects to checked addresses only, and ends all at one deadline."""

from __future__ import annotations

import ipaddress
import socket
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

import httpcore2

from turnstile.errors import TurnstileError
from turnstile.transports.http.allow_list import is_public

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from turnstile.ports import Clock
    from turnstile.transports.http.allow_list import IpAddress
    from turnstile.transports.pool import WorkerPool

    Resolve = Callable[[str, int], Sequence[str]]

_MOST_ADDRESSES: Final = 8  # of one name, that are tried


class FunctionError(TurnstileError):
    """A call has failed.

    Args:
        description: The reason, a sentence for the model: no header, no query, no secret.
    """

    def __init__(self, description: str) -> None:
        super().__init__("function_failed", description)


class CallDeadline:
    """The moment at which a call must be over.

    Args:
        clock: Seconds that only go forward.
        seconds: How long from now.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left, more than zero.

        Raises:
            TimeoutError: None are left.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError("the call took too long")
        return left


def resolve_name(host: str, port: int) -> list[str]:
    """Look up the IP addresses of a name, the preferred first.

    Raises:
        OSError: It has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


class CheckedNetwork(httpcore2.NetworkBackend):
    """Connect to the addresses of a name once they are checked; the name is looked up only once.

    Args:
        resolve: Returns the IP addresses of a name.
        resolving: The threads that do it: no timeout ends a resolver.
        deadline: The end of everything.
        allow_private: Whether the addresses may be of this machine or a private network.
    """

    def __init__(self, resolve: Resolve, resolving: WorkerPool, deadline: CallDeadline, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._resolving = resolving
        self._deadline = deadline
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is the only one
        local_address: str | None = None,  # noqa: ARG002 - none is ever given
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002 - none is ever given
    ) -> httpcore2.NetworkStream:
        """Connect to the first address of `host` that answers.

        Raises:
            FunctionError: It has none, none that is allowed, or none that answers.
            TimeoutError: The deadline came first.
        """
        addresses = [ipaddress.ip_address(text) for text in self._addresses_of(host, port)[:_MOST_ADDRESSES]]
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if addresses and not allowed:
            raise FunctionError("The function may not be called: its host is on a private network.")
        return _DeadlineStream(self._connect(allowed, port), self._deadline)

    def _addresses_of(self, host: str, port: int) -> Sequence[str]:
        found: Future[Sequence[str]] = Future()
        if not self._resolving.submit(lambda: self._look_up(found, host, port)):
            raise FunctionError("The function's host was not looked up.")
        try:
            return found.result(self._deadline.left())
        except TimeoutError:
            found.cancel()
            raise
        except (OSError, UnicodeError):
            raise FunctionError("The function's host was not found.") from None

    def _look_up(self, found: Future[Sequence[str]], host: str, port: int) -> None:
        if not found.set_running_or_notify_cancel():
            return
        try:
            # A closed pool runs what is left on the thread that closes it, which a resolver must not block.
            found.set_result([] if self._resolving.closed else self._resolve(host, port))
        except Exception as error:  # noqa: BLE001 - it is raised where the addresses are waited for
            found.set_exception(error)

    def _connect(self, addresses: Sequence[IpAddress], port: int) -> socket.socket:
        for untried, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                sock = socket.create_connection((str(address), port), self._deadline.left() / untried)
            except OSError:
                self._deadline.left()
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        raise FunctionError("The function's host cannot be reached.")


class _DeadlineStream(httpcore2.NetworkStream):
    """A socket whose every operation is limited by the deadline of the call; httpcore2's own timeouts are not used."""

    def __init__(self, sock: socket.socket, deadline: CallDeadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        rest = memoryview(buffer)
        while rest:
            self._sock.settimeout(self._deadline.left())
            try:
                rest = rest[self._sock.send(rest) :]
            except TimeoutError:
                raise
            except OSError as error:
                # httpcore2 then reads: a host may answer before it has received everything, and close.
                raise httpcore2.WriteError from error

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        try:
            self._sock.settimeout(self._deadline.left())  # holds for the handshake as a whole
            return _DeadlineStream(ssl_context.wrap_socket(self._sock, server_hostname=server_hostname), self._deadline)
        except BaseException:
            self._sock.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._sock if info == "socket" else None
