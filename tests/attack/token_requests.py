"""Section 7: requests for browser tokens, of a proxy that lets everybody make them."""

from __future__ import annotations

import socket
import time
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from loopback import ATTACKER, reset_at_close
from served import pause
from stand import Stand, flood, tally

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 0.6
_MOST_CONNECTIONS = 3_000
_SLOW, _STEP = 200, 0.05
_HEAD = b"POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
_TOO_LONG = _HEAD + b"Content-Length: 65537\r\n\r\n" + b" " * 65_537
_CHUNKS = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 12_000
# Of the kind that takes longest to compress, and still fits a token.
_WORDS = "".join(Random(1).choices("a" * 20 + "b", k=60_000)).encode()  # noqa: S311 - to be repeatable is the point
_PROMPT = b'{"session": {"instructions": "%s"}}' % _WORDS
_LARGE = _HEAD + b"Content-Length: %d\r\n\r\n" % len(_PROMPT) + _PROMPT
_DEEP = _HEAD + b"Content-Length: 60000\r\n\r\n" + b"[" * 60_000


def _at_a_rate(request: bytes) -> Callable[[Stand], str]:
    """Send a request as fast as can be for a while, each on a connection of its own."""

    def run(stand: Stand) -> str:
        until, answers = time.monotonic() + _SECONDS, []
        while time.monotonic() < until and len(answers) < _MOST_CONNECTIONS:
            with socket.create_connection(stand.served.address, 3.0, (ATTACKER, 0)) as connection:
                connection.sendall(request)
                answers.append(connection.recv(64).split(b" ")[1].decode())
                reset_at_close(connection)
        return tally(answers)

    return run


def _slow(stand: Stand) -> str:
    """Send many bodies, a byte at a time."""
    connections = [socket.create_connection(stand.served.address, 3.0, (ATTACKER, 0)) for _ in range(_SLOW)]
    try:
        for connection in connections:
            connection.sendall(_HEAD + b"Content-Length: 60000\r\n\r\n{")
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            for connection in connections:
                connection.sendall(b" ")
            pause(_STEP)
        return f"{len(connections)} bodies without end"
    finally:
        for connection in connections:
            reset_at_close(connection)
            connection.close()


_ask = partial(flood, has_newcomers=True, settings={"auth.mode": "none", "auth.token_secret": "x" * 32})
ATTACKS = (
    _ask("slow bodies of requests for tokens", _slow, expects=(f"{_SLOW} bodies without end",)),
    _ask("bodies of 64 KB and a byte", _at_a_rate(_TOO_LONG), expects=("x 413",)),
    _ask("bodies in chunks of a byte", _at_a_rate(_CHUNKS), expects=("x 413",)),
    _ask("bodies of 60,000 levels", _at_a_rate(_DEEP), expects=("x 400",)),
    _ask("browser tokens at a rate", _at_a_rate(_LARGE), expects=("x 200",)),
)
