"""Section 3: floods, handshakes and calls that hang, and the log."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

from loopback import ATTACKER, COMPONENT, REALTIME, VOICE_AGENT, Client, require_loopback
from raw_frames import BINARY, CONTINUATION, PING, TEXT, frame, text, upgrade
from served import Served, pause
from stand import SETTINGS, Attack, Stand, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FLOOD = 0.6  # seconds
_PIECE_BYTES = 32 * 1024
_MOST_CONNECTIONS = 200
_LINE = "x\nforged: line\r\nforged: line\x1b[31m\u2028forged: line\x85forged: line"
_FORGED = re.compile(r"(?m)^forged|\x1b|\u2028|\x85")
_HANG, _DRIBBLE = f"{REALTIME}-hang", f"{REALTIME}-dribble"


def _flood(path: str, piece: bytes, *, first: bytes = b"", clients: int = 10) -> Callable[[Stand], str]:
    """Have clients send the same bytes for a while, each as fast as it may, and come back when they are cut off."""

    def run(stand: Stand) -> str:
        data = piece * (_PIECE_BYTES // len(piece))
        until, ends, opened = time.monotonic() + _FLOOD, [], 0
        live: list[Client] = []
        while time.monotonic() < until:
            while len(live) < clients and opened < _MOST_CONNECTIONS:
                live.append(stand.session(path, timeout=2.0))
                live[-1].send_raw(first)
                opened += 1
            going = [client for client in live if client.offer(data)]
            ends += [client.ended for client in live if client.ended]
            live = going
            pause(0.001)
        named = sorted({end[:40] for end in ends})
        return f"{len(ends)} ended: {'; '.join(named)}" if ends else f"{clients} go on"

    return run


def _hanging_calls(stand: Stand) -> str:
    """Have the proxy call 60 functions at a host that never answers."""
    assert stand.upstream
    client = stand.connect(COMPONENT)
    client.send(stand.upstream.with_function("hang"))
    client.wait_for("SettingsApplied")
    client.send({"type": "InjectUserMessage", "content": "call 60"})
    calls = 0
    for message in client.messages(_FLOOD):
        if message["type"] == "FunctionCallRequest":
            calls += len(message["functions"])
    return f"{calls} calls"


def _hanging_handshakes(stand: Stand) -> str:
    clients = [stand.connect(_HANG) for _ in range(8)]
    pause(_FLOOD)
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


def _many_short_sessions(stand: Stand) -> str:
    """Open and end sessions, each of which leaves lines in the log."""
    for number in range(150):
        with Client(stand.served.address, COMPONENT) as client:
            client.send({"type": f"unknown {number} {'x' * 300}"}, SETTINGS)
            if not client.wait_for("SettingsApplied", timeout=3.0):
                return f"session {number}: no answer ({client.ended})"
    return "150 sessions"


def _one_session(stand: Stand) -> str:
    client = stand.session(COMPONENT)
    return outcome(client)


def _forgery(stand: Stand) -> str:
    """Write what looks like lines of the log wherever a client or an upstream has a say."""
    client = stand.session(COMPONENT)
    client.send(
        {"type": _LINE}, {"type": "UpdatePrompt", _LINE: 1, "prompt": 5}, {"type": "UpdateThink", "think": _LINE}
    )
    client.send({"type": "FunctionCallResponse", "id": _LINE, "name": _LINE, "content": "x"})
    client.send({"type": "InjectUserMessage", "content": "forged 3"})
    client.wait_for_end(0.5)
    api = stand.session(REALTIME)
    api.send({"type": _LINE, "event_id": _LINE}, {"type": "session.update", "session": {"model": _LINE, _LINE: _LINE}})
    pause(0.1)
    api.close(_LINE.encode()[:120])
    for path in ("/v1/realtime?model=x%0aforged:%20line", "/x%0aforged:%20line", "/\x1bforged"):
        stand.connect(path)
    stand.connect().send_raw(
        upgrade(COMPONENT, stand.served.address).replace(b"Host", b"Origin: \x1b[31mforged\r\nHost")
    )
    pause(0.2)
    found = _FORGED.search(stand.served.log)
    return f"a forged line: {found[0]!r}" if found else "no forged line"


def _slow_handshakes(clients: int) -> Callable[[Stand], str]:
    """Send the request of a handshake a byte at a time, on many connections."""

    def run(stand: Stand) -> str:
        request = upgrade(VOICE_AGENT, stand.served.address)
        live = [stand.connect() for _ in range(clients)]
        until = time.monotonic() + _FLOOD
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
        until, opened = time.monotonic() + _FLOOD, 0
        while time.monotonic() < until and opened < 3000:
            with socket.create_connection(stand.served.address, 3.0, (ATTACKER, 0)) as connection:
                connection.sendall(request)
                # Reset, so that the system keeps nothing of it.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            opened += 1
        return "all taken"

    return run


def _half_open_tls(stand: Stand) -> str:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    clients = [stand.connect() for _ in range(60)]
    for client in clients:
        client.send_raw(hello)
    pause(_FLOOD)
    return f"{sum(not client.ended for client in clients)} of 60 wait"


def _endless_head(stand: Stand) -> str:
    client = stand.connect()
    client.send_raw(b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 500_000)
    client.wait_for_end(1.0)
    return client.first_line or client.ended or "goes on"


class _UnreadLog(Served):
    """A proxy whose standard error is a pipe that nobody reads, until `close_sessions`."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._reads, writes = os.pipe()
        fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
        super().__init__(settings, stderr=writes)
        os.close(writes)

    def before_the_end(self) -> None:
        """Read it from now on."""

        def read() -> None:
            while data := os.read(self._reads, 1 << 16):
                os.write(self.log_file.fileno(), data)
            os.close(self._reads)

        threading.Thread(target=read, daemon=True).start()


