"""One connection of the ops listener: one request, its answer, and the end."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from turnstile.inspector.app import MESSAGE_BYTES
from turnstile.inspector.event_streams import WHEN_LEFT
from turnstile.inspector.guard import LOCAL_ADDRESS
from turnstile.inspector.ops_answers import EVERY_ANSWER, json_bytes
from turnstile.inspector.ops_parser import OpsRequestParser

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

_AT_ONCE: Final = 8192
# Of what is refused by its size, in place of the parser's words.
_WORDS: Final = {
    413: f"The body has more than {MESSAGE_BYTES} bytes: send less.",
    431: "The first line and the headers are too long: send less.",
}
_CODES: Final = {400: "bad_request", 413: "too_large", 431: "headers_too_large", 501: "not_implemented"}


class _AnswerTask(WSGITask):
    """Answers a request by the application, and ends the connection: what was pipelined behind it is not read."""

    channel: OpsChannel

    def get_environment(self) -> WSGIEnvironment:
        environ = super().get_environment()
        environ[WHEN_LEFT] = self.channel.when_left
        environ[LOCAL_ADDRESS] = self.channel.local_address
        return environ

    def build_response_header(self) -> bytes:
        _end_behind(self)
        return super().build_response_header()


class _RefusalTask(ErrorTask):
    """Answers what cannot be read as a request."""

    def execute(self) -> None:
        request: Any = self.request
        error = request.error
        words = _WORDS.get(error.code, error.body)
        body = json_bytes({"error": {"code": _CODES.get(error.code, "bad_request"), "message": words}})
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [("Content-Type", "application/json"), *EVERY_ANSWER.items()]
        self.content_length = len(body)
        self.write(body)

    def build_response_header(self) -> bytes:
        _end_behind(self)
        return super().build_response_header()


def _end_behind(task: Any) -> None:
    """End the connection with the answer, whatever the client asked for."""
    task.request.headers.pop("CONNECTION", None)
    task.set_close_on_finish()


class OpsChannel(HTTPChannel):
    """A connection, which also notices that the client leaves while it is being answered."""

    parser_class = OpsRequestParser
    task_class = _AnswerTask
    error_task_class = _RefusalTask

    def __init__(self, server: Any, sock: Any, *options: Any, **more: Any) -> None:
        self._leaving = threading.Lock()
        self._has_left = self._is_flushing = self._lingers = False
        self._when_left: list[Callable[[], object]] = []
        self.local_address = ""
        with suppress(OSError):  # the client may have left already
            self.local_address = str(sock.getsockname()[0]).partition("%")[0].lower()
        super().__init__(server, sock, *options, **more)

    @property
    def has_request(self) -> bool:
        """Whether a request was read to its end, and is not answered to its end."""
        return bool(self.requests or self.total_outbufs_len)

    def when_left(self, call: Callable[[], object]) -> None:
        """Call this, which must not block, when the connection ends; from any thread."""
        with self._leaving:
            if not self._has_left:
                self._when_left.append(call)
        if self._has_left:
            call()
        self.server.pull_trigger()  # the thread that reads waits for nothing of a request that is being answered

    def readable(self) -> bool:
        """Return whether something is to be read: a request, or the end of a client that is being answered."""
        is_ending = self.will_close or self.close_when_flushed or not self.connected
        return bool(self._lingers or super().readable() or (self._when_left and not is_ending))

    def handle_read(self) -> None:
        """Read what the client sends; drop it while it is being answered, and behind its answer."""
        if not (self._when_left or self._lingers):
            super().handle_read()
            return
        try:
            self.recv(_AT_ONCE)  # ends the channel at the end of the connection
        except OSError:
            self.handle_close()

    def handle_write(self) -> None:
        """Send what is left of the answer, and end the connection behind it."""
        self._is_flushing = self.close_when_flushed
        super().handle_write()
        self._is_flushing = False

    def handle_close(self) -> None:
        """End the connection, and call those who wait for that.

        Behind an answer only our half ends, until the client has ended its own: it may be sending still, and what
        nobody reads would cost it the answer (RFC 9112, section 9.6).
        """
        if self._is_flushing and self.socket is not None and not (self.total_outbufs_len or self._lingers):
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                self.will_close, self._lingers = False, True
                return
        self.cut_off()

    def cut_off(self) -> None:
        """End the connection at once."""
        super().handle_close()
        with self._leaving:
            self._has_left = True
            calls, self._when_left = self._when_left, []
        for call in calls:
            call()
