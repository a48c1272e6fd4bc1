"""How one client hears: in which format, with which messages, and what it has heard already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K, read_format
from turnstile.audio.wav_header import wav_header
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.voice_agent import server
from turnstile.translate.playback_clock import Playback

if TYPE_CHECKING:
    from turnstile.audio.formats import AudioFormat
    from turnstile.protocol.frames import Frame
    from turnstile.protocol.voice_agent.profile import Profile

Json = dict[str, Any]
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
        self.is_audible = True
        """Whether what upstream speaks can be told to the client at all."""
        self._profile = profile
        self._output = PCM_24K
        self._converts = (PCM_24K, PCM_24K)
        self._converts_for: tuple[object, AudioFormat] = (None, PCM_24K)
        self.bytes_per_ms = _bytes_per_ms(PCM_24K)
        """Of audio as upstream sends it."""
        self._session_speaks: object = None
        self._complained_of: object = None
        self._told: dict[str, None] = {}

    def configure(self, output: AudioFormat, container: str, *, keeps_history: bool) -> None:
        """From now on it hears `output`, in a `container` (``none`` or ``wav``); `keeps_history`: each turn twice."""
        self.header = wav_header(output) if container == "wav" else b""
        self.keeps_history = keeps_history
        self._output = output
        self._convert_from(self._session_speaks)

    def upstream_speaks(self, shown: object) -> None:
        """Take from upstream the format that its session shows, in the API's words; None where it shows none."""
        self._session_speaks = shown
        self._convert_from(shown)

    def begin(self, response: Json) -> list[Frame]:
        """Take a response in the format that it shows, or else in the session's; say it where that cannot be."""
        shown = _output_format(response) or self._session_speaks
        self._convert_from(shown)
        if self.is_audible or shown == self._complained_of:
            return []
        self._complained_of = shown
        name = shown.get("type") if isinstance(shown, dict) else shown
        text = f"Upstream speaks {name!r:.60}, which cannot be converted: the agent's audio is left out."
        return [self.fault("audio_not_convertible", text)]

    def _convert_from(self, shown: object) -> None:
        asked = (shown, self._output)
        if asked == self._converts_for:  # Most responses show what the one before has shown.
            return
        self._converts_for = asked
        wire = self._output.upstream if shown is None else read_format(shown)
        self.is_audible = wire is not None
        if wire is not None and (wire, self._output) != self._converts:
            self._converts = (wire, self._output)
            self.bytes_per_ms = _bytes_per_ms(wire)
            self.converter = Converter(wire, self._output)

    def has_heard(self, item_id: str) -> bool:
        """Tell whether it heard the item's final text."""
        return item_id in self._told

    def hear_item(self, item_id: str, text: str, role: server.Role = "assistant") -> list[Frame]:
        """Tell the final text of an item."""
        remember(self._told, item_id, None)
        return self.hear(role, text)

    def hear(self, role: server.Role, text: str) -> list[Frame]:
        """Tell somebody's final text."""
        said = TextFrame(server.conversation_text(role, text))
        return [said, TextFrame(server.history(role, text))] if self.keeps_history else [said]

    def fault(self, code: str, description: str) -> Frame:
        """Tell of a fault that the session survives."""
        make = server.error if self._profile.is_error(code) else server.warning
        return TextFrame(make(code, description))


def _bytes_per_ms(wire: AudioFormat) -> float:
    return wire.sample_width * wire.sample_rate / 1000


def _output_format(response: Json) -> object:
    audio = response.get("audio")
    output = audio.get("output") if isinstance(audio, dict) else None
    return output.get("format") if isinstance(output, dict) else None
