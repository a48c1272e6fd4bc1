"""A network backend for httpcore2: connects to checked addresses only, and ends all at one deadline."""

from __future__ import annotations

import ipaddress
import socket
from functools import partial
from typing import TYPE_CHECKING, Final

import httpcore2

from turnstile.errors import TurnstileError
from turnstile.transports.http.allow_list import is_public

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from turnstile.transports.http.allow_list import IpAddress
    from turnstile.transports.network_operation import NetworkOperation
    from turnstile.transports.pool import WorkerPool

    Resolve = Callable[[str, int], Sequence[str]]

_MOST_ADDRESSES: Final = 8  # of one name, that are tried


class HttpCallError(TurnstileError):
    """A call has failed.

    Args:
        description: The reason, a sentence: no header, no query, no secret.
    """

    def __init__(self, description: str) -> None:
        super().__init__("call_failed", description)


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
        owner: Whose turn a look-up takes on them.
        operation: The deadline of everything, and the socket in use.
        subject: Begins the sentences about a failure, such as "The function".
        allow_private: Whether the addresses may be of this machine or a private network.
    """

    def __init__(
        self,
        resolve: Resolve,
        resolving: WorkerPool,
        owner: object,
        operation: NetworkOperation,
        subject: str,
        *,
        allow_private: bool,
    ) -> None:
        self._resolve = resolve
        self._resolving = resolving
        self._owner = owner
        self._operation = operation
        self._subject = subject
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
            HttpCallError: It has none, none that is allowed, or none that answers.
            TimeoutError: The deadline came first.
            ConnectionAbortedError: The call was aborted.
        """
        addresses = [ipaddress.ip_address(text) for text in self._addresses_of(host, port)[:_MOST_ADDRESSES]]
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if addresses and not allowed:
            raise HttpCallError(f"{self._subject} may not be called: its host is on a private network.")
        return _OperationStream(self._connect(allowed, port), self._operation)

    def _addresses_of(self, host: str, port: int) -> Sequence[str]:
        try:
            return self._operation.run_on(self._resolving, partial(self._resolve, host, port), self._owner)
        except TimeoutError:
            raise
        except ConnectionAbortedError:
            if self._operation.is_cancelled:
                raise
            raise HttpCallError(f"{self._subject}'s host was not looked up.") from None
        except (OSError, UnicodeError):
            raise HttpCallError(f"{self._subject}'s host was not found.") from None

    def _connect(self, addresses: Sequence[IpAddress], port: int) -> socket.socket:
        try:
            return self._operation.connect([(str(address), port) for address in addresses])
        except (TimeoutError, ConnectionAbortedError):
            raise
        except OSError:
            raise HttpCallError(f"{self._subject}'s host cannot be reached.") from None


class _OperationStream(httpcore2.NetworkStream):
    """A socket whose every operation is limited by the deadline of the call; httpcore2's own timeouts are not used."""

    def __init__(self, sock: socket.socket, operation: NetworkOperation) -> None:
        self._sock = sock
        self._operation = operation

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        self._sock.settimeout(self._operation.left())
        return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        rest = memoryview(buffer)
        while rest:
            self._sock.settimeout(self._operation.left())
            try:
                rest = rest[self._sock.send(rest) :]
            except TimeoutError:
                raise
            except OSError as error:
                # httpcore2 then reads: a host may answer before it has received everything, and close.
                raise httpcore2.WriteError from error

    def close(self) -> None:
        self._operation.let_go()
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        try:
            self._sock = self._operation.start_tls(self._sock, ssl_context, server_hostname)
        except BaseException:
            self.close()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._sock if info == "socket" else None
