"""Calls functions over HTTP: only at hosts that the operator allows, within limits of time and size."""

from __future__ import annotations

import ipaddress
import json
import logging
import queue
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import httpcore

from turnstile.ports import FunctionReturned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from turnstile.ports import Clock, FunctionRequest, Inbox

log = logging.getLogger(__name__)

_PORTS: Final = {"http": 80, "https": 443}
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_METHODS: Final = _WITH_BODY | {"GET", "DELETE"}
# Headers that belong to the connection, and are ours to send.
_OURS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OK: Final = range(200, 300)
Addresses = list[tuple[Any, ...]]


class _CallFailed(Exception):  # noqa: N818 - a finding, in words for the model
    """The call came to nothing, for this reason."""


class AllowedHosts:
    """The hosts whose functions may be called.

    Args:
        entries: ``api.example.com``, ``*.example.com`` for all below it, either with a port if it is not the scheme's.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self._entries = {entry.lower().rstrip(".") for entry in entries}

    def __contains__(self, url: str) -> bool:
        """Tell whether a function at `url` may be called."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return False
        if parts.scheme not in _PORTS or not host or parts.username is not None or parts.password is not None:
            return False
        suffix = "" if port in {None, _PORTS[parts.scheme]} else f":{port}"
        name = f"[{host}]" if ":" in host else host
        above = [name.split(".", cut)[cut] for cut in range(1, name.count(".") + 1)]
        return any(f"{one}{suffix}" in self._entries for one in (name, *(f"*.{one}" for one in above)))


