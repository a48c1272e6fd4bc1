"""The hosts of the how-to, each as a process of its own."""

from __future__ import annotations

import re
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
