"""A Voice Agent client in Python: it sends messages, and keeps those received for the code that waits for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

import orjson

from turnstile.embed.client_socket import ClientSocket
from turnstile.embed.feed import EventFeed
from turnstile.errors import ConfigError
from turnstile.ports import Inbox
from turnstile.protocol import jsontext
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from turnstile.ports import Connection

Json = dict[str, Any]

_NO_MESSAGE = Closed(1007, "the proxy sent a frame that is not a message")


class VoiceAgentClient:
    """The part of a Voice Agent client that does not depend on its connection; a context manager.

    A subclass opens the connection: `_connect` a socket, or any other that delivers to `_inbox`. Messages sent behind
    the end are dropped.

    Args:
        timeout: Seconds to wait for a message.
        close_timeout: Seconds to wait for the answer to a close.
        on_message: Called with each message, before the code that waits for it goes on.
        on_audio: Called with each piece of the agent's audio.
        on_closed: Called with the close code and its reason when the proxy closes first.
    """

    def __init__(
        self,
        *,
        timeout: float,
        close_timeout: float,
        on_message: Callable[[Json], None] | None = None,
        on_audio: Callable[[bytes], None] | None = None,
        on_closed: Callable[[str], None] | None = None,
    ) -> None:
        self._timeout = timeout
        self._close_timeout = close_timeout
        self._on_message = on_message
        self._on_audio = on_audio
        self._on_closed = on_closed
        self._feed = EventFeed()
        self._connection: Connection | None = None
        self._socket: ClientSocket | None = None
        self._is_closing = False
        self._ended = threading.Event()
        self.closed: str | None = None
        """The close code and its reason, once the session has ended."""

    def __enter__(self) -> Self:
        """Return the client, which is open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the session, and wait for its end."""
        self._is_closing = True
        if self._connection is not None:
            self._connection.close(1000)
            self._ended.wait(2 * self._close_timeout)  # once for the answer, once for the end of TCP
        if self._socket is not None:
            self._socket.close(self._close_timeout)

    def say(self, text: str) -> None:
        """Send a text message of the user."""
        self.send("InjectUserMessage", content=text)

    def answer(self, call: Mapping[str, Any], result: Any) -> None:
        """Send the result of a function call.

        Args:
            call: A ``FunctionCallRequest`` of one call, or one of its ``functions``.
            result: Text, or any value that JSON can express.

        Raises:
            ConfigError: `call` is not one function call.
        """
        calls = call.get("functions", [call])
        if len(calls) != 1:
            raise ConfigError("invalid_script", f"call: asks for {len(calls)} functions; answer each of them.")
        if not {"id", "name"} <= calls[0].keys():
            raise ConfigError("invalid_script", "call: is no function call: it has no id and name.")
        content = result if isinstance(result, str) else orjson.dumps(result).decode()
        self.send("FunctionCallResponse", id=calls[0]["id"], name=calls[0]["name"], content=content)

    def update(
        self,
        *,
        prompt: str | None = None,
        voice: str | None = None,
        speed: float | None = None,
        think: Mapping[str, Any] | None = None,
        listen: Mapping[str, Any] | None = None,
    ) -> None:
        """Change the configuration, in mid-response too; each part that is named is acknowledged by its own message.

        Args:
            prompt: Is added to the prompt (``PromptUpdated``).
            voice: The agent's voice (``SpeakUpdated``).
            speed: The speed of its speech, 1.0 is usual (``SpeakUpdated``).
            think: Replaces the whole of ``think``: the fields of an UpdateThink's (``ThinkUpdated``).
            listen: The fields of an UpdateListen's ``listen`` (``ListenUpdated``).
        """
        if think is not None:
            self.send("UpdateThink", think=dict(think))
        if prompt is not None:
            self.send("UpdatePrompt", prompt=prompt)
        speak = {name: value for name, value in (("voice", voice), ("speed", speed)) if value is not None}
        if speak:
            self.send("UpdateSpeak", speak={"provider": {"type": "open_ai", **speak}})
        if listen is not None:
            self.send("UpdateListen", listen=dict(listen))

    def send(self, kind: str, **fields: Any) -> None:
        """Send any message of the Voice Agent protocol.

        Args:
            kind: Its ``type``.
            fields: Its other fields.
        """
        self.send_text(orjson.dumps({"type": kind, **fields}))

    def send_text(self, data: bytes) -> None:
        """Send one text frame, whatever its content."""
        if self._connection is not None:
            self._connection.send_text(data)
            self._connection.flush()

    def send_binary(self, data: bytes) -> None:
        """Send one binary frame: input audio."""
        if self._connection is not None:
            self._connection.send_binary(data)
            self._connection.flush()

    def _connect(self, url: str, timeout: float, key: str | None = None) -> None:
        """Open a socket to a proxy.

        Args:
            url: Of the proxy, such as ``ws://127.0.0.1:8080/openai``.
            timeout: Seconds for the TCP connection, for TLS, and for the answer to the handshake.
            key: The client's key, if the proxy asks for one.

        Raises:
            HandshakeRefusedError: The proxy refuses the handshake.
            OSError: The proxy cannot be reached; its text is one line.
        """
        self._socket = ClientSocket(url, timeout, self._close_timeout, key)
        self._connection = self._socket.connection
        self._socket.begin(self._inbox())

    def _inbox(self) -> Inbox:
        """Return an inbox for the client's end of a connection."""
        return _ClientInbox(self._take)

    def _take(self, frame: object) -> None:
        match frame:
            case TextFrame(data):
                self._take_message(data)
                self._handled(data)
            case BinaryFrame(data):
                if self._on_audio is not None:
                    self._on_audio(data)
                self._feed.note_activity()
                self._handled(data)
            case Closed():
                self._end(frame)

    def _take_message(self, data: bytes) -> None:
        try:
            message = _parsed(data)
        except ValueError:
            self._end(_NO_MESSAGE)
            if self._connection is not None:
                self._connection.close(_NO_MESSAGE.code, _NO_MESSAGE.reason)
            return
        if self._on_message is not None:
            self._on_message(message)
        self._feed.put(data, message)

    def _end(self, closed: Closed) -> None:
        if self.closed is not None:
            return
        words = f"{closed.code} {closed.reason}".strip()
        if self._on_closed is not None and not self._is_closing:
            self._on_closed(words)
        self.closed = words
        self._feed.close(f"the session was closed: {words}")
        self._ended.set()

    def _handled(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.handled(len(data))


class _ClientInbox(Inbox):
    def __init__(self, take: Callable[[object], None]) -> None:
        self._take = take

    def tell(self, message: object, /) -> None:
        """Hand a frame, or the end, to the client."""
        self._take(message)


def _parsed(data: bytes) -> Json:
    message = jsontext.loads(data)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("not a message")  # noqa: TRY004 - the same as no JSON
    return message
