"""Makes HTTP calls on threads of its own, each within one deadline."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import httpcore2

from turnstile.transports.http.encoding import header_fields
from turnstile.transports.http.network import CheckedNetwork, HttpCallError, resolve_name
from turnstile.transports.network_operation import NetworkOperation
from turnstile.transports.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from turnstile.ports import Clock
    from turnstile.transports.http.allow_list import Address
    from turnstile.transports.http.network import Resolve
    from turnstile.transports.pool import PoolJob

SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is asked.

    Args:
        method: In capitals.
        address: Host and port, and the target unless another is given.
        headers: By name. May hold secrets.
        content: The body; None for none.
        target: Path and query, if they are not those of the address. May hold secrets.
    """

    method: str
    address: Address
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    target: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What was answered.

    Args:
        status: The HTTP status.
        headers: By lower-case name.
        body: The whole body; empty where it was not asked for.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class BlockingClient:
    """An HTTP client over httpcore2: one connection per call, never through an HTTP proxy, and no redirects.

    Args:
        name: Names its threads.
        subject: Begins the sentences about a call that failed, such as "The function".
        timeout: How many seconds a call may take from the look-up of its host to the last byte.
        max_body_bytes: The largest body of an answer; a larger one is not read to its end.
        threads: How many calls are made at the same time.
        max_waiting: How many more may wait for a thread; None for any number.
        allow_private: Whether hosts may be on this machine or a private network.
        clock: Seconds that only go forward.
        ssl_context: Certificates to trust; by default the system's.
        resolve: Returns the IP addresses of a name, the preferred first; by default the system's; may block.
    """

    def __init__(
        self,
        name: str,
        subject: str,
        *,
        timeout: float,
        max_body_bytes: int,
        threads: int,
        max_waiting: int | None,
        allow_private: bool = True,
        clock: Clock = time.monotonic,
        ssl_context: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_name,
    ) -> None:
        self._subject = subject
        self._timeout = timeout
        self._max_body_bytes = max_body_bytes
        self._allow_private = allow_private
        self._clock = clock
        self._given_context = ssl_context
        self._resolve = resolve
        self._calling = WorkerPool(name, threads, max_waiting=max_waiting)
        self._resolving = WorkerPool(f"{name}-resolve", threads)

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        # To read the system's certificates takes 50 ms, and not every client calls an https address.
        return self._given_context or ssl.create_default_context()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._calling.closed

    def submit(self, call: Callable[[], object], owner: object | None = None) -> PoolJob | None:
        """Run `call`, which may `exchange`, on one of the threads, as `WorkerPool.submit` does."""
        return self._calling.submit(call, owner)

    def operation(self) -> NetworkOperation:
        """Return what one `exchange` is timed and cancelled by; its time begins now."""
        return NetworkOperation(self._clock, self._timeout)

    def close(self, timeout: float) -> None:
        """Make no more calls; those that wait find it closed.

        Args:
            timeout: How many seconds to wait for calls that are under way; they end by their own deadline.
        """
        deadline = self._clock() + timeout
        self._calling.close(timeout)
        self._resolving.close(max(0.0, deadline - self._clock()))

    def exchange(
        self,
        request: HttpRequest,
        operation: NetworkOperation,
        owner: object | None = None,
        with_body: Container[int] = SUCCESS,
    ) -> HttpAnswer:
        """Send a request and return its answer; blocks, on one of the threads.

        Args:
            request: What is asked.
            operation: Times and cancels it.
            owner: Whose turn the look-up of the host takes.
            with_body: The statuses whose body is read.

        Raises:
            HttpCallError: There is no complete answer, or it is too large; contains nothing of either.
        """
        possessor = self._subject[:1].lower() + self._subject[1:]
        try:
            return self._exchange(request, operation, owner, with_body)
        except TimeoutError:
            words = f"{self._subject} did not answer within {self._timeout:g} s."
        except ssl.SSLCertVerificationError as error:
            words = f"The certificate of {possessor}'s host is not accepted: {error.verify_message}."
        except ssl.SSLError:
            words = f"There is no secure connection to {possessor}'s host."
        except (OSError, httpcore2.RemoteProtocolError):
            words = f"{self._subject} gave no complete HTTP answer."
        raise HttpCallError(words) from None

    def _exchange(
        self, request: HttpRequest, operation: NetworkOperation, owner: object | None, with_body: Container[int]
    ) -> HttpAnswer:
        address = request.address
        target = address.target if request.target is None else request.target
        network = CheckedNetwork(
            self._resolve, self._resolving, owner, operation, self._subject, allow_private=self._allow_private
        )
        try:
            headers = header_fields(request.headers, address, has_body=request.content is not None)
        except ValueError:
            raise HttpCallError(f"{self._subject} cannot be called: one of its headers is none.") from None
        url = httpcore2.URL(scheme=address.scheme, host=address.host, port=address.port, target=target)
        trusted = self._ssl_context if address.scheme == "https" else None
        with (
            httpcore2.HTTPConnection(url.origin, ssl_context=trusted, network_backend=network) as connection,
            connection.stream(request.method, url, headers=headers, content=request.content) as response,
        ):
            answered = {name.lower().decode("ascii"): value.decode("latin-1") for name, value in response.headers}
            body = self._body(response, answered) if response.status in with_body else b""
            return HttpAnswer(response.status, answered, body)

    def _body(self, response: httpcore2.Response, headers: Mapping[str, str]) -> bytes:
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise HttpCallError(f"{self._subject}'s answer is compressed, which was not asked for.")
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > self._max_body_bytes:
                raise HttpCallError(f"{self._subject}'s answer is larger than {self._max_body_bytes} bytes.")
        return bytes(body)
