"""The hosts of the how-to, each as a process of its own."""

from __future__ import annotations

import re
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.embed.host_process import ROOT, Host
from turnstile.testing import patience

PAGE = ROOT / "docs" / "howto" / "embed-in-a-host.md"

WSGIREF = """
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True

server = make_server("127.0.0.1", {port}, application, Threaded)
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
"""


def example(label: str) -> str:
    """Return the how-to's application for a kind of host."""
    found = re.search(rf"^```python {label}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def command_of(kind: str, port: int, folder: Path) -> list[str]:
    """Write the application, and return what runs it."""
    application = folder / "app.py"
    python, gunicorn = sys.executable, str(Path(sys.executable).with_name("gunicorn"))
    flags = ["-b", f"127.0.0.1:{port}", "--control-socket", str(folder / "control")]
    match kind:
        case "flask under gunicorn":
            application.write_text(example("flask"))
            return [gunicorn, "-k", "gthread", "--threads", "2", *flags, "app:app"]
        case "flask under gunicorn, preloaded":
            application.write_text(example("flask"))
            return [gunicorn, "-k", "gthread", "--threads", "2", "--workers", "2", "--preload", *flags, "app:app"]
        case "flask's own server":
            application.write_text(example("flask"))
            return [python, "-m", "flask", "run", "--port", str(port)]
        case "django's own server":
            application.write_text(example("django"))
            return [python, "app.py", "runserver", "--noreload", str(port)]
        case _:
            application.write_text(example("wsgi") + WSGIREF.format(port=port))
            return [python, "app.py"]


@pytest.fixture(name="example")
def _example():
    return example


def run(hosts: ExitStack, kind: str, folder: Path, port: int) -> Host:
    """Run a kind of host until the stack is closed."""
    host = Host(command_of(kind, port, folder), folder, port)
    hosts.callback(host.log.close)
    hosts.callback(host.process.wait, patience())
    hosts.callback(host.process.terminate)
    host.wait_until_it_answers()
    return host


@pytest.fixture
def start_host(tmp_path, reserve_port):
    """Return a function that starts a host of the test's own, which it may end."""
    with ExitStack() as hosts:
        yield lambda kind: run(hosts, kind, tmp_path, reserve_port())


@pytest.fixture(scope="module")
def running_host(tmp_path_factory):
    """Return a function that returns a running host of a kind, which the tests of the module share."""
    running: dict[str, Host] = {}
    with ExitStack() as hosts:

        def running_one(kind: str) -> Host:
            if kind not in running:
                sock = hosts.enter_context(socket.socket())  # keeps the port, as `reserve_port` does
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("127.0.0.1", 0))
                running[kind] = run(hosts, kind, tmp_path_factory.mktemp("host"), sock.getsockname()[1])
            return running[kind]

        yield running_one