def _without_stdout(kind: str) -> Callable[[Mapping[str, str]], Served]:
    """Start the proxy with a standard output that takes nothing."""

    def start(settings: Mapping[str, str]) -> Served:
        with socket.create_server((require_loopback("127.0.0.1"), 0)) as taken:
            port = taken.getsockname()[1]
        if kind == "closed":
            served = Served(settings, port=port, prefix=("sh", "-c", 'exec "$@" >&-', "sh"))
        else:
            reads, writes = os.pipe()
            if kind == "full":
                fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
                os.write(writes, bytes(4096))
            else:
                os.close(reads)
            served = Served(settings, port=port, stdout=writes)
            os.close(writes)
        served.wait_until_it_listens()
        return served

    return start


def _unread_log(settings: Mapping[str, str]) -> Served:
    return _UnreadLog({**settings, "log.level": "debug"})


def _is(name: str, run: Callable[[Stand], str], **options: Any) -> Attack:
    return Attack(name, run, is_flood=True, **options)


_CALLERS = {"voice agent": 9, "realtime": 9, "caller": 2}

ATTACKS = (
    _is("60 calls to a host that hangs", _hanging_calls, has_upstream=True, beside=_CALLERS, expects=("60 calls",)),
    _is(
        "8 handshakes that upstream lets hang", _hanging_handshakes, has_upstream=True, has_newcomers=True,
        settings={"upstream.connect_timeout": "2"},
    ),
    _is(
        "a handshake that upstream dribbles", _dribbling_handshake, has_upstream=True, expects=("in time",),
        settings={"upstream.connect_timeout": "1", "upstream.reconnects": "0"},
    ),
    _is(
        "flood: empty continuations", _flood(COMPONENT, frame(CONTINUATION, is_final=False),
        first=frame(TEXT, is_final=False)),
    ),
    _is("flood: pings", _flood(COMPONENT, frame(PING))),
    _is("flood: audio of one byte", _flood(COMPONENT, frame(BINARY, b"x"))),
    _is("flood: JSON of one byte", _flood(COMPONENT, text("1")), expects=("1008",)),
    _is("realtime flood: JSON of one byte", _flood(REALTIME, text("1")), expects=("1008",)),
    _is("realtime flood: appends of one byte", _flood(
        REALTIME, text({"type": "input_audio_buffer.append", "audio": "AA=="}))),
    _is("flood: updates that change nothing", _flood(COMPONENT, text(SETTINGS))),
    _is("invalid messages at a rate", _invalid(COMPONENT, '{"type":"Nope"}'), expects=("1008",)),
    _is("realtime: invalid messages at a rate", _invalid(REALTIME, '{"type":"nope"}'), expects=("1008",)),
    _is("unread standard error", _many_short_sessions, start=_unread_log, expects=("150 sessions",)),
    *(
        _is(f"{kind} standard output", _one_session, start=_without_stdout(kind), expects=("goes on",))
        for kind in ("closed", "full", "broken")
    ),
    _is("forged lines of the log", _forgery, has_upstream=True, expects=("no forged line",)),
    _is("60 slow handshakes", _slow_handshakes(60), has_newcomers=True),
    _is("300 slow handshakes", _slow_handshakes(300)),
    _is("connections at a rate", _connections(b"")),
    _is("handshakes at a rate", _connections(upgrade(VOICE_AGENT, ("127.0.0.1", 80)))),
    _is("60 TLS handshakes half open", _half_open_tls, has_tls=True, has_newcomers=True),
    _is("a request of 4 MB without end", _endless_head, expects=("431",)),
)  # fmt: skip
