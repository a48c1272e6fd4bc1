"""Calls functions over HTTP for clients: at allowed hosts, on threads of its own, within a deadline."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from turnstile.observability.logs import in_this_session
from turnstile.ports import failed_call
from turnstile.protocol.safe_text import on_one_line
from turnstile.transports.fair_queue import owner_for
from turnstile.transports.function_call import PendingCall
from turnstile.transports.http.allow_list import AllowList, parse_address
from turnstile.transports.http.blocking_client import SUCCESS, BlockingClient, HttpRequest
from turnstile.transports.http.encoding import decoded_text, target_and_content
from turnstile.transports.http.network import HttpCallError, resolve_name

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from turnstile.ports import Clock, FunctionRequest, Inbox
    from turnstile.transports.http.allow_list import Address
    from turnstile.transports.http.network import Resolve
    from turnstile.transports.network_operation import NetworkOperation

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
        self._client = BlockingClient(
            "function",
            "The function",
            timeout=timeout,
            max_body_bytes=max_result_bytes,
            threads=threads,
            max_waiting=max_waiting,
            allow_private=allow_private,
            clock=clock,
            ssl_context=ssl_context,
            resolve=resolve,
        )

    def may_call(self, url: str) -> bool:
        """Return whether the operator allows the host of `url`; its addresses are checked when it is called."""
        try:
            return parse_address(url) in self._allowed
        except ValueError:
            return False

    def call(self, request: FunctionRequest, inbox: Inbox, identity: str = "") -> PendingCall:
        """Call without blocking; put one `FunctionReturned` into `inbox`, unless it is cancelled. Never raises."""
        call, owner = PendingCall(request.call_id, inbox), owner_for(inbox, identity)
        job = self._client.submit(in_this_session(partial(self._make, call, request, owner)), owner)
        if job is None:
            _end(call, request, _failed(request, "-", _CLOSING if self._client.closed else _FULL))
        else:
            call.waits_as(job)
        return call

    def close(self, timeout: float) -> None:
        """Call no more; calls that wait fail.

        Args:
            timeout: How many seconds to wait for calls that are under way; they end by their own deadline.
        """
        self._client.close(timeout)

    def _make(self, call: PendingCall, request: FunctionRequest, owner: object) -> None:
        operation = self._client.operation()
        if call.begin(operation):
            _end(call, request, self._output(request, owner, operation))

    def _output(self, request: FunctionRequest, owner: object, operation: NetworkOperation) -> str:
        where, detail = "-", ""
        try:
            address = self._address(request)
            where = f"{address.host}:{address.port}"
            return self._exchange(request, address, operation, owner)
        except HttpCallError as error:
            words = error.problem.description
        except Exception as error:  # noqa: BLE001 - whatever it is, the model must learn that there is no result
            # Its message may hold a header.
            words, detail = "The function could not be called.", f" ({type(error).__name__})"
        if operation.is_cancelled:
            log.info("function call %s to %s was ended: its result is not needed any more", _named(request), where)
            return failed_call(words)
        return _failed(request, where, words, detail)

    def _address(self, request: FunctionRequest) -> Address:
        if self._client.closed:
            raise HttpCallError(_CLOSING)
        try:
            address = parse_address(request.url)
        except ValueError:
            raise HttpCallError("The function may not be called: its URL is none of http or https.") from None
        if address not in self._allowed:
            raise HttpCallError("The function may not be called: its host is not allowed.")
        return address

    def _exchange(self, request: FunctionRequest, address: Address, operation: NetworkOperation, owner: object) -> str:
        target, content = target_and_content(request, address)
        asked = HttpRequest(request.method.upper(), address, request.headers, content, target)
        answer = self._client.exchange(asked, operation, owner)
        if answer.status not in SUCCESS:
            raise HttpCallError(f"The function answered {answer.status}.")
        return decoded_text(answer.body, answer.headers.get("content-type", ""))


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