class HttpFunctionCaller:
    """The `FunctionCaller` port over HTTP.

    Calls are made on a few daemon threads, which begin when first needed. Redirects are not followed: they would carry
    the client's headers elsewhere.

    Args:
        allowed: The hosts that may be called.
        allow_private: Whether they may be on this machine or a private network.
        timeout: Seconds that a call may take in all.
        max_result: Bytes that a result may have.
        threads: Calls at once.
        max_waiting: Calls that may wait for a thread.
        clock: Seconds that only go forward.
        tls: How to check certificates; by the system's by default.
        resolve: Finds the addresses of a host, as `socket.getaddrinfo` does.
    """

    def __init__(
        self,
        allowed: AllowedHosts,
        *,
        allow_private: bool = False,
        timeout: float = 10.0,
        max_result: int = 65_536,
        threads: int = 16,
        max_waiting: int = 256,
        clock: Clock = time.monotonic,
        tls: ssl.SSLContext | None = None,
        resolve: Callable[[str, int], Addresses] | None = None,
    ) -> None:
        self._allowed = allowed
        self._allow_private = allow_private
        self._timeout = timeout
        self._max_result = max_result
        self._max_waiting = max_waiting
        self._clock = clock
        self._tls = tls
        self._resolve = resolve or _resolve
        self._most_threads = threads
        self._calls: queue.SimpleQueue[tuple[FunctionRequest, Inbox] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards the three below
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._closed = False

    def call(self, request: FunctionRequest, inbox: Inbox) -> None:
        """Call without blocking; tells `inbox` one `FunctionReturned`, whatever happens."""
        with self._lock:
            is_full = self._unfinished >= self._most_threads + self._max_waiting
            if not self._closed and not is_full:
                self._unfinished += 1
                if len(self._threads) < min(self._unfinished, self._most_threads):
                    self._start_thread()
                self._calls.put((request, inbox))
                return
        why = "Too many functions are being called." if is_full else "The proxy is shutting down."
        inbox.tell(self._failed(request, why))

    def close(self, timeout: float) -> None:
        """Make no more calls; those under way get `timeout` seconds, those that wait have failed."""
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        for _ in threads:
            self._calls.put(None)
        give_up = self._clock() + timeout
        for thread in threads:
            thread.join(max(0.0, give_up - self._clock()))

    def _start_thread(self) -> None:
        name = f"turnstile-function-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (waiting := self._calls.get()) is not None:
            request, inbox = waiting
            try:
                inbox.tell(self._made(request))
            finally:
                with self._lock:
                    self._unfinished -= 1

    def _made(self, request: FunctionRequest) -> FunctionReturned:
        if self._closed:
            return self._failed(request, "The proxy is shutting down.")
        try:
            return FunctionReturned(request.call_id, self._result(request))
        except _CallFailed as error:
            return self._failed(request, str(error))
        except httpcore.TimeoutException:
            return self._failed(request, f"The function did not answer within {self._timeout:g} s.")
        except Exception as error:
            log.debug("A function call failed", exc_info=error)
            return self._failed(request, "The function could not be called.")

    def _failed(self, request: FunctionRequest, why: str) -> FunctionReturned:
        log.warning("Function call %s at %s failed: %s", request.call_id, urlsplit(request.url).hostname, why)
        return FunctionReturned(request.call_id, json.dumps({"error": why}))

    def _result(self, request: FunctionRequest) -> str:
        if request.url not in self._allowed:
            raise _CallFailed("The function's host is not one that may be called.")
        if request.method not in _METHODS:
            raise _CallFailed(f"Functions are not called with {request.method[:16]}.")
        url, content = _addressed(request)
        line = _Line(self._clock, self._clock() + self._timeout, self._resolve, allow_private=self._allow_private)
        tls = self._tls or ssl.create_default_context()
        limits = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        with (
            httpcore.ConnectionPool(tls, network_backend=line) as pool,
            pool.stream(
                request.method,
                url,
                headers=_headers(request.headers, with_body=content is not None),
                content=content,
                extensions={"timeout": limits},
            ) as response,
        ):
            if response.status not in _OK:
                raise _CallFailed(f"The function answered with status {response.status}.")
            return _text(self._body(response.iter_stream()), dict(response.headers))

    def _body(self, pieces: Iterable[bytes]) -> bytes:
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > self._max_result:
                raise _CallFailed(f"The function's result is longer than {self._max_result} bytes.")
        return bytes(body)


def _addressed(request: FunctionRequest) -> tuple[str, bytes | None]:
    """Return where the arguments go: into the body, or for methods that have none into the query."""
    if request.method in _WITH_BODY:
        return request.url, (request.arguments or "{}").encode()
    arguments = json.loads(request.arguments or "{}")
    query = urlencode(
        {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
    )
    parts = urlsplit(request.url)
    return parts._replace(query="&".join(filter(None, (parts.query, query))), fragment="").geturl(), None


def _headers(given: Mapping[str, str], *, with_body: bool) -> list[tuple[str, str]]:
    headers = [(name, value) for name, value in given.items() if name.lower() not in _OURS]
    named = {name.lower() for name, _ in headers}
    ours = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "turnstile"}
    if with_body:
        ours["Content-Type"] = "application/json"
    return [*headers, *((name, value) for name, value in ours.items() if name.lower() not in named)]


def _text(body: bytes, headers: Mapping[bytes, bytes]) -> str:
    kind = next((value for name, value in headers.items() if name.lower() == b"content-type"), b"").decode("latin-1")
    _, _, charset = kind.partition("charset=")
    try:
        return body.decode(charset.split(";")[0].strip(' "') or "utf-8", errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def _resolve(host: str, port: int) -> Addresses:
    return [entry[4] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class _Line(httpcore.NetworkBackend):
    """Connects to the very addresses that were checked, and to none when one is not to be reached."""

    def __init__(
        self, clock: Clock, deadline: float, resolve: Callable[[str, int], Addresses], *, allow_private: bool
    ) -> None:
        self._clock = clock
        self._deadline = deadline
        self._resolve = resolve
        self._allow_private = allow_private
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers."""
        addresses = [str(address[0]) for address in self._resolve(host, port)]
        if not self._allow_private and not all(_is_public(address) for address in addresses):
            raise _CallFailed("The function's host has a private address, and is not called.")
        for left, address in reversed(list(enumerate(reversed(addresses)))):
            try:
                stream = self._sockets.connect_tcp(
                    address, port, _left(self._clock, self._deadline), local_address, socket_options
                )
            except httpcore.ConnectError:
                if not left:
                    raise _CallFailed("The function's host cannot be reached.") from None
            else:
                return _Stream(stream, self._clock, self._deadline)
        raise _CallFailed("The function's host has no address.")


class _Stream(httpcore.NetworkStream):
    """A connection of which every step ends with the deadline of the whole call."""

    def __init__(self, stream: httpcore.NetworkStream, clock: Clock, deadline: float) -> None:
        self._stream = stream
        self._clock = clock
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline counts
        return self._stream.read(max_bytes, _left(self._clock, self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._clock, self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._clock, self._deadline))
        except httpcore.ConnectError:
            raise _CallFailed("The function's host has no certificate that can be trusted.") from None
        return _Stream(stream, self._clock, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(clock: Clock, deadline: float) -> float:
    left = deadline - clock()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_global) and not parsed.is_multicast
