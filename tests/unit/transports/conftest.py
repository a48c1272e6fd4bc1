"""A loop that must leave nothing behind, an inbox to wait on, and a peer on a real socket."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest
import trustme
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from turnstile.ports import LinkInbox
from turnstile.testing import patience
from turnstile.transports.limits import ConnectionLimits
from turnstile.transports.loop import IoLoop
from turnstile.transports.poll import make_poller
from turnstile.transports.websocket import WebSocketConnection

WAIT = patience()  # seconds until a test that hangs fails


class RecordingInbox(LinkInbox):
    """Keeps what it is told; `react` is called then, on the telling thread."""

    def __init__(self, react=None):
        self.messages = queue.Queue()
        self.at_once = []
        """How many messages each `tell_all` had."""
        self.react = react
        self.give_up = None
        """What ends the attempt to open a link."""

    def when_unwanted(self, call, /):
        self.give_up = call

    def tell(self, message, /):
        self.messages.put(message)
        if self.react is not None:
            self.react(message)

    def tell_all(self, messages, /):
        self.at_once.append(len(messages))
        super().tell_all(messages)

    def next(self):
        return self.messages.get(timeout=WAIT)

    def take(self, count):
        return [self.next() for _ in range(count)]


class Peer:
    """The far side: a blocking socket and the framing library."""

    def __init__(self, sock, side):
        self.sock = sock
        self.protocol = Protocol(side, max_size=None)
        self.frames = []

    def put(self):
        for data in self.protocol.data_to_send():
            if data:
                self.sock.sendall(data)
            else:
                self.sock.shutdown(socket.SHUT_WR)

    def send_text(self, data, *, fin=True):
        self.protocol.send_text(data, fin)
        self.put()

    def send_binary(self, data):
        self.protocol.send_binary(data)
        self.put()

    def receive(self):
        """The next frame; None at the end of the stream."""
        while not self.frames:
            data = self.sock.recv(1 << 16)
            if not data:
                return None
            self.protocol.receive_data(data)
            self.frames += self.protocol.events_received()
        return self.frames.pop(0)

    def vanish(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    for sock in (ours, theirs):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours, theirs


class Link:
    """Our connection with its inbox, and the peer on the other end of a TCP connection."""

    def __init__(self, loop, limits, *, side=Side.SERVER, contexts=None, react=None, budget=None):
        ours, theirs = tcp_pair()
        theirs.settimeout(WAIT)
        if contexts is not None:
            ours, theirs = self._secure(ours, theirs, contexts, side)
        ours.settimeout(0)
        self.our_socket = ours
        self.inbox = RecordingInbox(react)
        protocol = Protocol(side, max_size=limits.max_message_bytes)
        self.connection = WebSocketConnection(loop, ours, protocol, limits, budget)
        self.peer = Peer(theirs, Side.CLIENT if side is Side.SERVER else Side.SERVER)
        self.begin = lambda received=b"": loop.call_soon(lambda: self.connection.begin(self.inbox, received))

    @staticmethod
    def _secure(ours, theirs, contexts, side):
        server_context, client_context = contexts
        secured = []

        def shake(sock, context, **options):
            secured.append(context.wrap_socket(sock, **options))

        names = {"server_hostname": "localhost"}
        ours_side = (server_context, {"server_side": True}) if side is Side.SERVER else (client_context, names)
        theirs_side = (client_context, names) if side is Side.SERVER else (server_context, {"server_side": True})
        thread = threading.Thread(target=shake, args=(theirs, theirs_side[0]), kwargs=theirs_side[1])
        thread.start()
        our = ours_side[0].wrap_socket(ours, **ours_side[1])
        thread.join(WAIT)
        return our, secured[0]


@pytest.fixture
def wait():
    return WAIT


@pytest.fixture
def limits():
    return ConnectionLimits(close_timeout=WAIT, ping_interval=0)


class RestingPoller:
    """A poller that tells when nothing is ready and the loop is about to wait."""

    def __init__(self, poller):
        self._poller = poller
        self._watchers = []

    def __getattr__(self, name):
        return getattr(self._poller, name)

    def poll(self, timeout, at_most):
        ready = self._poller.poll(0.0, at_most)
        if ready or timeout == 0.0:
            return ready
        while self._watchers:
            self._watchers.pop()(timeout)
        return self._poller.poll(timeout, at_most)

    def at_next_rest(self, call):
        """Have `call` called, once, with the seconds that the loop is going to wait; on the loop's thread only."""
        self._watchers.append(call)


@pytest.fixture
def resting_poller():
    return RestingPoller


@pytest.fixture
def poller():
    return RestingPoller(make_poller())


@pytest.fixture
def rest(loop, poller):
    """Wait until no socket of the loop is ready and no call waits; gives the seconds that the loop then waits."""

    def wait_for_rest():
        waits = queue.Queue()
        loop.call_soon(lambda: poller.at_next_rest(waits.put))
        return waits.get(timeout=WAIT)

    return wait_for_rest


@pytest.fixture
def loop(poller):
    before = set(threading.enumerate())
    loop = IoLoop(make_poller=lambda: poller)
    loop.start()
    yield loop
    loop.stop(2)
    # Those of a test's peers may end a moment later.
    left = {thread for thread in threading.enumerate() if thread.name.startswith("turnstile")} - before
    assert not left, f"threads left over: {left}"


@pytest.fixture
def open_link(loop, limits):
    """Open a `Link`; its keyword arguments, and `ConnectionLimits`' own."""
    with ExitStack() as stack:

        def open_one(*, side=Side.SERVER, contexts=None, react=None, begin=True, budget=None, **bounds):
            bounds = replace(limits, **bounds)
            link = Link(loop, bounds, side=side, contexts=contexts, react=react, budget=budget)
            stack.callback(link.peer.sock.close)
            if begin:
                link.begin()
            return link

        yield open_one


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def tls_contexts(authority):
    """A server's and a client's, which trust each other."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    return server, client


@pytest.fixture
def make_inbox():
    return RecordingInbox


@pytest.fixture
def barrier(loop):
    """Wait until the loop has done everything that was asked of it before."""

    def wait_for_loop():
        done = threading.Event()
        loop.call_soon(lambda: loop.call_soon(done.set))
        assert done.wait(WAIT)

    return wait_for_loop


@pytest.fixture
def frame_kinds():
    return Frame, Opcode


@pytest.fixture
def run_raw():
    """Let `talk` speak on each connection that comes, after the other; returns the port."""
    with ExitStack() as stack:

        def run(talk):
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def accept():
                with suppress(OSError):
                    while True:
                        sock, _ = server.accept()
                        with sock, suppress(OSError):
                            talk(sock)

            thread = threading.Thread(target=accept)
            thread.start()
            stack.callback(thread.join, WAIT)
            stack.callback(server.shutdown, socket.SHUT_RDWR)
            return server.getsockname()[1]

        yield run
