"""From the Realtime API's events to what a Voice Agent client hears of them, once each and in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pybase64

from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K
from turnstile.audio.wav import wav_header
from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.protocol.voice_agent import server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnstile.audio.formats import AudioFormat
    from turnstile.errors import Problem
    from turnstile.protocol.frames import Frame
    from turnstile.protocol.voice_agent.profile import Profile

Json = dict[str, Any]
T = TypeVar("T")

# Why a response is cancelled in the ordinary course of things (reference of ``response.status_details.reason``).
_CUT_OFF = {"turn_detected", "client_cancelled", "unknown"}
# So many calls and told items are remembered: those before need no cancelling, and nobody speaks of them again.
_REMEMBERED = 256


@dataclass(slots=True)
class _Answer:
    """One response as the client hears it.

    Args:
        response_id: The API's name for it.
        created: When it was created, in seconds.
        asked: When the user's turn that it answers ended, if that was heard.
        header: What goes before the first audio of it.
        started: `AgentStartedSpeaking` was sent.
        silenced: The user broke in: nothing more of it is heard.
        partial: What is known so far of the texts of its items that nothing final was heard of.
    """

    response_id: str
    created: float
    asked: float | None
    header: bytes
    started: bool = False
    silenced: bool = False
    partial: dict[str, str] = field(default_factory=dict)


class VoiceAgentTranslator:
    """One link's events in the client's words.

    Args:
        profile: Which of the two kinds of client hears them.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._converter = Converter(PCM_24K, PCM_24K)
        self._header = b""
        self._answer: _Answer | None = None
        self._turn_ended: float | None = None
        self._heard: dict[str, str] = {}
        self._calls: dict[str, str] = {}
        self._told: dict[str, None] = {}
        self._keeps_history = False

    def configure_output(self, output: AudioFormat, container: str, *, keeps_history: bool) -> None:
        """From now on the client hears `output`, in a `container` (``none`` or ``wav``).

        `keeps_history`: the client also wants each turn as `History`.
        """
        self._converter = Converter(output.upstream, output)
        self._header = wav_header(output) if container == "wav" else b""
        self._keeps_history = keeps_history

    def translate(self, event: Json, now: float) -> list[Frame]:
        """Return the frames that one server event comes to.

        Args:
            event: Parsed, under its current name.
            now: The time, in seconds.

        Raises:
            UpstreamProtocolError: The event is not built as its type is.
        """
        tell = _TELLERS.get(event["type"])
        if tell is None:
            return []
        try:
            return list(tell(self, event, now))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"Upstream sent a {event['type']} that is not built as one."
            raise UpstreamProtocolError("invalid_event", text) from error

    def audio(self, event: Json, now: float) -> list[Frame]:
        """Translate one ``response.output_audio.delta``: the hot path of the way down, which spares the table.

        Raises:
            KeyError: It has not the fields of one.
            ValueError: Its audio is no base64.
        """
        answer = self._answer
        if answer is None or answer.silenced or event["response_id"] != answer.response_id:
            return []
        audio = self._converter.feed(pybase64.b64decode(event["delta"]))
        frames = [] if answer.started else [*self._started(answer, now)]
        if audio:
            frames.append(BinaryFrame(answer.header + audio))
            answer.header = b""
        return frames

    def calls_cancelled(self, call_ids: tuple[str, ...]) -> list[Frame]:
        """Tell the client that these calls need no result; calls that it never heard of are left out."""
        known = [(call_id, self._calls.pop(call_id)) for call_id in call_ids if call_id in self._calls]
        return [TextFrame(server.function_call_cancelled(known))] if known else []

    def link_lost(self) -> list[Frame]:
        """The link is gone: what it was saying is over."""
        answer, self._answer = self._answer, None
        return list(self._over(answer)) if answer else []

    def _created(self, event: Json, now: float) -> Iterator[Frame]:
        response = event["response"]
        if "conversation_id" in response and response["conversation_id"] is None:
            return
        if self._answer:
            yield from self._over(self._answer)
        self._answer = _Answer(response["id"], now, self._turn_ended, self._header)
        self._turn_ended = None

    def _of(self, event: Json) -> _Answer | None:
        """Return the response that the event belongs to, if the client hears of it."""
        answer = self._answer
        return answer if answer and event["response_id"] == answer.response_id else None

    def _started(self, answer: _Answer, now: float) -> Iterator[Frame]:
        if answer.started:
            return
        answer.started = True
        since = answer.asked if answer.asked is not None else answer.created
        total, text = max(0.0, now - since), max(0.0, answer.created - since)
        yield TextFrame(server.agent_started_speaking(total, max(0.0, total - text), text))

    def _text_grows(self, event: Json, now: float) -> Iterator[Frame]:
        answer = self._of(event)
        if answer:
            item_id = event["item_id"]
            if item_id not in self._told:
                answer.partial[item_id] = answer.partial.get(item_id, "") + event["delta"]
            if not answer.silenced:
                yield from self._started(answer, now)

    def _text_done(self, event: Json, now: float) -> Iterator[Frame]:
        answer = self._of(event)
        if answer:
            text = event["text"] if "text" in event else event["transcript"]
            yield from self._final_text(answer, event["item_id"], text, now)

    def _final_text(self, answer: _Answer, item_id: str, text: str, now: float) -> Iterator[Frame]:
        answer.partial.pop(item_id, None)
        if not text or item_id in self._told:
            return
        _remember(self._told, item_id, None)
        if not answer.silenced:
            yield from self._started(answer, now)
        yield from self._said("assistant", text)

    def _said(self, role: server.Role, text: str) -> Iterator[Frame]:
        yield TextFrame(server.conversation_text(role, text))
        if self._keeps_history:
            yield TextFrame(server.history(role, text))

    def _item(self, event: Json, now: float) -> Iterator[Frame]:
        """An item may be complete, and hold what no other event said."""
        item, answer = event["item"], self._answer
        if answer and item.get("role") == "assistant" and item.get("status") != "in_progress":
            yield from self._final_text(answer, item["id"], _text_of(item), now)

    def _output_item_done(self, event: Json, _now: float) -> Iterator[Frame]:
        item = event["item"]
        if self._of(event) and item["type"] == "function_call" and item.get("status") == "completed":
            yield from self._call(item["call_id"], item["name"], item["arguments"])

    def _arguments_done(self, event: Json, _now: float) -> Iterator[Frame]:
        # Older servers do not give the name here; the item's end does.
        if self._of(event) and event.get("name"):
            yield from self._call(event["call_id"], event["name"], event["arguments"])

    def _call(self, call_id: str, name: str, arguments: str) -> Iterator[Frame]:
        if call_id in self._calls:
            return
        _remember(self._calls, call_id, name)
        yield TextFrame(server.function_call_request([server.CallRequest(call_id, name, arguments)]))

    def _done(self, event: Json, now: float) -> Iterator[Frame]:
        response, answer = event["response"], self._answer
        if not answer or response["id"] != answer.response_id:
            return
        for item in response.get("output") or ():
            if item["type"] == "message":
                yield from self._final_text(answer, item["id"], _text_of(item), now)
        for item_id, text in [*answer.partial.items()]:
            yield from self._final_text(answer, item_id, text, now)
        self._answer = None
        yield from self._over(answer)
        yield from self._complaint(response)

    def _over(self, answer: _Answer) -> Iterator[Frame]:
        rest = self._converter.flush()
        if rest and not answer.silenced:
            yield BinaryFrame(answer.header + rest)
        if not answer.started:
            return
        yield TextFrame(server.agent_audio_done())
        if self._profile.has_extras:
            yield TextFrame(server.agent_done())

    def _complaint(self, response: Json) -> Iterator[Frame]:
        """Say why a response did not complete; that the user or a command of ours cut it off needs no saying."""
        status, details = response.get("status"), response.get("status_details") or {}
        reason = details.get("reason") or "unknown"
        if status == "failed":
            error = details.get("error") or {}
            code = error.get("code") or error.get("type") or "response_failed"
            yield self._fault(code, error.get("message") or "The response failed.")
        elif status == "incomplete" or (status == "cancelled" and reason not in _CUT_OFF):
            yield self._fault(f"response_{status}", f"The response is {status}: {reason}.")

    def _fault(self, code: str, description: str) -> Frame:
        make = server.warning if self._profile.errors_end else server.error
        return TextFrame(make(code, description))

    def _speech_started(self, _event: Json, _now: float) -> Iterator[Frame]:
        if self._answer:
            self._answer.silenced = True
        yield TextFrame(server.user_started_speaking())

    def _speech_stopped(self, _event: Json, now: float) -> Iterator[Frame]:
        self._turn_ended = now
        if self._profile.has_extras:
            yield TextFrame(server.utterance_end())

    def _transcribing(self, event: Json, _now: float) -> Iterator[Frame]:
        text = self._heard.get(event["item_id"], "") + (event.get("delta") or "")
        _remember(self._heard, event["item_id"], text)
        if self._profile.has_extras:
            yield TextFrame(server.transcript(text, is_final=False))

    def _transcribed(self, event: Json, _now: float) -> Iterator[Frame]:
        self._heard.pop(event["item_id"], None)
        text = event["transcript"]
        if self._profile.has_extras:
            yield TextFrame(server.transcript(text, is_final=True))
        if text:
            yield from self._said("user", text)

    def _transcription_failed(self, event: Json, _now: float) -> Iterator[Frame]:
        self._heard.pop(event["item_id"], None)
        error = event.get("error") or {}
        code = error.get("code") or "transcription_failed"
        yield self._fault(code, error.get("message") or "What the user said could not be transcribed.")


