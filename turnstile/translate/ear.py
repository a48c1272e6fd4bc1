"""How one client hears: in which format, with which messages, and what it has heard already."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K
from turnstile.audio.wav import wav_header
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.voice_agent import server
from turnstile.translate.playback import Playback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.audio.formats import AudioFormat
    from turnstile.protocol.frames import Frame
    from turnstile.protocol.voice_agent.profile import Profile

K = TypeVar("K")
T = TypeVar("T")

# So many items and calls are remembered: nobody speaks of those before any more.
_REMEMBERED = 256


def remember(memory: dict[K, T], name: K, value: T) -> None:
    """Put a value into a memory that forgets the oldest."""
    memory[name] = value
    if len(memory) > _REMEMBERED:
        del memory[next(iter(memory))]


class Ear:
    """One client's hearing.

    Args:
        profile: Which of the two kinds of client it is.
    """

    def __init__(self, profile: Profile) -> None:
        self.has_extras = profile.has_extras
        self.converter = Converter(PCM_24K, PCM_24K)
        self.header = b""
        """What goes before the first audio of each answer."""
        self.playback = Playback()
        self.keeps_history = False
        self._profile = profile
        self._wire = PCM_24K
        self._told: dict[str, None] = {}

    def configure(self, output: AudioFormat, container: str, *, keeps_history: bool) -> None:
        """From now on it hears `output`, in a `container` (``none`` or ``wav``); `keeps_history`: each turn twice."""
        self.converter = Converter(output.upstream, output)
        self.header = wav_header(output) if container == "wav" else b""
        self.keeps_history = keeps_history
        self._wire = output.upstream

    def milliseconds(self, audio: bytes) -> float:
        """Return how long audio as upstream sends it lasts."""
        return self._wire.milliseconds(len(audio))

    def has_heard(self, item_id: str) -> bool:
        """Tell whether it heard the item's final text."""
        return item_id in self._told

    def hear_item(self, item_id: str, text: str, role: server.Role = "assistant") -> Iterator[Frame]:
        """Tell the final text of an item."""
        remember(self._told, item_id, None)
        return self.hear(role, text)

    def hear(self, role: server.Role, text: str) -> Iterator[Frame]:
        """Tell somebody's final text."""
        yield TextFrame(server.conversation_text(role, text))
        if self.keeps_history:
            yield TextFrame(server.history(role, text))

    def fault(self, code: str, description: str) -> Frame:
        """Tell of a fault that the session survives."""
        make = server.error if self._profile.is_error(code) else server.warning
        return TextFrame(make(code, description))
