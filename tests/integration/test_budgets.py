"""What is held for a session, and for all, is bounded in bytes: over real sockets, and counted to the end."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest
import websocket

from turnstile.errors import SessionError
from turnstile.testing import RecordingInbox, patience

MIB = 1024 * 1024
SETTINGS = {"agent": {"think": {"prompt": "Be brief."}}}
LARGE = "x" * (MIB - 200)
REQUESTS = {
    "UpdatePrompt": {"prompt": "x" * 24_000},
    "InjectUserMessage": {"content": "x" * 24_000},
    "InjectAgentMessage": {"message": "x" * 24_000, "behavior": "queue"},
}


class Client:
    """A client of the Voice Agent protocol, from an address of its own."""

    def __init__(self, url, address):
        parts = urlsplit(url)
        self._raw = socket.create_connection((parts.hostname, parts.port), source_address=(address, 0))
        self._raw.settimeout(patience())
        self._socket = websocket.create_connection(url, socket=self._raw)

    def send(self, kind, **fields):
        self._socket.send(json.dumps({"type": kind, **fields}))

    def close(self):
        self._socket.close()
        self._raw.close()

    def hear(self, kind):
        """Return the next message of a type."""
        while True:
            message = json.loads(self._socket.recv())
            if message["type"] == kind:
                return message

    def close_frame(self):
        """Read to the end; return its code and reason."""
        while True:
            opcode, data = self._socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2], "big"), data[2:].decode()


@pytest.fixture
def client_of():
    clients = []

    def connect(proxy, address="127.0.0.1"):
        clients.append(Client(proxy.url(), address))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def filled(client, requests):
    """Have a client that has configured nothing fill its part with requests of 1 MiB."""
    for _ in range(requests):
        client.send("InjectUserMessage", content=LARGE)
    return client


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_beyond_the_sessions_bytes_is_refused_and_the_session_goes_on(start_proxy, kind):
    proxy = start_proxy({"session.max_held_bytes": "40000"})
    with proxy.dialogue() as dialogue:
        for _ in range(2):
            dialogue.send(kind, **REQUESTS[kind])
        assert dialogue.wait_for("Error")["code"] == "too_many_held"
        dialogue.send("Settings", **SETTINGS)
        assert dialogue.wait_for("SettingsApplied")
        assert len(dialogue.received("Error")) == 1


def test_audio_beyond_the_sessions_bytes_is_dropped_and_said(start_proxy):
    proxy = start_proxy({"session.max_held_bytes": "10000"})
    with proxy.dialogue() as dialogue:
        for _ in range(200):
            dialogue.send_binary(b"ab")
        assert dialogue.wait_for("Error")["code"] == "audio_dropped"
        assert proxy.system.held_bytes <= 10_000


def test_past_three_quarters_new_clients_get_503_until_there_is_room(start_proxy, client_of, caplog):
    proxy = start_proxy({"limits.total_bytes": str(16 * MIB), "session.max_held": "13"})
    with caplog.at_level("INFO"):
        full = filled(client_of(proxy), 14)
        assert full.hear("Error")["code"] == "too_many_held"
        with pytest.raises(websocket.WebSocketBadStatusException, match="503") as rejected:
            client_of(proxy, "127.0.0.2")
        assert rejected.value.resp_headers["retry-after"] == "5"
        with pytest.raises(SessionError, match="holds too much"):
            proxy.system.connect(RecordingInbox())
        full.close()
        assert proxy.system.wait_until_empty(patience())
        assert proxy.system.held_bytes == 0
        client_of(proxy, "127.0.0.2")
    assert [line for line in caplog.messages if line.startswith("Refused (total_bytes) 127.0.0.2")]
    assert proxy.system.refusals == {"total_bytes": 2}
    assert "No session is open; 0 bytes held" in caplog.messages


def test_past_the_limit_the_largest_session_of_the_address_that_holds_most_is_ended(start_proxy, client_of, caplog):
    proxy = start_proxy({"limits.total_bytes": str(16 * MIB)})
    modest, small = client_of(proxy), client_of(proxy, "127.0.0.2")
    filled(modest, 1)
    filled(small, 1)
    with caplog.at_level("WARNING"):
        greedy = filled(client_of(proxy, "127.0.0.2"), 15)
        code, reason = greedy.close_frame()
    assert (code, "holds too much" in reason) == (1013, True)
    (ended,) = [record.message for record in caplog.records if "is ended" in record.message]
    assert "of 127.0.0.2 " in ended
    assert "limits.total_bytes" in ended
    assert proxy.system.wait_until_empty(patience(), but=2)
    assert proxy.system.held_bytes < 3 * MIB
    for client in (modest, small):
        client.send("Settings", **SETTINGS)
        assert client.hear("SettingsApplied")


def test_nothing_is_held_when_all_have_ended_whatever_they_held(start_proxy, client_of):
    proxy = start_proxy({"session.max_held": "2", "limits.close_timeout": "0.1"})
    for end in ("close", "vanish", "host"):
        client = filled(client_of(proxy), 3)
        client._socket.send_binary(bytes(1000))
        assert client.hear("Error")["code"] == "too_many_held"
        assert proxy.system.held_bytes > MIB
        if end == "vanish":
            client._raw.close()
        elif end == "close":
            client.close()
        else:
            proxy.system.stop(patience())
        assert proxy.system.wait_until_empty(patience())
        assert proxy.system.held_bytes == 0
