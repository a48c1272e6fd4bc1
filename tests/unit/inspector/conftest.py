"""A view of made-up sessions, and the ops listener over it: called in this thread, or on real sockets."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import ExitStack

import pytest
from werkzeug import Response
from werkzeug.test import Client

from tests.made_journal import MadeJournal
from tests.unit.inspector.reading import read_all
from turnstile.inspector.app import OpsApp
from turnstile.inspector.guard import Guard
from turnstile.inspector.page_files import page_routes
from turnstile.inspector.resources import Resources
from turnstile.inspector.server import OpsServer
from turnstile.testing import ManualClock, patience

WAIT = patience()
TOKEN = "correct horse battery staple".replace(" ", "-")


class SomeSessions:
    """A `View` of the sessions that a test makes up."""

    def __init__(self):
        self.reasons = []
        self.described = {"s1": {"id": "s1", "state": "idle"}}
        self.journals = []
        self.outcome = {"done": True}
        self.given = []
        self.is_waiting = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.failure = None

    def counts(self):
        return {"turns": 7}

    def unready(self):
        return self.reasons

    def sessions(self):
        if self.failure is not None:
            raise self.failure
        return list(self.described.values())

    def session(self, session_id):
        return self.described.get(session_id)

    def events(self, session_id):
        if self.failure is not None:
            raise self.failure
        if session_id not in self.described:
            return None
        self.journals.append(MadeJournal())
        return self.journals[-1]

    def give(self, session_id, message, timeout):
        self.given.append((session_id, message, timeout))
        self.is_waiting.set()
        assert self.may_answer.wait(WAIT)
        return self.outcome if session_id in self.described else None


class Ops:
    """The application of the ops listener, and what it is made of."""

    def __init__(self, *, is_local=True, host="127.0.0.1", names=()):
        self.view = SomeSessions()
        self.clock = ManualClock()
        self.is_alive = True
        self.guard = Guard(TOKEN, host, names, is_local=is_local, clock=self.clock)
        self.resources = Resources(
            self.view,
            exposition=lambda counts: f"turns {counts['turns']}\n".encode(),
            exposition_type="text/plain; version=1.0.0",
            version="1.2.3",
            is_alive=lambda: self.is_alive,
            clock=self.clock,
        )
        self.app = OpsApp([*self.resources.routes(), *page_routes()], self.guard)
        self.client = Client(self.app, Response)

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def ask(self, method, path, body=b"", **headers):
        named = {name.replace("_", "-"): value for name, value in {"Host": "localhost", **headers}.items()}
        whence = {"REMOTE_ADDR": "192.0.2.9"}
        return self.client.open(path, method=method, data=body, headers=named, environ_base=whence)

    def post(self, path, message, **headers):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        sent = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json", **headers}
        return self.ask("POST", path, body, **{name: value for name, value in sent.items() if value is not None})


@pytest.fixture
def make_ops():
    return Ops


@pytest.fixture
def ops():
    return Ops()


class Served:
    """The ops listener on a socket."""

    def __init__(self, ops, connections):
        self.ops = ops
        self.view = ops.view
        self.server = OpsServer(ops.app, ops.resources.close, socket.create_server(("127.0.0.1", 0)))
        self._connections = connections

    def connect(self):
        sock = self._connections.enter_context(socket.create_connection(self.server.address, WAIT))
        sock.settimeout(WAIT)
        return sock

    def send(self, text):
        sock = self.connect()
        sock.sendall(text.encode())
        return sock

    def request(self, path, method="GET", **headers):
        fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        return self.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")

    def answer(self, path):
        """Return the status of a request that is answered to its end."""
        return int(read_all(self.request(path)).split()[1])


@pytest.fixture
def served():
    with ExitStack() as connections:
        served = Served(Ops(), connections)
        served.server.start()
        connections.callback(served.server.stop, WAIT)
        connections.callback(served.view.may_answer.set)
        yield served
