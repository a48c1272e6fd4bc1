"""A proxy with the simulator, in this process, and its ops listener, whose page a browser opens."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from actors import ProxySystem
from actors.ops_application import ops_server
from tests.made_journal import MadeJournal
from turnstile.config import load_config
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience

if TYPE_CHECKING:
    from turnstile.errors import SessionError

TOKEN = "correct-horse-battery-staple"
UNITS = Path(__file__).parent / "units"


class Shown(NamedTuple):
    """A proxy, and the address of the page that shows it."""

    proxy: ProxySystem
    page: str

    @contextmanager
    def talking(self, **wanted: str):
        """Connect a client, whose session is configured."""
        host, port = self.proxy.address
        with TerminalClient(f"ws://{host}:{port}/openai", timeout=patience()) as client:
            client.send("Settings", agent={"think": {"prompt": "Be brief."}, **wanted})
            assert client.wait_for("SettingsApplied")
            yield client

    def only(self) -> str:
        """Return the id of the only session."""
        (session,) = self.proxy.view.sessions()
        return session["id"]


def _served(view, stack, *, is_local=True, port=0, **flags):
    config = load_config(flags={"upstream.url": "simulator:", **flags})
    sock = socket.create_server(("127.0.0.1", port))
    server = ops_server(config.ops, view, lambda: True, sock, TOKEN, is_local=is_local)
    server.start()
    stack.callback(server.stop, patience())
    return server


def _address(server):
    return "http://{}:{}/".format(*server.address)


@pytest.fixture
def start_shown():
    """Start a proxy with a page; takes settings by their dotted names, with `__` for a dot."""
    with ExitStack() as stack:

        def start(*, is_local: bool = True, **settings: str) -> Shown:
            flags = {name.replace("__", "."): value for name, value in settings.items()}
            proxy = stack.enter_context(
                ProxySystem(load_config(flags={"server.port": "0", "upstream.url": "simulator:", **flags}))
            )
            return Shown(proxy, _address(_served(proxy.view, stack, is_local=is_local)))

        yield start


class MadeSessions:
    """A `View` of sessions that a test makes up, and the page that shows them.

    Args:
        sessions: As the list has them.
    """

    failure: SessionError | None = None

    def __init__(self, sessions, stack, *, is_local):
        self._stack = stack
        self._is_local = is_local
        self._port = 0
        self.start()
        self.described = {session["id"]: session for session in sessions}
        self.journals = queue.Queue()

    def start(self):
        """Listen; once more at the same address."""
        self._server = _served(self, self._stack, is_local=self._is_local, port=self._port)
        self._port = self._server.address[1]
        self.page = _address(self._server)

    def stop(self):
        """End the listener."""
        self._server.stop(patience())

    def counts(self):
        return {}

    def unready(self):
        return []

    def sessions(self):
        return [{**session, "waiting": len(session["waiting"])} for session in self.described.values()]

    def session(self, session_id):
        return self.described.get(session_id)

    def events(self, session_id):
        if self.failure is not None:
            raise self.failure
        if session_id not in self.described:
            return None
        journal = MadeJournal()
        self.journals.put(journal)
        return journal


def made(session_id, **fields):
    """Return a session as the listener describes it."""
    client = {"identity": "", "address": "192.0.2.7", "path": "/openai"}
    known = {"dialect": "component", "state": "idle", "turns": 0, "age": 1.0, "longest_wait": None, "waiting": []}
    return {"id": session_id, "client": client, "link": {"number": 1, "state": "open"}, **known, **fields}


@pytest.fixture
def make_session():
    return made


@pytest.fixture
def start_made():
    """Start a page of made-up sessions."""
    with ExitStack() as stack:

        def start(*sessions, is_local: bool = True) -> MadeSessions:
            return MadeSessions(sessions, stack, is_local=is_local)

        yield start


@pytest.fixture
def token():
    return TOKEN


@pytest.fixture(scope="session")
def run_node(required):
    """Return a function that runs JavaScript of the tests' in one process of Node, which waits for nothing.

    It takes a module's text, its arguments, and variables of its environment; it returns what the process has done.
    """

    def run(module: str, arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        options = [f"--import={UNITS / 'modules.mjs'}", "--test-reporter=tap", "--input-type=module"]
        return subprocess.run(
            [required("node"), *options, "--eval", module, "--", *arguments],
            env={**os.environ, **environment},
            cwd=UNITS,
            capture_output=True,
            text=True,
            timeout=patience(120),
            check=False,
        )

    return run
