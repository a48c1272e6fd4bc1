"""Marks: where a client's audio and its messages, which reach the UpstreamActor by different ways, belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.messages import Mark
from turnstile.session.client_requests import AudioFollows

if TYPE_CHECKING:
    from turnstile.ports import Inbox


class AudioMarks:
    """Sets one client's marks: the same number among its audio and behind its messages.

    Args:
        audio: Where the audio goes: the UpstreamActor's inbox.
        messages: Where the messages go.
    """

    __slots__ = ("_audio", "_messages", "_number", "is_due")

    def __init__(self, audio: Inbox, messages: Inbox) -> None:
        self._audio = audio
        self._messages = messages
        self._number = 0
        self.is_due = False
        """Whether a message has gone since the latest mark: audio that comes now belongs behind it."""

    def set_mark(self) -> None:
        """Have the audio that comes now wait for what the messages before it lead to."""
        self.is_due = False
        self._number += 1
        self._audio.tell(Mark(self._number))
        self._messages.tell(AudioFollows(self._number))
