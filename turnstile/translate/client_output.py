"""The output to one Voice Agent client: its audio format, its kinds of message, the texts already sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.audio.confirmed_formats import shown_format
from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K, read_format
from turnstile.audio.wav_format import wav_header
from turnstile.errors import Problem
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.voice_agent import server
from turnstile.translate.bounded_dict import BoundedDict
from turnstile.translate.playback_clock import PlaybackClock

if TYPE_CHECKING:
    from turnstile.audio.formats import AudioFormat
    from turnstile.protocol.frames import Frame
    from turnstile.protocol.voice_agent.profile import Profile

Json = dict[str, Any]


def problem_to_frame(problem: Problem, profile: Profile, *, fatal: bool) -> TextFrame:
    """Translate a problem to `Warning` or `Error`, by the profile; `fatal`: the session ends with it."""
    make = server.error if profile.is_error(problem.code, fatal=fatal) else server.warning
    return TextFrame(make(problem.code, problem.description))


class ClientOutput:
    """The output to one client, of all its responses.

    Args:
        profile: The client's profile.
    """

    def __init__(self, profile: Profile) -> None:
        self.has_extras = profile.has_extras
        self.converter = Converter(PCM_24K, PCM_24K)
        self.header = b""
        """The bytes before the first audio of each response: a WAV header, or none."""
        self.playback = PlaybackClock()
        self.keeps_history = False
        self.is_convertible = True
        """Whether upstream's audio can be converted to the client's format."""
        self._profile = profile
        self._output = PCM_24K
        self._converts = (PCM_24K, PCM_24K)
        self._converts_for: tuple[object, AudioFormat] = (None, PCM_24K)
        self.bytes_per_ms = _bytes_per_ms(PCM_24K)
        """Of upstream's audio."""
        self._session_format: object = None
        self._warned_format: object = None
        self.sent_items: BoundedDict[str, None] = BoundedDict()
        """The items whose final text was sent."""

    def configure(self, output: AudioFormat, container: str, *, keeps_history: bool) -> None:
        """Set the client's audio format, its container (``none`` or ``wav``), and whether it also gets `History`."""
        self.header = wav_header(output) if container == "wav" else b""
        self.keeps_history = keeps_history
        self._output = output
        self._convert_from(self._session_format)

    def set_upstream_format(self, shown: object) -> None:
        """Set upstream's audio format, as its session shows it; None where it shows none."""
        self._session_format = shown
        self._convert_from(shown)

    def begin_response(self, response: Json) -> list[Frame]:
        """Convert from the format that the response shows, else from the session's; warn where that is not possible."""
        shown = shown_format(response, "output") or self._session_format
        self._convert_from(shown)
        if self.is_convertible or shown == self._warned_format:
            return []
        self._warned_format = shown
        name = shown.get("type") if isinstance(shown, dict) else shown
        text = f"Upstream's audio format {name!r:.60} cannot be converted: the agent's audio is left out."
        return [self.problem("audio_not_convertible", text)]

    def _convert_from(self, shown: object) -> None:
        wanted = (shown, self._output)
        if wanted == self._converts_for:  # Most responses show the format of the one before.
            return
        self._converts_for = wanted
        upstream = self._output.upstream if shown is None else read_format(shown)
        self.is_convertible = upstream is not None
        if upstream is not None and (upstream, self._output) != self._converts:
            self._converts = (upstream, self._output)
            self.bytes_per_ms = _bytes_per_ms(upstream)
            self.converter = Converter(upstream, self._output)

    def show_item(self, item_id: str, text: str, role: server.Role = "assistant") -> list[Frame]:
        """Return the messages with the final text of an item."""
        self.sent_items.remember(item_id, None)
        return self.show_text(role, text)

    def show_text(self, role: server.Role, text: str) -> list[Frame]:
        """Return `ConversationText`, and `History` for a client that keeps one."""
        shown = TextFrame(server.conversation_text(role, text))
        return [shown, TextFrame(server.history(role, text))] if self.keeps_history else [shown]

    def problem(self, code: str, description: str) -> Frame:
        """Return the `Warning` or `Error`, by the profile, about a fault after which the session goes on."""
        return problem_to_frame(Problem(code, description), self._profile, fatal=False)


def _bytes_per_ms(upstream: AudioFormat) -> float:
    return upstream.sample_width * upstream.sample_rate / 1000
