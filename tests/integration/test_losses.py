"""A client or an upstream that is lost in any way leaves nothing behind, and who is left is told."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
import time

import pytest
import websocket

from actors.timers import TimerThread
from turnstile.simulator.faults import Faults, Pace
from turnstile.simulator.simulator import Simulator
from turnstile.testing import ManualTimers, patience

SETTINGS = {"agent": {"think": {"prompt": "Be brief."}}}
QUICK = {"limits.close_timeout": "0.1", "session.retry_delay": "0.01"}


class SkippedTime:
    """A clock and timers of which those of half a minute and more come when the test says so."""

    def __init__(self):
        self.running, self._held, self._skipped = TimerThread(), ManualTimers(), 0.0

    def __call__(self):
        return time.monotonic() + self._skipped

    def start(self, delay, callback):
        return (self.running if delay < 30 else self._held).start(delay, callback)

    def skip(self, seconds):
        self._skipped += seconds
        self._held.advance(seconds)


@pytest.fixture
def simulate():
    """Make a simulator with faults, or other options."""
    timers = TimerThread()
    yield lambda **options: Simulator(**{"clock": time.monotonic, "timers": timers, **options})
    assert timers.stop(patience())


def configured(proxy):
    dialogue = proxy.dialogue()
    dialogue.send("Settings", **SETTINGS)
    assert dialogue.wait_for("SettingsApplied")
    return dialogue


def close_words(dialogue):
    dialogue.wait_until(lambda: None)
    return dialogue.closed


def entries(proxy, wire, kind):
    return [entry.detail for entry in proxy.journal.entries() if (entry.wire, entry.kind) == (wire, kind)]


def test_a_session_that_expires_upstream_goes_on_with_another_link(start_proxy, simulate):
    skipped = SkippedTime()
    proxy = start_proxy(QUICK, simulator=simulate(clock=skipped, timers=skipped, lifetime=60))
    with configured(proxy) as dialogue:
        skipped.skip(60)
        assert dialogue.wait_for("Warning")["code"] == "upstream_lost"
        assert dialogue.wait_for("Warning", count=2)["code"] == "upstream_restored"
        dialogue.send("InjectUserMessage", content="Hello.")
        assert dialogue.wait_for("AgentDone")
    assert proxy.system.wait_until_empty(patience())
    assert [len(log.responses) for log in proxy.system.simulator.logs] == [0, 1]
    assert skipped.running.stop(patience())


def test_a_link_that_is_lost_under_way_is_replaced_and_nothing_asked_for_is_lost(start_proxy, simulate):
    faults = lambda number: Faults(disconnect_after_events=2, disconnect_code=1006) if number == 0 else Faults()  # noqa: E731
    proxy = start_proxy(QUICK, simulator=simulate(faults=faults))
    with configured(proxy) as dialogue:
        dialogue.send("InjectUserMessage", content="Hello.")
        assert dialogue.wait_for("Warning")["code"] == "upstream_lost"
        assert dialogue.wait_for("AgentDone")
    assert proxy.system.wait_until_empty(patience())
    assert [len(log.responses) for log in proxy.system.simulator.logs] == [0, 1]
    assert repr(proxy.system.simulator) == "<Simulator, 0 sessions open>"
    assert len(proxy.system.simulator.sessions) == 2


def test_the_session_ends_when_no_link_stays_for_as_long_as_another_is_tried_for(start_proxy, simulate):
    flags = {**QUICK, "upstream.reconnect_for": "0.3"}
    proxy = start_proxy(flags, simulator=simulate(faults=Faults(disconnect_after_events=1)))
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", **SETTINGS)
        assert close_words(dialogue) == "1014 upstream_closed"
        assert dialogue.received("Error")[-1]["code"] == "upstream_closed"
        assert proxy.system.wait_until_empty(patience())
    assert len(proxy.system.simulator.logs) > 1


def test_links_of_a_silent_upstream_are_closed_and_the_client_is_told(start_proxy):
    """It takes the handshake and says nothing: each link is given up before the next is opened."""
    ends = []

    def serve(listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            ends.append(_silent_websocket(sock))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/realtime"
        flags = {"upstream.url": url, "upstream.api_key": "k", "upstream.reconnect_for": "0.5"}
        proxy = start_proxy({**QUICK, **flags, "session.link_timeout": "0.2"})
        with proxy.dialogue() as dialogue:
            dialogue.send("Settings", **SETTINGS)
            assert dialogue.wait_for("Error")["code"] == "upstream_silent"
            assert close_words(dialogue) == "1014 upstream_silent"
            assert proxy.system.wait_until_empty(patience())
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(patience())
    assert len(ends) > 1
    for sock in ends:
        with sock:
            sock.settimeout(patience())
            assert b"\x88" in b"".join(iter(lambda: sock.recv(100), b""))  # noqa: B023 - read at once


def _silent_websocket(sock):
    """Answer a handshake; the key is that of RFC 6455's own arithmetic."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(1000)
    key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")).split()[1]
    accept = base64.b64encode(
        hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    )
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return sock


