"""Routing of what a client's connection received: audio goes past the ClientActor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.audio_marks import AudioMarks
from turnstile.ports import Inbox
from turnstile.protocol.frames import BinaryFrame

if TYPE_CHECKING:
    from collections.abc import Sequence


class AudioRouter(Inbox):
    """Forwards what a client's connection received: audio to the UpstreamActor, all else to the ClientActor.

    Args:
        client: The ClientActor's inbox.
        upstream: The UpstreamActor's.
    """

    __slots__ = ("_client", "_marks", "_upstream")

    def __init__(self, client: Inbox, upstream: Inbox) -> None:
        self._client = client
        self._upstream = upstream
        self._marks = AudioMarks(upstream, client)

    def tell(self, message: object, /) -> None:
        """Forward a message to its actor."""
        if isinstance(message, BinaryFrame):
            if self._marks.is_due:
                self._marks.set_mark()
            self._upstream.tell(message)
        else:
            self._marks.is_due = True
            self._client.tell(message)

    def tell_all(self, messages: Sequence[object], /) -> None:
        """Forward what one read completed, at once if all of it is audio, as it is most often."""
        if self._marks.is_due or any(message.__class__ is not BinaryFrame for message in messages):
            super().tell_all(messages)
        else:
            self._upstream.tell_all(messages)
