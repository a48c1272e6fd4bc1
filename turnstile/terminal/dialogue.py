"""A Voice Agent client for scripts: sends messages, and waits for what it is told, with a deadline."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import websocket

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

Message = dict[str, Any]


class Dialogue:
    """One connection to a proxy; a context manager.

    Args:
        url: Of the proxy, such as ``ws://127.0.0.1:8080/openai``.
        patience: Seconds to wait for anything.
        on_message: Called with each message, on the reading thread.

    Raises:
        OSError: The proxy cannot be reached.
        websocket.WebSocketException: It does not let the client in.
    """

    def __init__(self, url: str, *, patience: float = 5.0, on_message: Callable[[Message], None] | None = None) -> None:
        self._patience = patience
        self._on_message = on_message
        self._changed = threading.Condition()
        self.messages: list[Message] = []
        """Everything heard so far."""
        self.audio_bytes = 0
        """How much audio was heard."""
        self.closed: str | None = None
        """The close code and its words, once the proxy has closed."""
        self._socket = websocket.create_connection(url, timeout=patience)
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._read, name="turnstile-dialogue", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Be open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Say goodbye, and wait for the answer."""
        with suppress(OSError, websocket.WebSocketException):
            self._socket.send_close(1000)
        self._thread.join(self._patience)
        self._socket.shutdown()  # type: ignore[no-untyped-call] # websocket-client's types are partial

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message; to a proxy that has closed, nothing."""
        try:
            self._socket.send(json.dumps({"type": kind, **fields}))
        except (OSError, websocket.WebSocketException):
            self._note_closed("1006")

    def send_audio(self, data: bytes) -> None:
        """Send input audio."""
        self._socket.send_binary(data)

    def wait_for(self, kind: str, count: int = 1) -> Message | None:
        """Wait until `count` messages of a type were heard; return the last of them, or None when time is up."""
        return self.wait_until(lambda: self.heard(kind)[count - 1] if len(self.heard(kind)) >= count else None)

    def wait_until(self, found: Callable[[], Message | None]) -> Message | None:
        """Wait until `found` gives something, and return it; None when time is up or the proxy has closed."""
        deadline = time.monotonic() + self._patience
        with self._changed:
            while (result := found()) is None and self.closed is None:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    return found()
            return result

    def heard(self, kind: str) -> list[Message]:
        """Return what was heard of a type."""
        return [message for message in self.messages if message["type"] == kind]

    def _read(self) -> None:
        try:
            while True:
                opcode, data = self._socket.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    self._note_closed(_close_words(data))
                    return
                self._take(opcode, data)
        except (OSError, websocket.WebSocketException):
            self._note_closed("1006")

    def _take(self, opcode: int, data: bytes) -> None:
        if opcode == websocket.ABNF.OPCODE_BINARY:
            with self._changed:
                self.audio_bytes += len(data)
            return
        message = json.loads(data)
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        if self._on_message is not None:
            self._on_message(message)

    def _note_closed(self, words: str) -> None:
        with self._changed:
            self.closed = self.closed or words
            self._changed.notify_all()


def _close_words(data: bytes) -> str:
    code = int.from_bytes(data[:2], "big") if data else 1005
    return f"{code} {data[2:].decode(errors='replace')}".strip()
