"""Pages in a real browser that open WebSockets, and what came of each."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlencode

import pytest

from turnstile.testing import patience

if TYPE_CHECKING:
    from collections.abc import Callable

# Names that no resolver is asked for.
SITES = "*.example"
PAGE = """<!doctype html><title>a page</title><script>
const asked = new URLSearchParams(location.search);
const outcome = {name: asked.get("name"), opened: false, protocol: null, said: null, closed: null};
const elsewhere = {mode: "no-cors"};
let told = false;
function tell(more) {
  const body = JSON.stringify({...outcome, ...more});
  if (!told) fetch(asked.get("home") + "/outcome", {...elsewhere, method: "POST", body});
  told = true;
}
function connect() {
  const socket = new WebSocket(asked.get("url"), asked.getAll("protocol"));
  socket.onopen = () => {
    Object.assign(outcome, {opened: true, protocol: socket.protocol});
    if (asked.get("says")) socket.send(asked.get("says"));
  };
  socket.onmessage = (event) => { tell({said: JSON.parse(event.data).type}); socket.close(); };
  socket.onclose = (event) => tell({closed: event.code});
}
fetch(asked.get("home") + "/loaded?" + asked.get("name"), elsewhere).then(connect);
</script>"""


class Visit(NamedTuple):
    """A page of a site, and the WebSocket that its script opens.

    Args:
        site: The host that serves the page.
        url: The WebSocket's.
        protocols: Its subprotocols.
        says: What it sends once it is open.
        port: Of the site; by default that of all pages.
        loaded: Called when the page is loaded, before its script opens the WebSocket.
    """

    site: str
    url: str
    protocols: tuple[str, ...] = ()
    says: str = '{"type": "Settings", "agent": {}}'
    port: int = 0
    loaded: Callable[[], object] = lambda: None


class Outcome(NamedTuple):
    """What a page's script saw: whether it opened, the subprotocol, the first message's type, the code of the close."""

    opened: bool
    protocol: str | None
    said: str | None
    closed: int | None


REFUSED = Outcome(opened=False, protocol=None, said=None, closed=1006)


class PageServer:
    """Serves the pages of all sites on one port of 127.0.0.1, and takes what came of them."""

    def __init__(self):
        self.outcomes = queue.SimpleQueue()
        self._visits = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def first_page(self, visits):
        """Returns the address of a page that has those of all visits in it."""
        self._visits = visits
        return f"http://127.0.0.1:{self.port}/all"

    def _handler(server):  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path, _, query = self.path.partition("?")
                if path == "/loaded":
                    server._visits[unquote(query)].loaded()
                page = server._frames() if path == "/all" else PAGE
                self._answer(page.encode())

            def do_POST(self):
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.outcomes.put((told.pop("name"), Outcome(**told)))
                self._answer(b"")

            def _answer(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Say nothing."""

        return Handler

    def _frames(self):
        frames = []
        for name, visit in self._visits.items():
            asked = {"name": name, "url": visit.url, "protocol": visit.protocols, "says": visit.says}
            query = urlencode({**asked, "home": f"http://127.0.0.1:{self.port}"}, doseq=True)
            frames.append(f'<iframe src="http://{visit.site}:{visit.port or self.port}/page?{query}"></iframe>')
        return "<!doctype html>" + "".join(frames).replace("&", "&amp;")


@contextmanager
def showing(address, chromium, profile):
    """Show a page in a browser, without a window."""
    with profile.joinpath("said").open("wb") as said:
        process = subprocess.Popen(
            [
                chromium,
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *("--no-proxy-server", "--disable-dev-shm-usage", f"--user-data-dir={profile}"),
                f"--host-resolver-rules=MAP {SITES} 127.0.0.1",
                address,
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(patience())


def visit_all(server, visits, chromium, profile):
    """Visit each page; returns what came of each by name."""
    found = {}
    with ExitStack() as stack:
        stack.enter_context(showing(server.first_page(visits), chromium, profile))
        while len(found) < len(visits):
            try:
                name, outcome = server.outcomes.get(timeout=patience(20))
            except queue.Empty:
                said = profile.joinpath("said").read_text(errors="replace")[-2000:]
                pytest.fail(f"nothing came of {sorted(set(visits) - set(found))}: {said}")
            found[name] = outcome
    return found
