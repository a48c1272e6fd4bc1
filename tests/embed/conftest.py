"""The hosts of the how-to, each as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
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


class Host:
    """One running host.

    Args:
        command: Its process.
        folder: Where its application is.
        port: Where it listens.
    """

    def __init__(self, command: list[str], folder: Path, port: int) -> None:
        self.port = port
        names = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(command, cwd=folder, env={**names, **kept}, stdout=self.log, stderr=self.log)

    def wait_until_it_answers(self) -> None:
        """Wait for its port."""
        self.process.poll()
        for _ in range(int(patience() / 0.05)):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=patience()).close()
            except ConnectionRefusedError:
                with pytest.raises(subprocess.TimeoutExpired):
                    self.process.wait(0.05)
            else:
                return
        pytest.fail(f"the host does not listen: {self.output()}")

    def url(self, user: str = "ada") -> str:
        return f"ws://127.0.0.1:{self.port}/agent?user={user}"

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to end; returns its exit code."""
        self.process.send_signal(how)
        return self.process.wait(patience())

    def output(self) -> str:
        self.log.seek(0)
        return self.log.read()


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


@pytest.fixture
def start_host(tmp_path, reserve_port):
    with ExitStack() as hosts:

        def start(kind):
            port = reserve_port()
            host = Host(command_of(kind, port, tmp_path), tmp_path, port)
            hosts.callback(host.log.close)
            hosts.callback(host.process.wait, patience())
            hosts.callback(host.process.terminate)
            host.wait_until_it_answers()
            return host

        yield start
