"""A loop with a listener on it, and what came of each client."""

from __future__ import annotations

import queue
import ssl
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest
import trustme

from turnstile.ports import Inbox
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.server.handshake_settings import HandshakeSettings
from turnstile.server.listener import Listener
from turnstile.server.listening import listening_socket
from turnstile.server.requests import Admission
from turnstile.testing import patience
from turnstile.transports.limits import ConnectionLimits
from turnstile.transports.loop import IoLoop

WAIT = patience()


class Echo(Inbox):
    """The inbox of one client: sends back what comes, and keeps the end."""

    def __init__(self, connection):
        self.connection = connection
        self.ends = queue.Queue()

    def tell(self, message, /):
        match message:
            case TextFrame(data):
                self.connection.send_text(data)
            case BinaryFrame(data):
                self.connection.send_binary(data)
            case _:
                self.ends.put(message)
                return
        self.connection.flush()
        self.connection.handled(len(message.data))


class House:
    """A listener's owner that lets everybody in, unless told otherwise."""

    def __init__(self):
        self.asked = queue.Queue()
        self.rooms = queue.Queue()
        self.answer = lambda _: Admission(self.open)

    def accept(self, request, answer):
        self.asked.put(request)
        answer(self.answer(request))

    def open(self, connection):
        room = Echo(connection)
        self.rooms.put(room)
        return room


@pytest.fixture
def loop():
    before = set(threading.enumerate())
    loop = IoLoop()
    loop.start()
    yield loop
    loop.stop(0)
    left = {thread for thread in threading.enumerate() if thread.name.startswith("turnstile")} - before
    assert not left, f"threads left over: {left}"


@pytest.fixture
def house():
    return House()


@pytest.fixture
def listen(loop, house):
    """Start a `Listener` for the house, with its own options or those of `HandshakeSettings`, and a bound."""
    with ExitStack() as stack:

        def listen(*, max_message_bytes=1 << 22, slot=None, refusals=None, **settings):
            limits = replace(ConnectionLimits(ping_interval=0), max_message_bytes=max_message_bytes)
            sock, own = listening_socket("127.0.0.1", 0), HandshakeSettings(limits, **settings)
            listener = Listener(loop, sock, own, accept=house.accept, slot=slot, refusals=refusals)
            stack.callback(listener.close)
            listener.start()
            return listener

        yield listen


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def client_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context
