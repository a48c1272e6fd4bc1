"""Serves the view of a worker to its parent process, over the channel that the two have for it.

For each request the parent sends one end of a new socket pair over the channel. On it, a line of JSON says what is
asked, such as ``{"ask": "session", "id": ...}``, and a line answers: ``{"is": ...}``, or ``{"error": {"code": ...,
"description": ...}}``. Behind the answer to ``events`` come the lines of the stream. Either side ends a request by
closing its end. A worker that ends in order writes its last figures, as the answer to ``counts``, to the channel
itself, where they outlast it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.errors import SessionError

if TYPE_CHECKING:
    from turnstile.inspector.view import EventStream, Json, View

log = logging.getLogger(__name__)

LINE_BYTES: Final = 16 * 1024 * 1024
"""Bytes that a request or an answer may have."""
_ROOM: Final = {"events": 16, "give": 16}  # requests of a kind that are answered at once: those that may take long
_ROOM_FOR_OTHERS: Final = 8
_MOST: Final = 48  # requests of all kinds, those included that have not said yet what they ask
_TIMEOUT: Final = 2.0  # seconds for a request to say what it asks
_END_TIMEOUT: Final = 1.0  # seconds for the threads to end
_FAILED: Final = SessionError("internal_error", "The worker failed to answer; its log says why.")


def json_line(value: Json) -> bytes:
    """Return a line of JSON; what orjson refuses, such as half a character, is written as far as it can be."""
    try:
        return orjson.dumps(value) + b"\n"
    except TypeError:
        return json.dumps(value, ensure_ascii=False).encode(errors="replace") + b"\n"


class ViewServer:
    """Answers each request on a thread of its own.

    Args:
        view: What is shown.
        channel: The worker's end of the channel; closed with this.
    """

    def __init__(self, view: View, channel: socket.socket) -> None:
        self._view = view
        self._channel = channel
        self._lock = threading.Lock()  # guards the next three
        self._open: dict[socket.socket, threading.Thread] = {}
        self._busy: dict[str, int] = {}
        self._is_closed = False
        self._counting = threading.Lock()  # numbers figures in the order in which they were counted
        self._counted = 0
        self._thread = threading.Thread(target=self._accept, name="turnstile-ops-requests", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Hand the last figures over, and end what is being answered."""
        try:
            self._channel.sendall(json_line({"is": self._numbered_counts()}), socket.MSG_DONTWAIT)
        except OSError:
            pass  # the parent has ended
        except Exception:
            log.exception("The last figures could not be handed over")
        _shut_down(self._channel)
        with self._lock:
            self._is_closed = True
            threads = [*self._open.values(), self._thread]
            for sock in self._open:
                _shut_down(sock)
        until = time.monotonic() + _END_TIMEOUT
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._channel.close()

    def _accept(self) -> None:
        """Begin to answer each request that comes, until the parent or this has ended."""
        with contextlib.suppress(OSError):
            while True:
                said, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
                for descriptor in descriptors:
                    os.set_inheritable(descriptor, False)  # noqa: FBT003 - positional only
                    self._begin(socket.socket(fileno=descriptor))
                if not said:
                    return

    def _begin(self, sock: socket.socket) -> None:
        thread = threading.Thread(target=self._serve, args=(sock,), name="turnstile-ops-request", daemon=True)
        with self._lock:
            if self._is_closed or len(self._open) >= _MOST:
                sock.close()
                return
            try:
                thread.start()
            except RuntimeError:  # the system has no room for a thread
                sock.close()
                return
            self._open[sock] = thread

    def _serve(self, sock: socket.socket) -> None:
        try:
            self._read_and_answer(sock)
        except OSError:
            pass  # the parent waits for no answer any more
        except Exception:
            log.exception("A request of the parent process could not be answered")
        finally:
            with self._lock:
                del self._open[sock]
                sock.close()

    def _read_and_answer(self, sock: socket.socket) -> None:
        sock.settimeout(_TIMEOUT)
        with sock.makefile("rb") as lines:
            request = orjson.loads(lines.readline(LINE_BYTES))
        sock.settimeout(None)
        if _is_left(sock):
            return  # it has waited here since this process was stopped: what it asked for must not be done now
        kind = request["ask"]
        if not self._take_room(kind):
            words = "As many requests of operators are being answered as may be: ask again."
            sock.sendall(json_line({"error": {"code": "too_many_requests", "description": words}}))
            return
        try:
            self._answer(sock, kind, request)
        finally:
            with self._lock:
                self._busy[kind] -= 1

    def _take_room(self, kind: str) -> bool:
        with self._lock:
            busy = self._busy.get(kind, 0)
            if busy >= _ROOM.get(kind, _ROOM_FOR_OTHERS):
                return False
            self._busy[kind] = busy + 1
            return True

    def _answer(self, sock: socket.socket, kind: str, request: Json) -> None:
        try:
            value = self._value(kind, request)
        except SessionError as error:
            sock.sendall(json_line(_error(error)))
        except Exception:
            log.exception("A request of the parent process could not be answered")
            sock.sendall(json_line(_error(_FAILED)))  # otherwise it would seem that this process has ended
        else:
            if kind == "events":
                self._stream(sock, value)
            else:
                sock.sendall(json_line({"is": value}))

    def _value(self, kind: str, request: Json) -> Any:
        """Return what is asked.

        Raises:
            ValueError: Nothing that there is.
        """
        match kind:
            case "counts":
                return self._numbered_counts()
            case "sessions":
                return self._view.sessions()
            case "session":
                return self._view.session(request["id"])
            case "events":
                return self._view.events(request["id"])
            case "give":
                return self._view.give(request["id"], request["message"], request["timeout"])
        raise ValueError(f"there is no {kind}")

    def _numbered_counts(self) -> Json:
        with self._counting:
            self._counted += 1
            return {"number": self._counted, "figures": self._view.counts()}

    def _stream(self, sock: socket.socket, stream: EventStream | None) -> None:
        if stream is None:
            sock.sendall(json_line({"is": False}))
            return
        watch = threading.Thread(target=_close_when_left, args=(sock, stream), name="turnstile-ops-left", daemon=True)
        try:
            sock.sendall(json_line({"is": True}))
            watch.start()
            for line in stream:
                sock.sendall(line + b"\n")  # waits for a reader that is slow: the stream is bounded
        finally:
            stream.close()
            _shut_down(sock)
            if watch.is_alive():
                watch.join()


def _close_when_left(sock: socket.socket, stream: EventStream) -> None:
    with contextlib.suppress(OSError):
        sock.recv(1)
    stream.close()


def _is_left(sock: socket.socket) -> bool:
    """Return whether the parent has closed its end."""
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _error(error: SessionError) -> Json:
    return {"error": {"code": error.problem.code, "description": error.problem.description}}
