"""Calls functions over HTTP for clients: at allowed hosts, on threads of its own, within a deadline."""

from __future__ import annotations

import logging
import ssl
import time
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

import httpcore2

from turnstile.observability.logs import in_this_session
from turnstile.ports import failed_call
from turnstile.protocol.safe_text import on_one_line
from turnstile.transports.function_call import PendingCall
from turnstile.transports.http.allow_list import AllowList, parse_address
from turnstile.transports.http.encoding import decoded_text, header_fields, target_and_content
from turnstile.transports.http.network import CheckedNetwork, FunctionError, resolve_name
from turnstile.transports.network_operation import NetworkOperation
from turnstile.transports.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.ports import Clock, FunctionRequest, Inbox
    from turnstile.transports.http.allow_list import Address
    from turnstile.transports.http.network import Resolve

log = logging.getLogger(__name__)

_CLOSING: Final = "The function was not called: the proxy is shutting down."
_FULL: Final = "The function was not called: too many calls are waiting."


class HttpFunctionCaller:
    """The `FunctionCaller` port over httpcore2: one connection per call, never through an HTTP proxy.

    The sessions, known by their inboxes, share the threads that call and those that look up names as a `FairQueue`
    has it: one whose hosts hang leaves threads to the others.

    Arguments are a JSON body for POST, PUT and PATCH, and become the query for GET and DELETE. Redirects are not
    followed: they would carry the client's headers elsewhere.

    Args:
        allowed_hosts: The hosts that may be called, as `AllowList` takes them.
        allow_private: Whether they may be on this machine or a private network.
        timeout: How many seconds a call may take from the look-up of its host to the last byte. The time that it waits
            for a free thread is not counted.
        max_result_bytes: The largest result; a larger one is not read to its end.
        threads: How many calls are made at the same time.
        max_waiting: How many more may wait; one more fails at once.
        clock: Seconds that only go forward.
        ssl_context: Certificates to trust; by default the system's.
        resolve: Returns the IP addresses of a name, the preferred first; by default the system's; may block.

    Raises:
        ConfigError: One of `allowed_hosts` is no host.
    """

    def __init__(
        self,
        *,
        allowed_hosts: Sequence[str],
        allow_private: bool,
        timeout: float,
        max_result_bytes: int,
        threads: int,
        max_waiting: int,
        clock: Clock = time.monotonic,
        ssl_context: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_name,
    ) -> None:
        self._allowed = AllowList(allowed_hosts)
        self._allow_private = allow_private
        self._timeout = timeout
        self._max_result_bytes = max_result_bytes
        self._clock = clock
        self._given_context = ssl_context
        self._resolve = resolve
        self._calling = WorkerPool("function", threads, max_waiting=max_waiting)
        self._resolving = WorkerPool("resolve", threads)

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        # To read the system's certificates takes a while, and most proxies call no function.
        return self._given_context or ssl.create_default_context()

    def may_call(self, url: str) -> bool:
        """Return whether the operator allows the host of `url`; its addresses are checked when it is called."""
        try:
            return parse_address(url) in self._allowed
        except ValueError:
            return False

    def call(self, request: FunctionRequest, inbox: Inbox) -> PendingCall:
        """Call without blocking; put one `FunctionReturned` into `inbox`, unless it is cancelled. Never raises."""
        call = PendingCall(request.call_id, inbox)
        job = self._calling.submit(in_this_session(partial(self._make, call, request, inbox)), owner=inbox)
        if job is None:
            _end(call, request, _failed(request, "-", _CLOSING if self._calling.closed else _FULL))
        else:
            call.waits_as(job)
        return call

    def close(self, timeout: float) -> None:
        """Call no more; calls that wait fail.

        Args:
            timeout: How many seconds to wait for calls that are under way; they end by their own deadline.
        """
        deadline = self._clock() + timeout
        self._calling.close(timeout)
        self._resolving.close(max(0.0, deadline - self._clock()))

    def _make(self, call: PendingCall, request: FunctionRequest, inbox: Inbox) -> None:
        operation = NetworkOperation(self._clock, self._timeout)
        if call.begin(operation):
            _end(call, request, self._output(request, inbox, operation))

    def _output(self, request: FunctionRequest, owner: object, operation: NetworkOperation) -> str:
        where, detail = "-", ""
        try:
            address = self._address(request)
            where = f"{address.host}:{address.port}"
            network = CheckedNetwork(
                self._resolve, self._resolving, owner, operation, allow_private=self._allow_private
            )
            return self._exchange(request, address, network)
        except FunctionError as error:
            words = error.problem.description
        except TimeoutError:
            words = f"The function did not answer within {self._timeout:g} s."
        except ssl.SSLCertVerificationError as error:
            words = f"The certificate of the function's host is not accepted: {error.verify_message}."
        except ssl.SSLError:
            words = "There is no secure connection to the function's host."
        except (OSError, httpcore2.RemoteProtocolError):
            words = "The function gave no complete HTTP answer."
        except Exception as error:  # noqa: BLE001 - whatever it is, the model must learn that there is no result
            # Its message may hold a header.
            words, detail = "The function could not be called.", f" ({type(error).__name__})"
        if operation.is_cancelled:
            log.info("function call %s to %s was ended: its result is not needed any more", _named(request), where)
            return failed_call(words)
        return _failed(request, where, words, detail)

    def _address(self, request: FunctionRequest) -> Address:
        if self._calling.closed:
            raise FunctionError(_CLOSING)
        try:
            address = parse_address(request.url)
        except ValueError:
            raise FunctionError("The function may not be called: its URL is none of http or https.") from None
        if address not in self._allowed:
            raise FunctionError("The function may not be called: its host is not allowed.")
        return address

    def _exchange(self, request: FunctionRequest, address: Address, network: CheckedNetwork) -> str:
        target, content = target_and_content(request, address)
        headers = header_fields(request.headers, address, has_body=content is not None)
        url = httpcore2.URL(scheme=address.scheme, host=address.host, port=address.port, target=target)
        with (
            httpcore2.HTTPConnection(url.origin, ssl_context=self._ssl_context, network_backend=network) as connection,
            connection.stream(request.method.upper(), url, headers=headers, content=content) as response,
        ):
            return self._result(response)

    def _result(self, response: httpcore2.Response) -> str:
        if not 200 <= response.status < 300:  # noqa: PLR2004 - success, in HTTP
            raise FunctionError(f"The function answered {response.status}.")
        headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        if headers.get(b"content-encoding", "identity").lower() != "identity":
            raise FunctionError("The function's result is compressed, which was not asked for.")
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > self._max_result_bytes:
                raise FunctionError(f"The function's result is larger than {self._max_result_bytes} bytes.")
        return decoded_text(bytes(body), headers.get(b"content-type", ""))


def _end(call: PendingCall, request: FunctionRequest, output: str) -> None:
    try:
        call.returns(output)
    except Exception:
        log.exception("the result of the function call %s could not be delivered", _named(request))


def _failed(request: FunctionRequest, where: str, words: str, detail: str = "") -> str:
    log.warning("function call %s to %s: %s%s", _named(request), where, words, detail)
    return failed_call(words)


def _named(request: FunctionRequest) -> str:
    return on_one_line(request.call_id)
