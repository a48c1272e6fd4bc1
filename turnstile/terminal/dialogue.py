"""A Voice Agent client for scripts: sends messages, and waits for what it is told, with a deadline."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, cast

import websocket

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

Message = dict[str, Any]

_CONNECT_TIMEOUT = 10.0


class Dialogue:
    """One connection to a proxy; a context manager.

    Args:
        url: Of the proxy, such as ``ws://127.0.0.1:8080/openai``.
        patience: Seconds to wait for anything that is said.
        on_message: Called with each message on the reading thread, before those who wait for it go on.
        on_audio: Called with each piece of the agent's audio, on the reading thread.
        on_closed: Called with the close code and its words when the proxy closes first, on the reading thread.

    Raises:
        OSError: The proxy cannot be reached, or does not let the client in; why, in one line.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: float = 5.0,
        on_message: Callable[[Message], None] | None = None,
        on_audio: Callable[[bytes], None] | None = None,
        on_closed: Callable[[str], None] | None = None,
    ) -> None:
        self._patience = patience
        self._on_message = on_message
        self._on_audio = on_audio
        self._on_closed = on_closed
        self._is_closing = False
        self._changed = threading.Condition()
        self.messages: list[Message] = []
        """Everything heard so far."""
        self.audio_bytes = 0
        """How much audio was heard."""
        self.closed: str | None = None
        """The close code and its words, once the proxy has closed."""
        self._socket = _connected(url)
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
        self._is_closing = True
        with suppress(OSError, websocket.WebSocketException):
            self._socket.send_close(1000)
        self._thread.join(self._patience)
        if self._thread.is_alive():
            # Closing alone would not wake the reader.
            with suppress(OSError):
                cast("socket.socket", self._socket.sock).shutdown(socket.SHUT_RDWR)
            self._thread.join(self._patience)
        self._socket.shutdown()  # type: ignore[no-untyped-call] # websocket-client's types are partial

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message; to a proxy that has closed, nothing."""
        with suppress(OSError, websocket.WebSocketException):
            self._socket.send(json.dumps({"type": kind, **fields}))

    def send_audio(self, data: bytes) -> None:
        """Send input audio; to a proxy that has closed, nothing."""
        with suppress(OSError, websocket.WebSocketException):
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

    def wait_while_heard(self, is_done: Callable[[], bool]) -> bool:
        """Wait until `is_done`, for as long as there is something to hear; returns whether it is.

        Time is up when nothing at all was heard for `patience`, and when the proxy has closed.
        """
        with self._changed:
            while not is_done():
                if self.closed is not None or not self._changed.wait(self._patience):
                    return False
            return True

    def heard(self, kind: str) -> list[Message]:
        """Return what was heard of a type."""
        return [message for message in self.messages if message["type"] == kind]

    def _read(self) -> None:
        try:
            while (words := self._take(*self._socket.recv_data())) is None:
                pass
        except (OSError, websocket.WebSocketException):
            words = "1006"
        except ValueError:
            words = "1007 the proxy said something that is no message"
        if self._on_closed is not None and not self._is_closing:
            self._on_closed(words)
        with self._changed:
            self.closed = words
            self._changed.notify_all()

    def _take(self, opcode: int, data: bytes) -> str | None:
        """Keep what was heard; returns the close code and its words when it is the last."""
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return _close_words(data)
        if opcode == websocket.ABNF.OPCODE_BINARY:
            if self._on_audio is not None:
                self._on_audio(data)
            with self._changed:
                self.audio_bytes += len(data)
                self._changed.notify_all()
            return None
        message = _message(data)
        if self._on_message is not None:
            self._on_message(message)
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        return None


def _connected(url: str) -> websocket.WebSocket:
    try:
        connection = websocket.create_connection(url, timeout=_CONNECT_TIMEOUT)
    except websocket.WebSocketBadStatusException as error:
        raise ConnectionRefusedError(f"it answered {error.status_code}") from None
    except (websocket.WebSocketException, ValueError) as error:
        raise ConnectionError(" ".join(str(error).split())) from None
    connection.settimeout(None)
    return connection


def _message(data: bytes) -> Message:
    message = json.loads(data)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("no message")  # noqa: TRY004 - the same as no JSON
    return message


def _close_words(data: bytes) -> str:
    code = int.from_bytes(data[:2], "big") if data else 1005
    return f"{code} {data[2:].decode(errors='replace')}".strip()
