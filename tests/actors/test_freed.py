"""Ended sessions are free at once: none of their objects waits for a full collection."""

from __future__ import annotations

import gc
import json
import logging
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest
from pykka import ActorRegistry  # noqa: TID251 - what a host may do to its actors
from websocket import ABNF, WebSocketException, create_connection

from actors.messages import End
from actors.simulator_system import SimulatorSystem
from actors.system import ProxySystem
from actors.timers import TimerThread
from turnstile.config import load_config
from turnstile.session.link_effects import OnStandby, OpenStandby, RestoreItem, TakeOver
from turnstile.simulator.faults import Faults
from turnstile.simulator.quirks import Quirks
from turnstile.simulator.simulator import Simulator
from turnstile.testing import RecordingInbox, patience

SETTINGS = {"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}
HELLO = {"type": "InjectUserMessage", "content": "Hello."}
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
OURS = ("actors", "turnstile", "websockets")
# What a test's own client is made of; the simulator, which keeps its last sessions and what they sent; timers that were
# cancelled, which hold nothing and are swept out when they are many; the listener's timer for all handshakes.
# What a timer would hold of a session is found by itself.
NOT_OF_A_SESSION = (
    "turnstile.testing",
    "turnstile.simulator",
    "turnstile.protocol.frames",
    "actors.timers",
    "turnstile.transports.loop_timers",
)
# Names a standby; of no interest to the session.
GENERATION = 1_000
# How often is looked, in seconds.
GLANCE = 0.01


def objects():
    """Return the objects of the product's classes, and of the framing library's, that came since `gc.freeze`."""
    return [
        one
        for one in gc.get_objects()
        if type(one).__module__.startswith(OURS) and not type(one).__module__.startswith(NOT_OF_A_SESSION)
    ]


@pytest.fixture
def without_collector(caplog):
    """Keep the collector from running; and the log from keeping tracebacks, whose frames keep what failed."""
    logging.disable(logging.CRITICAL)
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    logging.disable(logging.NOTSET)
    caplog.clear()


@pytest.fixture
def no_key(monkeypatch):
    """Let the environment configure no upstream."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture(params=["in memory", "over a socket"])
def make_system(request, no_key):  # noqa: ARG001 - no argument of the function's
    """Make a started proxy whose upstream is a simulator in memory, or one behind a socket."""
    timers, started = TimerThread(), []

    def make(faults=None, workers="0", quirks=None):
        simulator = Simulator(clock=time.monotonic, timers=timers, faults=faults or Faults(), quirks=quirks or Quirks())
        flags = {
            "server.port": "0",
            "upstream.url": "simulator:",
            "upstream.reconnect_for": "0",
            "dispatcher.workers": workers,
            "limits.close_timeout": "0.1",  # these clients leave when their test lets them
        }
        if request.param == "over a socket":
            api = SimulatorSystem(load_config(flags={"simulator.port": "0"}), simulator=simulator)
            api.start()
            started.append(api)
            host, port = api.address
            flags |= {"upstream.url": f"ws://{host}:{port}/v1/realtime", "upstream.api_key": "made-up"}
        system = ProxySystem(load_config(flags=flags), simulator=simulator)
        system.start()
        started.append(system)
        return system

    yield make
    for system in reversed(started):
        system.stop(patience(5))
    assert timers.stop(patience(5))


class SocketClient:
    """A client over a socket that has talked: of the Voice Agent protocol, or of the Realtime API."""

    def __init__(self, system, path):
        host, port = system.address
        self._link = create_connection(f"ws://{host}:{port}{path}", timeout=patience(10))
        if path == "/v1/realtime":
            self._send({"type": "conversation.item.create", "item": ITEM})
            self._send({"type": "response.create"})
            self._wait_for("response.done")
        else:
            self._send(SETTINGS)
            self._wait_for("SettingsApplied")
            self._send(HELLO)
            self._wait_for("AgentAudioDone")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _send(self, message):
        self._link.send(json.dumps(message))

    def _wait_for(self, kind):
        while True:
            opcode, data = self._link.recv_data()
            assert opcode != ABNF.OPCODE_CLOSE
            if opcode == ABNF.OPCODE_TEXT and json.loads(data)["type"] == kind:
                return

    def send_text(self, text):
        self._link.send(text)

    def send_nonsense(self):
        self._link.sock.sendall(b"\xff" * 16)

    def reset(self):
        self._link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._link.shutdown()

    def close(self):
        with suppress(OSError, WebSocketException):
            self._link.close(timeout=patience(5))


class HostedClient:
    """A client in this process, with a host that looks on."""

    def __init__(self, system):
        self.inbox = RecordingInbox()
        self.connection, self.session = system.connect(self.inbox, on_event=lambda session, _: session.session_id)
        self.send(SETTINGS)
        self.session.update(prompt="Rhyme.").result(patience(10))
        self.send(HELLO)
        assert self.session.wait_for("AgentAudioDone", patience(10))

    def send(self, message):
        self.connection.send_text(json.dumps(message).encode())
        self.connection.flush()

    def close(self):
        self.connection.close(1000)


@pytest.fixture(scope="module", autouse=True)
def _first_sessions():
    """Have what the first sessions make once for all made before anything is looked for."""
    flags = {"server.port": "0", "upstream.url": "simulator:"}
    with ProxySystem(load_config(flags=flags)) as system:
        for path in ("/openai", "/v1/realtime"):
            with SocketClient(system, path):
                pass


def actor_of(kind):
    (actor,) = ActorRegistry.get_by_class_name(kind)
    return actor


def client_closes(_system, client):
    client.close()


def client_breaks_the_protocol(_system, client):
    client.send_nonsense()
    client.close()


def client_is_refused_what_it_asks(_system, client):
    for text in ("[", '{"type": 5}', '{"type": "Settings", "agent": 5}', "[" * 1000, "[" + "1," * 30_000 + "1]"):
        client.send_text(text)
    client.close()


def client_resets_the_connection(_system, client):
    client.reset()


def the_host_ends_it(_system, client):
    client.session.end(1000, "enough")
    assert client.session.wait(patience(10))


def an_end_comes(_system, client):
    actor_of("SessionCoordinatorActor").actor_inbox.tell(End(1000, "enough"))
    client.close()


def pykka_stops_an_actor(_system, client):
    actor_of("UpstreamActor").stop(block=False)
    client.close()


def an_actor_fails(_system, client):
    actor_of("ClientActor").actor_inbox.tell("what no actor takes")
    client.close()


def the_proxy_stops(system, client):
    system.stop(patience(5))
    client.close()


def left_of_a_session(system):
    """Wait until no object of the session is left, and return those that are, by their classes."""
    assert system.wait_until_empty(patience(10))
    never, deadline = threading.Event(), time.monotonic() + patience(10)
    while (left := objects()) and time.monotonic() < deadline:
        del left
        never.wait(GLANCE)
    return Counter(type(one).__qualname__ for one in left)


WAYS = [
    client_closes,
    client_is_refused_what_it_asks,
    client_breaks_the_protocol,
    client_resets_the_connection,
    an_end_comes,
    pykka_stops_an_actor,
    an_actor_fails,
    the_proxy_stops,
]


@pytest.mark.parametrize("path", ["/openai", "/v1/realtime"])
@pytest.mark.parametrize("end", WAYS, ids=lambda end: end.__name__)
@pytest.mark.usefixtures("without_collector")
def test_nothing_is_left_of_a_session_when(make_system, end, path):
    system = make_system()
    gc.freeze()
    end(system, SocketClient(system, path))
    assert left_of_a_session(system) == {}


@pytest.mark.parametrize("end", [client_closes, an_actor_fails, the_proxy_stops], ids=lambda end: end.__name__)
@pytest.mark.usefixtures("without_collector")
def test_nothing_is_left_of_a_session_on_the_dispatchers_threads_when(make_system, end):
    system = make_system(workers="2")
    gc.freeze()
    end(system, SocketClient(system, "/openai"))
    assert left_of_a_session(system) == {}


@pytest.mark.parametrize("path", ["/openai", "/v1/realtime"])
@pytest.mark.usefixtures("without_collector")
def test_nothing_is_left_of_a_session_when_upstream_is_lost_for_good(make_system, path):
    system = make_system(Faults(disconnect_after_responses=1))
    gc.freeze()
    client_closes(system, SocketClient(system, path))
    assert left_of_a_session(system) == {}


def prepare_a_standby(system):
    """Have the one session open a standby, and wait until it can be used."""
    inbox = actor_of("UpstreamActor").actor_inbox
    inbox.tell(OpenStandby(GENERATION, None))
    never, deadline = threading.Event(), time.monotonic() + patience(10)
    while not any(log.items for log in system.simulator.logs[1:]):
        assert time.monotonic() < deadline
        inbox.tell(OnStandby(GENERATION, RestoreItem("e1", {"id": "i1", **ITEM})))
        never.wait(GLANCE)
    return inbox


def the_session_ends_beside_its_standby(_inbox, client):
    client.close()


def the_standby_is_replaced(inbox, client):
    inbox.tell_all((OpenStandby(GENERATION + 1, None), OpenStandby(GENERATION + 2, None)))
    client.close()


def the_standby_takes_over(inbox, client):
    inbox.tell(TakeOver(GENERATION))
    client.close()


@pytest.mark.parametrize(
    "end",
    [the_session_ends_beside_its_standby, the_standby_is_replaced, the_standby_takes_over],
    ids=lambda end: end.__name__,
)
@pytest.mark.usefixtures("without_collector")
def test_nothing_is_left_of_a_standby_when(make_system, end):
    system = make_system()
    gc.freeze()
    client = SocketClient(system, "/openai")
    end(prepare_a_standby(system), client)
    assert left_of_a_session(system) == {}


def steer(system):
    """Have an operator give the one session what is in force, what is refused, and what its end overtakes."""
    (session,) = system.view.sessions()
    assert system.view.session(session["id"])["state"] == "idle"
    messages = [
        ({"type": "UpdateThink", "think": {"prompt": "Rhyme.", "functions": [{"name": "look_up"}]}}, True),
        ({"type": "UpdateSpeak", "speak": {"provider": {"voice": "ash"}}}, False),
        ({"type": "UpdatePrompt"}, False),
    ]
    for message, is_done in messages:
        assert system.view.give(session["id"], message, patience(10))["done"] is is_done
    system.view.give(session["id"], {"type": "InjectUserMessage", "content": "A long story."}, 0.0)
    return session["id"]


@pytest.mark.parametrize("path", ["/openai", "/v1/realtime"])
@pytest.mark.parametrize("by", ["its client", "the operator"])
@pytest.mark.usefixtures("without_collector")
def test_nothing_is_left_of_a_session_that_was_steered(make_system, path, by):
    system = make_system()
    gc.freeze()
    client = SocketClient(system, path)
    steered = steer(system)
    if by == "the operator":
        assert system.view.give(steered, {"type": "End"}, patience(10)) == {"done": True}
    client.close()
    assert left_of_a_session(system) == {}


@pytest.mark.usefixtures("without_collector")
def test_nothing_is_left_of_a_session_whose_upstream_sends_what_cannot_be_read(make_system):
    system = make_system(quirks=Quirks(left_out=("item.id",), noise_bytes=16))
    gc.freeze()
    client_closes(system, SocketClient(system, "/v1/realtime"))
    assert left_of_a_session(system) == {}


@pytest.mark.parametrize("end", [the_host_ends_it, client_closes, the_proxy_stops], ids=lambda end: end.__name__)
@pytest.mark.usefixtures("without_collector")
def test_nothing_is_left_of_a_hosted_session_when(make_system, end):
    system = make_system()
    gc.freeze()
    end(system, HostedClient(system))
    assert left_of_a_session(system) == {}


@pytest.mark.usefixtures("without_collector", "no_key")
def test_nothing_is_left_of_a_session_whose_upstream_cannot_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as nothing:
        port = nothing.getsockname()[1]
    flags = {"server.port": "0", "upstream.url": f"ws://127.0.0.1:{port}/", "upstream.kind": "compatible"}
    with ProxySystem(load_config(flags=flags | {"upstream.reconnect_for": "0"})) as system:
        gc.freeze()
        inbox = RecordingInbox()
        connection, session = system.connect(inbox)
        connection.send_text(json.dumps(SETTINGS).encode())
        connection.flush()
        assert session.wait(patience(10))
        del connection, session
        assert left_of_a_session(system) == {}


UPGRADE = (
    "HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
)
REQUESTS = {
    "no HTTP": "nonsense",
    "a header without a name": "GET /openai HTTP/1.1\r\n: x",
    "no key": f"GET / {UPGRADE}".replace("Key", "X"),
    "a foreign page": f"GET /openai {UPGRADE}\r\nOrigin: https://evil.example",
    "no such path": f"GET /nothing {UPGRADE}",
    "no such model": f"GET /v1/realtime?model=none {UPGRADE}",
    "no credentials": f"GET /openai {UPGRADE}",
}


@pytest.mark.parametrize("request_text", REQUESTS.values(), ids=REQUESTS.keys())
@pytest.mark.usefixtures("without_collector", "no_key")
def test_nothing_is_left_of_a_stranger_that_is_refused(request_text):
    flags = {"server.port": "0", "upstream.url": "simulator:", "upstream.models": "gpt-realtime"}
    if "/openai" in request_text:
        flags |= {"auth.mode": "jwt", "auth.jwt_algorithms": "HS256", "auth.jwt_secret": "x" * 32}
    with ProxySystem(load_config(flags=flags | {"auth.jwt_audience": "us"})) as system:
        for _ in range(2):
            gc.freeze()  # after the first stranger one entry of the log's is left, which is for all that follow
            with socket.create_connection(system.address, timeout=patience(10)) as sock:
                sock.sendall(f"{request_text}\r\n\r\n".encode())
                assert sock.recv(100).startswith(b"HTTP/1.1 4")
        assert left_of_a_session(system) == {}


@pytest.mark.usefixtures("without_collector", "no_key")
@pytest.mark.parametrize("body", ["{}", "{"])
def test_nothing_is_left_of_a_request_for_a_browser_token(body):
    flags = {"server.port": "0", "upstream.url": "simulator:", "auth.token_secret": "x" * 32}
    flags["server.handshake_timeout"] = "2"  # until then a timer stays, which handshakes share
    head = "POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    with ProxySystem(load_config(flags=flags)) as system:
        gc.freeze()
        with socket.create_connection(system.address, timeout=patience(10)) as sock:
            sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            assert sock.recv(100).startswith(b"HTTP/1.1 200 " if body == "{}" else b"HTTP/1.1 400 ")
        assert left_of_a_session(system) == {}
