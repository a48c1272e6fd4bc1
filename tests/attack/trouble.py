"""Section 3: floods, and handshakes and calls that hang."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from loopback import ATTACKER, COMPONENT, REALTIME, VOICE_AGENT, Client, reset_at_close
from raw_frames import BINARY, CONTINUATION, PING, TEXT, frame, text, upgrade
from served import pause
from stand import SETTINGS, Stand, flood, outcome

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 0.6
_PIECE_BYTES = 32 * 1024
_MOST_CONNECTIONS = 200
_HANG, _DRIBBLE = f"{REALTIME}-hang", f"{REALTIME}-dribble"


def _pour(path: str, piece: bytes, *, first: bytes = b"", clients: int = 10) -> Callable[[Stand], str]:
    """Have clients send the same bytes for a while, each as fast as it may, and come back when they are cut off."""

    def run(stand: Stand) -> str:
        data, ends, opened = piece * (_PIECE_BYTES // len(piece)), [], clients
        live = [_opened(stand, path, first) for _ in range(clients)]
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            going = [client for client in live if client.offer(data)]
            ends += [client.ended for client in live if client.ended]
            while len(going) < clients and opened < _MOST_CONNECTIONS and time.monotonic() < until:
                going.append(_opened(stand, path, first))
                opened += 1
            live = going
            pause(0.001)
        named = sorted({end[:40] for end in ends})
        return f"{len(ends)} ended: {'; '.join(named)}" if ends else f"{clients} go on"

    return run


def _opened(stand: Stand, path: str, first: bytes) -> Client:
    client = stand.session(path, timeout=2.0)
    reset_at_close(client.socket)
    client.send_raw(first)
    return client


def _hanging_calls(stand: Stand) -> str:
    """Have the proxy call 60 functions at a host that never answers."""
    assert stand.upstream
    client = stand.connect(COMPONENT)
    client.send(stand.upstream.with_function("hang"))
    client.wait_for("SettingsApplied")
    client.send({"type": "InjectUserMessage", "content": "call 60"})
    calls = 0
    for message in client.messages(_SECONDS):
        if message["type"] == "FunctionCallRequest":
            calls += len(message["functions"])
    return f"{calls} calls"


def _hanging_handshakes(stand: Stand) -> str:
    clients = [stand.connect(_HANG) for _ in range(8)]
    pause(_SECONDS)
    return f"{sum(not client.ended for client in clients)} of 8 wait"


def _dribbling_handshake(stand: Stand) -> str:
    began = time.monotonic()
    ended = stand.connect(_DRIBBLE).wait_for_end(6.0)
    took = time.monotonic() - began
    return f"{'in time' if took < 2.5 else 'too late'} ({took:.1f} s): {ended or 'goes on'}"


def _invalid(path: str, message: str) -> Callable[[Stand], str]:
    def run(stand: Stand) -> str:
        client = stand.session(path)
        for _ in range(40):
            if not client.send_raw(text(message) * 10):
                break
        return outcome(client)

    return run


def _slow_handshakes(clients: int) -> Callable[[Stand], str]:
    """Send the request of a handshake a byte at a time, on many connections."""

    def run(stand: Stand) -> str:
        request = upgrade(VOICE_AGENT, stand.served.address)
        live = [stand.connect() for _ in range(clients)]
        until = time.monotonic() + _SECONDS
        for index in range(len(request)):
            if time.monotonic() > until:
                break
            for client in live:
                client.offer(request[index : index + 1])
            pause(0.02)
        return f"{sum(not client.ended for client in live)} of {clients} wait"

    return run


def _connections(request: bytes) -> Callable[[Stand], str]:
    """Open connections as fast as can be for a while, at most 3,000, and cut them off."""

    def run(stand: Stand) -> str:
        until, opened = time.monotonic() + _SECONDS, 0
        while time.monotonic() < until and opened < 3000:
            with socket.create_connection(stand.served.address, 3.0, (ATTACKER, 0)) as connection:
                connection.sendall(request)
                reset_at_close(connection)
            opened += 1
        return "all taken"

    return run


def _half_open_tls(stand: Stand) -> str:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    clients = [stand.connect() for _ in range(60)]
    for client in clients:
        client.send_raw(hello)
    pause(_SECONDS)
    return f"{sum(not client.ended for client in clients)} of 60 wait"


def _endless_head(stand: Stand) -> str:
    client = stand.connect()
    client.send_raw(b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 500_000)
    client.wait_for_end(1.0)
    return client.first_line or client.ended or "goes on"


_CALLERS = {"voice agent": 9, "realtime": 9, "caller": 2}

ATTACKS = (
    flood("60 calls to a host that hangs", _hanging_calls, has_upstream=True, beside=_CALLERS, expects=("60 calls",)),
    flood(
        "8 handshakes that upstream lets hang", _hanging_handshakes, has_upstream=True, has_newcomers=True,
        settings={"upstream.connect_timeout": "2"},
    ),
    flood(
        "a handshake that upstream dribbles", _dribbling_handshake, has_upstream=True, expects=("in time",),
        settings={"upstream.connect_timeout": "1", "upstream.reconnect_for": "0"},
    ),
    flood(
        "flood: empty continuations", _pour(COMPONENT, frame(CONTINUATION, is_final=False),
        first=frame(TEXT, is_final=False)),
    ),
    flood("flood: pings", _pour(COMPONENT, frame(PING))),
    flood("flood: audio of one byte", _pour(COMPONENT, frame(BINARY, b"x"))),
    flood("flood: JSON of one byte", _pour(COMPONENT, text("1")), expects=("1008",)),
    flood("realtime flood: JSON of one byte", _pour(REALTIME, text("1")), expects=("1008",)),
    flood("realtime flood: appends of one byte", _pour(
        REALTIME, text({"type": "input_audio_buffer.append", "audio": "AA=="}))),
    flood("flood: updates that change nothing", _pour(COMPONENT, text(SETTINGS))),
    flood("invalid messages at a rate", _invalid(COMPONENT, '{"type":"Nope"}'), expects=("1008",)),
    flood("realtime: invalid messages at a rate", _invalid(REALTIME, '{"type":5}'), expects=("1008",)),
    flood("60 slow handshakes", _slow_handshakes(60), has_newcomers=True),
    flood("300 slow handshakes", _slow_handshakes(300)),
    flood("connections at a rate", _connections(b"")),
    flood("handshakes at a rate", _connections(upgrade(VOICE_AGENT, ("127.0.0.1", 80)))),
    flood("60 TLS handshakes half open", _half_open_tls, has_tls=True, has_newcomers=True),
    flood("a request of 4 MB without end", _endless_head, expects=("431",)),
)  # fmt: skip
