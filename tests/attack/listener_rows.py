"""Section 7: strangers at the listener, who never get so far as a session."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from loopback import ATTACKER, COMPONENT, Client
from raw_frames import KEY, upgrade
from served import pause
from stand import Stand, flood

if TYPE_CHECKING:
    from collections.abc import Callable

_HALF_OPEN = 700
_OTHERS = 10
_SECONDS = 0.6
_MOST_REFUSED = 2_000
_LINES_OF_A_FLOOD = 20
_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def _others(stand: Stand) -> str:
    """Return how many of ten others get in, from an address that does not attack."""
    others = [stand.connect(COMPONENT, source="127.0.0.3", timeout=2.0) for _ in range(_OTHERS)]
    return f"{sum(client.status == 101 for client in others)} of {_OTHERS} others get in"


def _half_open(first: bytes, *, addresses: int = 1, tls: bool = False) -> Callable[[Stand], str]:
    """Open connections that finish no handshake, and try to get in meanwhile; over TLS only those beside try."""

    def run(stand: Stand) -> str:
        for number in range(_HALF_OPEN):
            source = ATTACKER if addresses == 1 else f"127.0.1.{number % addresses + 1}"
            stand.connect(source=source).send_raw(first)
        if tls:
            pause(_SECONDS)
            return f"{_HALF_OPEN} hellos"
        return _others(stand)

    return run


def _dribbled(stand: Stand) -> str:
    """Send requests a byte at a time, over as many connections as there are half-open ones."""
    request = upgrade(COMPONENT, stand.served.address)
    live = [stand.connect() for _ in range(_HALF_OPEN)]
    until, index = time.monotonic() + _SECONDS, 0
    while time.monotonic() < until and index < len(request) - 1:
        for client in live:
            client.offer(request[index : index + 1])
        index += 1
        pause(0.02)
    return _others(stand)


def _unread_answers(stand: Stand) -> str:
    """Have hundreds of requests rejected, and read none of the answers."""
    request = upgrade("/nowhere", stand.served.address)
    for _ in range(_HALF_OPEN):
        stand.connect(receive_buffer=1024).send_raw(request)
    return _others(stand)


def _garbage(first: bytes) -> Callable[[Stand], str]:
    """Send what is no request; return how many connections end within two seconds."""

    def run(stand: Stand) -> str:
        clients = [stand.connect(timeout=2.0) for _ in range(50)]
        for client in clients:
            client.send_raw(first)
        until = time.monotonic() + 2.0
        answered = sum(
            bool(client.wait_for_end(max(0.0, until - time.monotonic())) or client.first_line) for client in clients
        )
        return f"{answered} of 50 are answered or closed"

    return run


def _refused(path: str = COMPONENT, headers: str = "") -> Callable[[Stand], str]:
    """Have connections rejected as fast as can be for a while; return the status, and the lines of the log."""

    def run(stand: Stand) -> str:
        head, _, rest = upgrade(path, stand.served.address).partition(b"\r\n")
        request = head + b"\r\n" + headers.encode() + rest
        before, statuses, count = _lines(stand), set(), 0
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until and count < _MOST_REFUSED:
            with Client(stand.served.address, timeout=2.0) as client, suppress(OSError):
                client.send_raw(request)
                client.wait_for_end(2.0)
                statuses.add(client.first_line[9:12])
                count += 1
        lines = _lines(stand) - before
        words = "a few lines" if lines <= _LINES_OF_A_FLOOD else f"{lines} lines"
        leaked = ", a key in the log" if KEY in stand.served.log else ""
        return f"{'/'.join(sorted(statuses))} each, {words} in the log{leaked}"

    return run


def _lines(stand: Stand) -> int:
    return len(re.findall(r"Refused \(", stand.served.log))


_ALL = (f"{_OTHERS} of {_OTHERS} others",)
_ENDED = ("50 of 50",)

_FEW = "each, a few lines in the log"

ATTACKS = (
    flood("700 half-open handshakes: silent", _half_open(b""), expects=_ALL, has_newcomers=True),
    flood("700 half-open handshakes: half a request", _half_open(b"GET /openai HTTP/1.1\r\nHost: "), expects=_ALL),
    flood("700 half-open handshakes: half a hello", _half_open(_HELLO, tls=True), has_tls=True, has_newcomers=True),
    flood(
        "700 half-open handshakes: 100 addresses", _half_open(b"", addresses=100), expects=_ALL,
        settings={"server.max_handshakes": "200"},
    ),
    flood("700 half-open handshakes: byte by byte", _dribbled, expects=_ALL),
    flood("700 rejections that nobody reads", _unread_answers, expects=_ALL),
    flood("TLS on the plain port", _garbage(_HELLO), expects=_ENDED),
    flood("SSH on the plain port", _garbage(b"SSH-2.0-OpenSSH_9.2\r\n"), expects=_ENDED),
    flood("HTTP/2 on the plain port", _garbage(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), expects=_ENDED),
    flood("bytes of no protocol", _garbage(b"\x03\x00\x00\x13\x0e\xe0" * 100), expects=_ENDED),
    flood("HTTP on the port of TLS", _garbage(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), expects=_ENDED, has_tls=True),
    flood("rejections at a rate: 404", _refused("/nowhere%0d%0aforged"), expects=(f"404 {_FEW}",)),
    flood("rejections at a rate: 400", _refused(headers="Host: twice\r\n"), expects=(f"400 {_FEW}",)),
    flood("rejections at a rate: 403", _refused(headers="Origin: https://evil.example\r\n"), expects=(f"403 {_FEW}",)),
)  # fmt: skip