def test_the_opening_of_a_link_ends_when_the_client_has_left(start_proxy):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(patience())
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/realtime"
        flags = {"upstream.url": url, "upstream.kind": "compatible", "upstream.connect_timeout": str(10 * patience())}
        proxy = start_proxy({**QUICK, **flags})
        with proxy.dialogue() as dialogue:
            dialogue.send("Settings", **SETTINGS)
            sock, _ = listener.accept()
            sock.settimeout(patience())
            begun = sock.recv(100)
        with sock:
            assert b"Sec-WebSocket-Key" in b"".join((begun, *iter(lambda: sock.recv(100), b"")))
        assert proxy.system.wait_until_empty(patience())


@pytest.mark.parametrize("how", ["a reset", "an end without a close"])
@pytest.mark.parametrize("when", ["before anything", "configured", "mid-response"])
def test_a_client_that_vanishes_leaves_no_session_and_no_upstream_link(start_proxy, how, when):
    proxy = start_proxy(QUICK)
    link = websocket.create_connection(proxy.url(), timeout=patience())
    if when != "before anything":
        link.send(json.dumps({"type": "Settings", **SETTINGS}))
        assert "SettingsApplied" in link.recv()
    if when == "mid-response":
        link.send(json.dumps({"type": "InjectUserMessage", "content": "Tell me a long story."}))
        assert "ConversationText" in link.recv()
        assert "AgentStartedSpeaking" in link.recv()
    if how == "a reset":
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.shutdown()
    if when == "before anything" and not entries(proxy, "client", "closed"):
        # It may not even have been a session yet: another one shows that the proxy is past it.
        with configured(proxy):
            pass
    assert proxy.system.wait_until_empty(patience())
    assert repr(proxy.system.simulator) == "<Simulator, 0 sessions open>"
    if when != "before anything":
        assert entries(proxy, "client", "closed")[0].startswith("1006")


def test_a_client_that_does_not_read_is_cut_off_under_the_name_of_the_reason(start_proxy, simulate):
    flags = {"limits.client_unread_bytes": "2048", "limits.unread_timeout": "0.1"}
    proxy = start_proxy({**QUICK, **flags}, simulator=simulate(pace=Pace(answer=0, first=0, step=0)))
    link = websocket.create_connection(
        proxy.url(), timeout=patience(), sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),)
    )
    try:
        link.send(json.dumps({"type": "Settings", **SETTINGS}))
        link.recv()
        with contextlib.suppress(OSError):  # the proxy may cut the client off before it has said everything
            for _ in range(20):  # 40 MB of answers: with 64 MiB unread the simulator would disconnect the proxy
                link.send(json.dumps({"type": "InjectUserMessage", "content": "Tell me a long story. " * 50}))
        assert proxy.system.wait_until_empty(patience())
    finally:
        link.shutdown()
    assert entries(proxy, "client", "closed") == ["1008 peer_too_slow"]
    assert repr(proxy.system.simulator) == "<Simulator, 0 sessions open>"


@pytest.mark.parametrize("kind", ["text", "audio"])
def test_a_message_that_is_too_large_leaves_no_session(start_proxy, kind):
    proxy = start_proxy({**QUICK, "limits.client_message_bytes": "2000"})
    with configured(proxy) as dialogue:
        if kind == "text":
            dialogue.send("InjectUserMessage", content="x" * 5_000)
        else:
            dialogue.send_binary(bytes(5_000))
        assert close_words(dialogue).startswith("1009")
        assert proxy.system.wait_until_empty(patience())
    assert repr(proxy.system.simulator) == "<Simulator, 0 sessions open>"
