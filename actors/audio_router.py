"""Where what a client's connection received goes: audio past the ClientActor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.messages import Mark
from turnstile.ports import Inbox
from turnstile.protocol.frames import BinaryFrame
from turnstile.session.events import AudioFollows

if TYPE_CHECKING:
    from collections.abc import Sequence


class AudioRouter(Inbox):
    """Forwards what a client's connection received: audio to the UpstreamActor, all else to the ClientActor.

    Where audio follows text, both are told of the same mark, at which the audio waits for what the text leads to.

    Args:
        client: The ClientActor's inbox.
        upstream: The UpstreamActor's.
    """

    __slots__ = ("_audio_follows", "_client", "_marks", "_upstream")

    def __init__(self, client: Inbox, upstream: Inbox) -> None:
        self._client = client
        self._upstream = upstream
        self._marks = 0
        self._audio_follows = False

    def tell(self, message: object, /) -> None:
        """Forward a message to the actor that it is for."""
        if isinstance(message, BinaryFrame):
            if self._audio_follows:
                self._set_mark()
            self._upstream.tell(message)
        else:
            self._audio_follows = True
            self._client.tell(message)

    def tell_all(self, messages: Sequence[object], /) -> None:
        """Forward what one read completed, at once if all of it is audio, as it is most often."""
        if self._audio_follows or any(message.__class__ is not BinaryFrame for message in messages):
            super().tell_all(messages)
        else:
            self._upstream.tell_all(messages)

    def _set_mark(self) -> None:
        self._audio_follows = False
        self._marks += 1
        self._upstream.tell(Mark(self._marks))
        self._client.tell(AudioFollows(self._marks))
