"""A Realtime client's message may be as large as the API takes: over real sockets on both sides, and back."""

from __future__ import annotations

import base64
import json

import pytest
import websocket

from turnstile.simulator.faults import Pace
from turnstile.testing import patience

MIB = 1024 * 1024
NO_DETECTION = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
COMMIT = {"type": "input_audio_buffer.commit"}
CREATE = {"type": "response.create", "response": {"output_modalities": ["text"]}}


class Client:
    """A client of the Realtime API."""

    def __init__(self, url):
        # The client's own check is in Python, and takes seconds for such messages.
        self._socket = websocket.create_connection(url, timeout=patience(), skip_utf8_validation=True)
        self._raw = self._socket.sock
        self.heard = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._raw.close()  # which it leaves open where the other side has closed first

    def send(self, *events):
        for event in events:
            self._socket.send(json.dumps(event))

    def hear(self, kind):
        """Return the next event of a type."""
        while True:
            event = json.loads(self._socket.recv())
            self.heard.append(event["type"])
            if event["type"] == kind:
                return event

    def close_code(self):
        """Read to the end; return its code."""
        while True:
            opcode, data = self._socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2], "big")


@pytest.fixture
def serve(start_proxy, start_api):
    """Start a proxy in front of an API on a socket of its own, which keeps what it sees in `proxy.api`."""

    def start(flags=None, **pace):
        api = start_api(pace=Pace(**pace))
        host, port = api.address
        url = f"ws://{host}:{port}/v1/realtime"
        proxy = start_proxy({"upstream.url": url, "upstream.kind": "compatible", **(flags or {})})
        proxy.api = api.simulator
        return proxy

    return start


def image(mib):
    url = f"data:image/png;base64,{base64.b64encode(bytes(int(mib * MIB))).decode()}"
    content = [{"type": "input_image", "image_url": url}]
    return {
        "type": "conversation.item.create",
        "event_id": "image",
        "item": {"type": "message", "role": "user", "content": content},
    }


@pytest.mark.parametrize(("mib", "count"), [(15, 2), (10, 3)])
def test_large_appends_go_through_also_when_they_are_the_first_thing_said(serve, mib, count):
    proxy = serve(answer=1.0)  # until the link is up one of them fills most of what may be held
    append = {"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(mib * MIB)).decode()}
    with Client(proxy.url("/v1/realtime")) as client:
        client.send({"type": "session.update", "session": NO_DETECTION}, *[append] * count, COMMIT, CREATE)
        client.hear("response.done")
        assert "error" not in client.heard
    assert proxy.api.logs[0].audio_bytes == mib * count * MIB


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_image_behind_a_queued_response_is_held_and_answered(serve, workers):
    proxy = serve({"dispatcher.workers": workers}, first=0.2)
    with Client(proxy.url("/v1/realtime")) as client:
        client.send(CREATE, CREATE, image(15), CREATE)
        for _ in range(3):
            client.hear("response.done")
        assert "error" not in client.heard
    log = proxy.api.logs[0]
    (item,) = (item for item in log.items if item.type == "message")
    assert [item.id in response.seen for response in log.responses] == [False, False, True]


def test_an_image_that_does_not_fit_is_refused_by_name_and_so_is_its_response(serve):
    proxy = serve({"session.max_held_bytes": "20000"}, first=0.2)
    with Client(proxy.url("/v1/realtime")) as client:
        client.send(
            CREATE, CREATE, image(1 / 32), {**CREATE, "event_id": "about the image"}, {**CREATE, "event_id": "next"}
        )
        errors = [client.hear("error")["error"] for _ in range(2)]
        assert [(error["code"], error["event_id"]) for error in errors] == [
            ("too_many_held", "image"),
            ("too_many_held", "about the image"),
        ]
        for _ in range(3):
            client.hear("response.done")
    assert proxy.api.logs[0].received["response.create"] == 3


def test_an_image_larger_than_all_that_a_session_may_hold_is_refused_before_it_is_read(serve, caplog):
    proxy = serve({"session.max_held_bytes": str(MIB)})
    with caplog.at_level("WARNING"), Client(proxy.url("/v1/realtime")) as client:
        client.send(image(2))
        assert client.close_code() == 1009
        assert proxy.system.wait_until_empty(patience())
        (line,) = (record.getMessage() for record in caplog.records if "closed" in record.getMessage())
    assert "session.max_held_bytes" in line


@pytest.mark.parametrize(
    ("path", "setting"), [("/openai", "client_message_bytes"), ("/v1/realtime", "realtime_message_bytes")]
)
def test_a_message_that_is_too_large_ends_the_session_and_is_logged_once(serve, caplog, path, setting):
    proxy = serve({f"limits.{setting}": "2000"})
    with caplog.at_level("WARNING"), Client(proxy.url(path)) as client:
        client.send({"type": "x", "x": "x" * 5_000})
        assert client.close_code() == 1009
        assert proxy.system.wait_until_empty(patience())
        (line,) = (record.getMessage() for record in caplog.records if "closed" in record.getMessage())
    assert "2000" in line
    assert setting in line


def test_a_voice_agents_message_keeps_its_limit(serve):
    proxy = serve()
    with Client(proxy.url("/openai")) as client:
        client.send({"type": "InjectUserMessage", "content": "x" * 2 * MIB})
        assert client.close_code() == 1009


@pytest.mark.parametrize("path", ["/openai", "/v1/realtime"])
def test_too_many_invalid_messages_end_their_session_only(serve, caplog, path):
    proxy = serve({"limits.invalid_messages": "3"})
    with Client(proxy.url("/v1/realtime")) as other, caplog.at_level("WARNING"):
        other.hear("session.created")
        with Client(proxy.url(path)) as client:
            client.send(*[{}] * 4)
            assert client.close_code() == 1008
        other.send(CREATE)
        other.hear("response.done")
    assert [record.getMessage() for record in caplog.records if "limits.invalid_messages" in record.getMessage()]
