"""Services of an operator's, on this machine."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from turnstile.testing import patience

WAIT = patience()


@dataclass
class Asked:
    """One request to a service."""

    method: str
    path: str
    headers: Any
    body: bytes


class HttpService(http.server.ThreadingHTTPServer):
    """Answers what it is told to, and keeps what it was asked."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.seen = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/path?v=1"

    def handle_error(self, request, client_address):
        pass


class _Handler(http.server.BaseHTTPRequestHandler):
    def _reply(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = Asked(self.command, self.path, self.headers, body)
        self.server.seen.append(asked)
        status, headers, content = self.server.answer(asked)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _reply  # noqa: N815 - the library's names

    def log_message(self, *_):
        pass


class RawService:
    """Does with each connection what a function does, on a thread of its own; closes all at the end."""

    def __init__(self, talk):
        self._talk = talk
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open = []
        self._threads = [threading.Thread(target=self._accept)]
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(WAIT)
        self._server.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(WAIT)
        for sock in self._open:
            sock.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                sock.settimeout(WAIT)
                self._open.append(sock)
                thread = threading.Thread(target=self._converse, args=(sock,))
                self._threads.append(thread)
                thread.start()

    def _converse(self, sock):
        with contextlib.suppress(OSError):
            self._talk(sock)


def hang(sock):
    """Read whatever comes, and say nothing, until the other side closes."""
    while sock.recv(1 << 16):
        pass


@pytest.fixture
def serve():
    """Start a service that answers with this status, these headers and this body, or what a function answers."""
    with contextlib.ExitStack() as stack:

        def start(body=b"", status=200, headers=None, *, answer=None):
            service = HttpService(answer or (lambda _: (status, headers or {}, body)))
            stack.callback(service.server_close)
            thread = threading.Thread(target=service.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join, WAIT)
            stack.callback(service.shutdown)
            return service

        yield start


@pytest.fixture
def serve_raw():
    """Start a service that does with each connection what a function does."""
    with contextlib.ExitStack() as stack:
        yield lambda talk: stack.enter_context(RawService(talk))
