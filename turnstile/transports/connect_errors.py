"""Describes for the client why an upstream link failed: without headers, query or credentials."""

from __future__ import annotations

import socket
import ssl
from typing import Final

import websocket

from turnstile.errors import Problem
from turnstile.ports import LinkFailed
from turnstile.transports.retry_after import retry_after

_STATUS_WORDS: Final = {
    400: "the upstream did not accept the request (400): check the model and the query in its address",
    401: "the upstream refused the API key (401): check that it is set, complete and still valid",
    403: "the upstream does not allow this API key to be used for this (403)",
    404: "the upstream has nothing at this path (404): check the address and the model",
    429: "the upstream refuses more sessions for now (429): the rate limit or the quota is used up",
}
_RETRYABLE: Final = {408, 425, 429}
TOO_MANY_REQUESTS: Final = 429
"""The status that stands for a rate limit, which passes, and for a quota that is used up, which does not."""
OUT_OF_QUOTA: Final = b"insufficient_quota"
"""The API's code for the latter, in the body of its answer."""
_OUT_OF_QUOTA_WORDS: Final = (
    "the upstream refuses more sessions (429 insufficient_quota): the account's quota is used up; check its plan and "
    "billing"
)
# A connection that ended in the middle, or a server whose trouble passes; anything else is a matter of configuration.
_TLS_INTERRUPTED: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
_TLS_ALERTS: Final = {"TLSV1_ALERT_INTERNAL_ERROR", "TLSV1_ALERT_USER_CANCELLED"}
_SERVER_ERRORS: Final = 500


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """The upstream has answered with an HTTP status other than 101.

    Args:
        status: The status.
        head: The head of the answer.
        body: The beginning of its body, as far as it was read.
    """

    def __init__(self, status: int, head: bytes = b"", body: bytes = b"") -> None:
        super().__init__(status)
        self.status = status
        self.head = head
        self.body = body


class TunnelRefused(Exception):  # noqa: N818 - an answer, not an error of ours
    """The HTTP proxy opened no tunnel.

    Args:
        status: The status that it answered with, if it did.
    """

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


class AnswerError(Exception):
    """The answer to a handshake cannot be used; the text says why, and holds nothing of it."""


def describe_failure(error: Exception, where: str, timeout: float, wall_time: float) -> LinkFailed:
    """Describe why a link could not be opened.

    Args:
        error: What the handshake raised, websocket-client, or the socket below it.
        where: Host and port.
        timeout: How long the link was waited for, in seconds.
        wall_time: Seconds since 1970.
    """
    match error:
        case Refused():
            return _refused(error, wall_time)
        case TunnelRefused():
            return _no_tunnel(error.status, where)
        case AnswerError():
            words = f"the upstream did not answer as a WebSocket server does ({error}): {where}"
            return LinkFailed(Problem("upstream_refused", words), retryable=False)
        case socket.gaierror():
            return unreachable(f"the upstream's host was not found: {where}")
        case websocket.WebSocketTimeoutException() | TimeoutError():
            return unreachable(f"the upstream did not answer within {timeout:g} s: {where}")
        case ssl.SSLCertVerificationError():
            words = f"the upstream's certificate is not accepted ({error.verify_message}): {where}"
            return LinkFailed(Problem("upstream_tls", words), retryable=False)
        case ssl.SSLError() if isinstance(error, _TLS_INTERRUPTED) or error.reason in _TLS_ALERTS:
            words = f"the TLS handshake was interrupted ({error.reason or type(error).__name__}): {where}"
            return LinkFailed(Problem("upstream_tls", words), retryable=True)
        case ssl.SSLError():
            words = f"no TLS connection to the upstream ({error.reason or 'handshake failed'}): {where}"
            return LinkFailed(Problem("upstream_tls", words), retryable=False)
        case OSError():
            return unreachable(f"the upstream cannot be reached ({error.strerror or type(error).__name__}): {where}")
        case websocket.WebSocketConnectionClosedException():
            return unreachable(f"the upstream ended the connection before it was open: {where}")
        case ValueError():
            words = (
                "the upstream's address or headers cannot be used: it takes ws:// or wss:// and a host, no line breaks"
            )
            return unreachable(words, retry=False)
        case _:
            words = f"the upstream did not answer as a WebSocket server does: {where}"
            return LinkFailed(Problem("upstream_refused", words), retryable=False)


def is_outage(error: Exception, failure: LinkFailed) -> bool:
    """Return whether upstream is out of reach, or out of order, as against refusing this link.

    Args:
        error: What the handshake raised.
        failure: Its description.
    """
    return failure.retryable and not (isinstance(error, Refused) and error.status < _SERVER_ERRORS)


def _refused(error: Refused, wall_time: float) -> LinkFailed:
    """Describe a handshake that was answered with an HTTP status other than 101."""
    status = error.status
    if status == TOO_MANY_REQUESTS and OUT_OF_QUOTA in error.body:
        return LinkFailed(Problem("upstream_refused", _OUT_OF_QUOTA_WORDS), retryable=False)
    words = _STATUS_WORDS.get(status, f"the upstream did not open a session: it answered with the HTTP status {status}")
    return LinkFailed(Problem("upstream_refused", words), _may_pass(status), retry_after(error.head, wall_time))


def _may_pass(status: int) -> bool:
    return status in _RETRYABLE or status >= _SERVER_ERRORS


def unreachable(words: str, *, retry: bool = True) -> LinkFailed:
    """Describe a link that was never answered."""
    return LinkFailed(Problem("upstream_unreachable", words), retryable=retry)


def _no_tunnel(status: int | None, where: str) -> LinkFailed:
    shown = "" if status is None else f" ({status})"
    # Behind another answer than an error's the proxy may have its say the next time.
    may_pass = status is None or status < 400 or _may_pass(status)  # noqa: PLR2004 - our fault, in HTTP
    return unreachable(f"the HTTP proxy opened no tunnel{shown} to {where}", retry=may_pass)
