"""The terminal's Voice Agent client: its waits return None where a message does not come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.embed.voice_agent_client import VoiceAgentClient

if TYPE_CHECKING:
    from collections.abc import Callable

Message = dict[str, Any]

_CONNECT_TIMEOUT = 10.0


class TerminalClient(VoiceAgentClient):
    """One connection to a proxy; a context manager.

    Args:
        url: Of the proxy, such as ``ws://127.0.0.1:8080/openai``.
        timeout: Seconds to wait for a message, and for the answer to a close.
        on_message: Called with each message on the reading thread, before the code that waits for it goes on.
        on_audio: Called with each piece of the agent's audio, on the reading thread.
        on_closed: Called with the close code and its reason when the proxy closes first, on the reading thread.
        key: The client's key, if the proxy asks for one.

    Raises:
        HandshakeRefusedError: The proxy refuses the handshake.
        OSError: The proxy cannot be reached; its text is one line.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        on_message: Callable[[Message], None] | None = None,
        on_audio: Callable[[bytes], None] | None = None,
        on_closed: Callable[[str], None] | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(
            timeout=timeout, close_timeout=timeout, on_message=on_message, on_audio=on_audio, on_closed=on_closed
        )
        self._connect(url, _CONNECT_TIMEOUT, key)

    @property
    def messages(self) -> list[Message]:
        """The messages received so far."""
        return self._feed.kept()

    def received(self, kind: str) -> list[Message]:
        """Return the messages of a type received so far."""
        return [message for message in self.messages if message["type"] == kind]

    def wait_for(self, kind: str, count: int = 1) -> Message | None:
        """Wait for `count` messages of a type, and return the last of them; None as for `wait_until`."""
        return self.wait_until(lambda: next(iter(self.received(kind)[count - 1 :]), None))

    def wait_until(self, found: Callable[[], Message | None]) -> Message | None:
        """Wait until `found` returns a message; None when time is up, and when the session has ended."""
        return self._feed.wait_until(found, self._timeout)

    def wait_while_active(self, is_done: Callable[[], bool]) -> bool:
        """Wait until `is_done`, for as long as messages or audio come, and return whether it is.

        Time is up when neither came for `timeout` seconds, and when the session has ended.
        """
        return self._feed.wait_while_active(is_done, self._timeout)
