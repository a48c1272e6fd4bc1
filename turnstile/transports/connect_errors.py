"""Describes for the client why an upstream link failed: without headers, query or credentials."""

from __future__ import annotations

import socket
import ssl
from typing import Final

import websocket

from turnstile.errors import Problem
from turnstile.ports import LinkFailed

_STATUS_WORDS: Final = {
    400: "the upstream did not accept the request (400): check the model and the query in its address",
    401: "the upstream refused the API key (401): check that it is set, complete and still valid",
    403: "the upstream does not allow this API key to be used for this (403)",
    404: "the upstream has nothing at this path (404): check the address and the model",
    429: "the upstream refuses more sessions for now (429): the rate limit or the quota is used up",
}
_RETRYABLE: Final = {408, 425, 429}
_SERVER_ERRORS: Final = 500


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """The upstream has answered with an HTTP status other than 101.

    Args:
        status: The status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


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


def describe_failure(error: Exception, where: str, timeout: float) -> LinkFailed:
    """Describe why a link could not be opened.

    Args:
        error: What the handshake raised, websocket-client, or the socket below it.
        where: Host and port.
        timeout: How long the link was waited for, in seconds.
    """
    match error:
        case Refused():
            return refused(error.status)
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


def refused(status: int) -> LinkFailed:
    """Describe a handshake that was answered with an HTTP status other than 101."""
    words = _STATUS_WORDS.get(status, f"the upstream did not open a session: it answered with the HTTP status {status}")
    return LinkFailed(Problem("upstream_refused", words), retryable=status in _RETRYABLE or status >= _SERVER_ERRORS)


def unreachable(words: str, *, retry: bool = True) -> LinkFailed:
    """Describe a link that was never answered."""
    return LinkFailed(Problem("upstream_unreachable", words), retryable=retry)


def _no_tunnel(status: int | None, where: str) -> LinkFailed:
    shown = "" if status is None else f" ({status})"
    refused_for_good = status is not None and 400 <= status < _SERVER_ERRORS  # noqa: PLR2004 - our fault, in HTTP
    return unreachable(f"the HTTP proxy opened no tunnel{shown} to {where}", retry=not refused_for_good)