def _remember(memory: dict[str, T], name: str, value: T) -> None:
    memory[name] = value
    if len(memory) > _REMEMBERED:
        del memory[next(iter(memory))]


def _text_of(item: Json) -> str:
    parts = item.get("content") or ()
    return "".join(part.get("text") or part.get("transcript") or "" for part in parts)


def problem_to_frame(problem: Problem, profile: Profile, *, fatal: bool) -> TextFrame:
    """Say that something went wrong in the profile's manner; `fatal`: the session ends with it."""
    make = server.warning if profile.errors_end and not fatal else server.error
    return TextFrame(make(problem.code, problem.description))


_TELLERS: dict[str, Callable[[VoiceAgentTranslator, Json, float], Iterator[Frame] | list[Frame]]] = {
    "response.created": VoiceAgentTranslator._created,  # noqa: SLF001 - the table of the class above
    "response.output_audio.delta": VoiceAgentTranslator.audio,
    "response.output_audio_transcript.delta": VoiceAgentTranslator._text_grows,  # noqa: SLF001
    "response.output_text.delta": VoiceAgentTranslator._text_grows,  # noqa: SLF001
    "response.output_audio_transcript.done": VoiceAgentTranslator._text_done,  # noqa: SLF001
    "response.output_text.done": VoiceAgentTranslator._text_done,  # noqa: SLF001
    "conversation.item.added": VoiceAgentTranslator._item,  # noqa: SLF001
    "conversation.item.created": VoiceAgentTranslator._item,  # noqa: SLF001
    "conversation.item.done": VoiceAgentTranslator._item,  # noqa: SLF001
    "response.output_item.done": VoiceAgentTranslator._output_item_done,  # noqa: SLF001
    "response.function_call_arguments.done": VoiceAgentTranslator._arguments_done,  # noqa: SLF001
    "response.done": VoiceAgentTranslator._done,  # noqa: SLF001
    "input_audio_buffer.speech_started": VoiceAgentTranslator._speech_started,  # noqa: SLF001
    "input_audio_buffer.speech_stopped": VoiceAgentTranslator._speech_stopped,  # noqa: SLF001
    "conversation.item.input_audio_transcription.delta": VoiceAgentTranslator._transcribing,  # noqa: SLF001
    "conversation.item.input_audio_transcription.completed": VoiceAgentTranslator._transcribed,  # noqa: SLF001
    "conversation.item.input_audio_transcription.failed": VoiceAgentTranslator._transcription_failed,  # noqa: SLF001
}
