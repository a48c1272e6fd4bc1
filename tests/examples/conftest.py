"""Pages of the examples, served as a web server would, and the proxy that they talk to."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from actors import ProxySystem
from turnstile.config import load_config
from turnstile.testing import patience

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
# Neither a script nor a style in a page, and nothing from elsewhere: only the proxy is another origin.
POLICY = "default-src 'self'; connect-src 'self' ws://127.0.0.1:*; base-uri 'none'; form-action 'none'"


class Pages(SimpleHTTPRequestHandler):
    """Serves a folder, with some of its files replaced; ``/token`` is answered with the token of a backend."""

    def __init__(self, *arguments, replaced, headers, token, **options):
        self._replaced, self._headers, self._token = replaced, headers, token
        super().__init__(*arguments, **options)

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if name in self._replaced:
            self._answer("text/javascript", self._replaced[name].encode())
        else:
            super().do_GET()

    def do_POST(self):
        self._answer("application/json", self._token().encode())

    def _answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self):
        for name, value in {"Content-Security-Policy": POLICY, **self._headers}.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def serve_pages():
    """Serve a folder of the examples; returns its address."""
    with ExitStack() as stack:

        def serve(folder, *, replaced, headers=(), token=str):
            pages = partial(
                Pages, directory=str(EXAMPLES / folder), replaced=replaced, headers=dict(headers), token=token
            )
            server = ThreadingHTTPServer(("127.0.0.1", 0), pages)
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            stack.callback(thread.join, patience())
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_address[1]}/"

        yield serve


@pytest.fixture
def start_proxy():
    """Start a proxy in this process; takes its scenario, and settings by their dotted names, with `__` for a dot."""
    with ExitStack() as stack:

        def start(scenario=None, **settings):
            flags = {name.replace("__", "."): value for name, value in settings.items()}
            config = load_config(flags={"server.port": "0", "upstream.url": "simulator:", **flags})
            return stack.enter_context(ProxySystem(config, scenario=scenario))

        yield start
