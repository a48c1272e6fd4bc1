import socket
import threading

import pytest
from websockets.utils import accept_key

from turnstile.embed.client_socket import HandshakeRefusedError
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience


def test_a_message_is_heard_when_it_is_waited_for(start):
    url, _ = start(lambda peer: (peer.take(), peer.tell("SettingsApplied"), peer.say("Hello.")))
    with TerminalClient(url, timeout=patience()) as client:
        client.send("Settings", agent={})
        assert client.wait_for("ConversationText")["content"] == "Hello."
        assert [message["type"] for message in client.messages] == ["SettingsApplied", "ConversationText"]
    assert client.closed.startswith("1000")


def test_the_last_of_several_is_given_when_several_are_waited_for(start):
    url, _ = start(lambda peer: (peer.say("one"), peer.say("two"), peer.say("three")))
    with TerminalClient(url, timeout=patience()) as client:
        assert client.wait_for("ConversationText", 2)["content"] == "two"


def test_nothing_is_given_when_the_message_does_not_come_in_time(start):
    url, _ = start(lambda peer: peer.say("not that"))
    with TerminalClient(url, timeout=0.05) as client:
        assert client.wait_for("SettingsApplied") is None


def test_nothing_is_given_at_once_when_the_proxy_has_closed(start):
    closings = []
    url, _ = start(lambda peer: peer.connection.close(1001, "shutting down"))
    with TerminalClient(url, timeout=patience(60), on_closed=closings.append) as client:
        assert client.wait_for("SettingsApplied") is None
        assert client.closed == "1001 shutting down"
    assert closings == ["1001 shutting down"]


def test_a_close_of_the_client_is_not_reported_as_the_proxys(start):
    closings = []
    url, _ = start(lambda _: None)
    with TerminalClient(url, timeout=patience(), on_closed=closings.append):
        pass
    assert closings == []


def test_audio_goes_both_ways_as_it_is(start):
    took = []

    def echo(peer):
        took.append(peer.connection.recv(timeout=patience()))
        peer.connection.send(b"\1" * 320)
        peer.tell("AgentAudioDone")

    url, _ = start(echo)
    audio = bytearray()
    with TerminalClient(url, timeout=patience(), on_audio=audio.extend) as client:
        client.send_binary(b"\0" * 640)
        client.wait_for("AgentAudioDone")
        assert audio == b"\1" * 320
    assert took == [b"\0" * 640]


def test_each_message_is_shown_as_it_comes(start):
    seen = []
    url, _ = start(lambda peer: (peer.say("one"), peer.say("two")))
    with TerminalClient(url, timeout=patience(), on_message=lambda message: seen.append(message["content"])) as client:
        client.wait_for("ConversationText", 2)
    assert seen == ["one", "two"]


def test_sending_to_a_proxy_that_has_closed_goes_nowhere(start):
    url, _ = start(lambda peer: peer.connection.close(1011))
    with TerminalClient(url, timeout=patience()) as client:
        client.wait_for("never")
        client.close()
        client.send("InjectUserMessage", content="Is there anybody?")
        client.send_binary(b"\0\0")
        assert client.closed == "1011"


@pytest.mark.parametrize("text", ["no json", "[1]", '{"kind": "other"}'])
def test_a_frame_that_is_no_message_ends_the_session(start, text):
    url, _ = start(lambda peer: peer.connection.send(text))
    with TerminalClient(url, timeout=patience()) as client:
        assert client.wait_for("SettingsApplied") is None
        assert client.closed == "1007 the proxy sent a frame that is not a message"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ws://127.0.0.1:1/openai", "refused"),
        ("http://127.0.0.1:1/openai", "scheme http is invalid"),
        ("nonsense", "url is invalid"),
    ],
)
def test_a_proxy_that_is_not_there_is_an_error_of_one_line(url, words):
    with pytest.raises(OSError, match=words) as caught:
        TerminalClient(url, timeout=patience())
    assert "\n" not in str(caught.value)


class RawServer:
    """Takes one connection, answers the handshake, and then does as the test says."""

    def __init__(self, answer, after=None):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listening.getsockname()[1]}/openai"
        self._answer = answer
        self._after = after or (lambda _: None)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        connection, _ = self._listening.accept()
        with connection:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += connection.recv(4096)
            connection.sendall(self._answer(request.decode()).encode())
            self._after(connection)
            self._over.wait(patience())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(patience())
        self._listening.close()


def _upgrade(request):
    (key,) = (line.split(": ")[1] for line in request.splitlines() if line.lower().startswith("sec-websocket-key"))
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    )


def test_a_proxy_that_does_not_let_the_client_in_is_an_error_with_its_status():
    full = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with RawServer(lambda _: full) as server, pytest.raises(ConnectionRefusedError, match="it answered 503"):
        TerminalClient(server.url, timeout=patience())


def test_the_words_of_a_refusal_are_told_on_one_line():
    body = "No\r\n\x1b[31m  key.\n" + "x" * 1_000
    refusal = f"HTTP/1.1 401 Unauthorized\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    with RawServer(lambda _: refusal) as server, pytest.raises(HandshakeRefusedError) as caught:
        TerminalClient(server.url, timeout=patience())
    assert caught.value.status == 401
    assert str(caught.value).startswith("it answered 401: No \\u001b[31m key. xxx")
    assert len(str(caught.value)) < 600


def test_the_key_is_sent_in_a_header():
    asked = []

    def answer(request):
        asked.append(request)
        return _upgrade(request)

    with RawServer(answer) as server:
        TerminalClient(server.url, timeout=0.2, key="ts_made-up").close()
    assert "\r\nAuthorization: Bearer ts_made-up\r\n" in asked[0]


@pytest.mark.parametrize("key", ["a\r\nX-Other: 1", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(key):
    with pytest.raises(OSError, match="the key has characters that no header may have") as caught:
        TerminalClient("ws://127.0.0.1:1/openai", timeout=patience(), key=key)
    assert key not in str(caught.value)


def test_a_proxy_that_does_not_answer_the_close_is_left_when_time_is_up():
    with RawServer(_upgrade) as server:
        client = TerminalClient(server.url, timeout=0.2)
        client.close()
        assert client.closed == "1006 the close was not answered in time"


def test_a_link_that_breaks_ends_the_client():
    with (
        RawServer(_upgrade, lambda connection: connection.shutdown(socket.SHUT_RDWR)) as server,
        TerminalClient(server.url, timeout=patience()) as client,
    ):
        assert client.wait_for("SettingsApplied") is None
        assert client.closed == "1006 the connection ended without a closing handshake"
