"""Says in one line why `talk` has no connection, and what to do."""

from __future__ import annotations

import socket
import ssl
from http import HTTPStatus
from typing import Final

from turnstile.embed.client_socket import HandshakeRefusedError, NoWebSocketError

KEY_VARIABLE: Final = "TURNSTILE_KEY"
"""Where the key for a proxy that asks for one is: every user of the machine can read a command line."""

_PATHS: Final = "talk connects to a path of Voice Agent clients: /openai or /v1/agent/converse"
_REALTIME: Final = "this is a path of the Realtime API, whose events talk does not speak"


def connection_fault(error: OSError, url: str, *, has_key: bool) -> str:
    """Return the line about a connection that was not opened.

    Args:
        error: What `TerminalClient` has raised.
        url: As it may be shown.
        has_key: Whether a key was sent.
    """
    if isinstance(error, HandshakeRefusedError):
        refusal = str(error).rstrip(".")
        return f"{url} refused the handshake: {refusal}. {_fix_of_status(error.status, has_key=has_key)}".rstrip()
    if isinstance(error, NoWebSocketError):
        other = "wss" if url.startswith("ws:") else "ws"
        fix = f"Is this the proxy's port? Perhaps its address begins with {other}://."
        return f"{url} does not answer as a WebSocket server does: {error}. {fix}"
    words = " ".join(str(error).split()) or type(error).__name__
    return f"{url} cannot be reached: {words}. {_fix_of(error, url)}"


def dialect_fault(url: str) -> str:
    """Return the line about a path that speaks the Realtime API's events."""
    return f"{url}: {_REALTIME}; {_PATHS}."


def _fix_of_status(status: int, *, has_key: bool) -> str:
    match status:
        case HTTPStatus.UNAUTHORIZED if has_key:
            return f"It does not take the key in {KEY_VARIABLE}."
        case HTTPStatus.UNAUTHORIZED:
            return f"talk sends the key in the variable {KEY_VARIABLE}."
        case HTTPStatus.FORBIDDEN:
            return f"It is not open to this client: ask who runs it, or use another key ({KEY_VARIABLE})."
        case HTTPStatus.NOT_FOUND:
            return f"Is it a proxy of Turnstile? {_PATHS}."
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            return "Try again later."
        case HTTPStatus.OK | HTTPStatus.NOT_IMPLEMENTED | HTTPStatus.METHOD_NOT_ALLOWED:
            return f"This is a web server, not a proxy of Turnstile: check host and port; {_PATHS}."
        case _:
            return ""


def _fix_of(error: OSError, url: str) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return "Is its certificate to be trusted? SSL_CERT_FILE names a file of those that are."
        case ssl.SSLError():
            return "Does it speak TLS? Without, its address begins with ws://."
        case socket.gaierror():
            return "Is the host's name right?"
        case ConnectionResetError() | BrokenPipeError() if url.startswith("ws:"):
            return "Is this the proxy's port? Perhaps its address begins with wss://."
        case _:
            return "Is the proxy running (turnstile serve), and is this its port?"
