"""From the Realtime API's events to what a Voice Agent client hears of them, once each and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.realtime import complete_arguments
from turnstile.protocol.shapes import well_built
from turnstile.protocol.voice_agent import server
from turnstile.translate.answer import Answer, text_of
from turnstile.translate.calls import Calls
from turnstile.translate.ear import Ear, remember
from turnstile.translate.latency import Latencies
from turnstile.translate.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from turnstile.audio.formats import AudioFormat
    from turnstile.errors import Problem
    from turnstile.protocol.frames import Frame
    from turnstile.protocol.voice_agent.profile import Profile

Json = dict[str, Any]


def problem_to_frame(problem: Problem, profile: Profile, *, fatal: bool) -> TextFrame:
    """Say that something went wrong in the profile's manner; `fatal`: the session ends with it."""
    make = server.error if profile.is_error(problem.code, fatal=fatal) else server.warning
    return TextFrame(make(problem.code, problem.description))


class VoiceAgentTranslator(Translator):
    """One session's events in the client's words.

    Args:
        profile: Which of the two kinds of client hears them.
    """

    def __init__(self, profile: Profile) -> None:
        self._ear = Ear(profile)
        self._calls = Calls()
        self._answer: Answer | None = None
        # Whether the API cuts its response off when the user speaks (its default).
        self._user_interrupts = True
        self._cut_off: tuple[tuple[str, int], ...] = ()
        self._asked: float | None = None
        self._stopped: dict[str, float] = {}
        self._stt: float | None = None
        self._heard: dict[str, str] = {}

    def configure_output(self, output: AudioFormat, container: str, *, keeps_history: bool) -> None:
        """From now on the client hears `output`, in a `container` (``none`` or ``wav``).

        `keeps_history`: the client also wants each turn as `History`.
        """
        self._ear.configure(output, container, keeps_history=keeps_history)

    def upstream_speaks(self, shown: object) -> None:
        """From now on upstream speaks the format that it shows, in the API's words."""
        self._ear.upstream_speaks(shown)

    def call_from_here(self, names: Collection[str]) -> None:
        """From now on the functions of these names are called by the proxy, all others by the client."""
        self._calls.call_from_here(names)

    def translate(self, event: Json, now: float, data: bytes | None = None) -> list[Frame]:  # noqa: ARG002 - said anew
        """Return the frames that one server event comes to."""
        tell = _TELLERS.get(event["type"])
        return list(tell(self, well_built(event), now)) if tell else []

    def audio(self, event: Json, now: float, data: bytes | None = None) -> list[Frame]:  # noqa: ARG002
        """Translate one ``response.output_audio.delta`` without the table."""
        answer, response_id = self._answer, event.get("response_id")
        item_id, delta = event.get("item_id"), event.get("delta")
        if not (isinstance(response_id, str) and isinstance(item_id, str) and isinstance(delta, str)):
            text = "Upstream sent a response.output_audio.delta without a response_id, an item_id or a delta."
            raise UpstreamProtocolError("invalid_event", text)
        if answer is None or answer.is_silenced or response_id != answer.response_id:
            return []
        return answer.audio(item_id, delta, now)

    def take_cut_off(self) -> tuple[tuple[str, int], ...]:
        """Return, once, which items the user did not hear to their end, with the milliseconds heard of each."""
        cut_off, self._cut_off = self._cut_off, ()
        return cut_off

    def asked(self, now: float) -> None:
        """Something that wants an answer goes upstream: latencies count from here, if nothing else waits for one."""
        if self._asked is None:
            self._asked = now

    def silence(self, response_id: str) -> None:
        """The response is being cancelled: nothing more is heard of its audio."""
        if self._answer and self._answer.response_id == response_id:
            self._answer.is_silenced = True

    def calls_cancelled(self, call_ids: tuple[str, ...]) -> list[Frame]:
        """Tell the client that these calls need no result; calls that it never heard of are left out."""
        return list(self._calls.cancel(call_ids))

    def call_returned(self, call_id: str, output: str) -> list[Frame]:
        """Show the client the result of a call that the proxy made."""
        return list(self._calls.returned(call_id, output))

    def call_answered(self, call_id: str, output: str) -> list[Frame]:
        """A call's result goes into the conversation: part of its history."""
        return list(self._calls.answered(call_id, output, keeps_history=self._ear.keeps_history))

    def link_lost(self) -> list[Frame]:
        """The link is gone: what it was saying is over."""
        answer, self._answer = self._answer, None
        self._ear.playback.stop()
        return list(answer.over()) if answer else []

    def _updated(self, event: Json, _now: float) -> Iterator[Frame]:
        value: Any = event
        for name in ("session", "audio", "input", "turn_detection", "interrupt_response"):
            value = value.get(name) if isinstance(value, dict) else None
        self._user_interrupts = value is not False
        return iter(())

    # The agent.

    def _created(self, event: Json, now: float) -> Iterator[Frame]:
        response = event["response"]
        if "conversation_id" in response and response["conversation_id"] is None:
            return  # out of band
        if self._answer:
            yield from self._answer.over()
        yield from self._ear.begin(response)
        self._answer = Answer(response, self._ear, Latencies(now if self._asked is None else self._asked))
        self._asked = None

    def _answer_of(self, event: Json) -> Answer | None:
        """Return the response that the event belongs to, if the client hears of it."""
        answer = self._answer
        return answer if answer and event["response_id"] == answer.response_id else None

    def _text_grows(self, event: Json, now: float) -> Iterator[Frame]:
        answer = self._answer_of(event)
        if answer:
            yield from answer.text_grows(event["item_id"], event["delta"], now)

    def _text_done(self, event: Json, now: float) -> Iterator[Frame]:
        answer = self._answer_of(event)
        if answer:
            text = event["text"] if event["type"] == "response.output_text.done" else event["transcript"]
            yield from answer.final_text(event["item_id"], text, now)

    def _item(self, event: Json, now: float) -> Iterator[Frame]:
        """An item may be complete, and hold what no other event said."""
        item, answer = event["item"], self._answer
        if item.get("role") == "user":
            yield from self._written(item)
        elif answer and item.get("role") == "assistant" and item.get("status") != "in_progress":
            yield from answer.final_text(item["id"], text_of(item), now)

    def _written(self, item: Json) -> Iterator[Frame]:
        """Tell what the user said in writing; what was spoken is told by its transcription."""
        text = "".join(part.get("text", "") for part in item.get("content", ()) if part.get("type") == "input_text")
        if text and not self._ear.has_heard(item["id"]):
            yield from self._ear.hear_item(item["id"], text, "user")

    def _output_item_added(self, event: Json, now: float) -> Iterator[Frame]:
        answer, item = self._answer_of(event), event["item"]
        if answer and item.get("type") == "function_call" and not answer.is_silenced:
            answer.latencies.token("tool", now)
            if item.get("name"):
                yield TextFrame(server.agent_thinking(f"Calling {item['name']}."))

    def _output_item_done(self, event: Json, _now: float) -> Iterator[Frame]:
        item = event["item"]
        if not self._answer_of(event) or item.get("type") != "function_call" or item.get("status") != "completed":
            return
        yield from self._called(item)
        if complete_arguments(item.get("arguments")) is None:
            name = item.get("name", "a function")
            text = f"The model called {name} with arguments that are no JSON object; nobody is asked for it."
            yield self._ear.fault("function_call_unreadable", text)

    def _arguments_done(self, event: Json, _now: float) -> Iterator[Frame]:
        # Older servers do not give the name here; the item's end does.
        if self._answer_of(event):
            yield from self._called(event)

    def _called(self, call: Json) -> Iterator[Frame]:
        if call.get("call_id") and call.get("name"):
            yield from self._calls.request(call["call_id"], call["name"], call.get("arguments"))

    def _done(self, event: Json, now: float) -> Iterator[Frame]:
        response, answer = event["response"], self._answer
        if answer and response["id"] == answer.response_id:
            self._answer = None
            stt, self._stt = self._stt, None
            yield from answer.done(response, stt, now)

    # The user.

    def _speech_started(self, _event: Json, now: float) -> Iterator[Frame]:
        if self._user_interrupts:
            answer = self._answer
            goes_on = answer is not None and answer.has_audio and not answer.is_silenced
            self._cut_off = self._ear.playback.cut_off(now, goes_on=goes_on)
            if answer:
                answer.is_silenced = True
        yield TextFrame(server.user_started_speaking())

    def _speech_stopped(self, event: Json, now: float) -> Iterator[Frame]:
        self._asked, self._stt = now, None
        remember(self._stopped, event["item_id"], now)
        if self._ear.has_extras:
            yield TextFrame(server.utterance_end())

    def _committed(self, event: Json, now: float) -> Iterator[Frame]:
        if event["item_id"] not in self._stopped:  # the turn ended here, not at the end of any speech
            self.asked(now)
            remember(self._stopped, event["item_id"], now)
        return iter(())

    def _transcribing(self, event: Json, _now: float) -> Iterator[Frame]:
        text = self._heard.get(event["item_id"], "") + event.get("delta", "")
        remember(self._heard, event["item_id"], text)
        if self._ear.has_extras:
            yield TextFrame(server.transcript(text, is_final=False))

    def _transcribed(self, event: Json, now: float) -> Iterator[Frame]:
        self._heard.pop(event["item_id"], None)
        stopped = self._stopped.pop(event["item_id"], None)
        if stopped is not None:
            self._stt = now - stopped
        text = event["transcript"]
        if self._ear.has_extras:
            yield TextFrame(server.transcript(text, is_final=True))
        if text:
            yield from self._ear.hear("user", text)

    def _transcription_failed(self, event: Json, _now: float) -> Iterator[Frame]:
        self._heard.pop(event["item_id"], None)
        error = event.get("error", {})
        code = error.get("code") or "transcription_failed"
        yield self._ear.fault(code, error.get("message") or "What the user said could not be transcribed.")


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
    "response.output_item.added": VoiceAgentTranslator._output_item_added,  # noqa: SLF001
    "response.output_item.done": VoiceAgentTranslator._output_item_done,  # noqa: SLF001
    "response.function_call_arguments.done": VoiceAgentTranslator._arguments_done,  # noqa: SLF001
    "response.done": VoiceAgentTranslator._done,  # noqa: SLF001
    "session.updated": VoiceAgentTranslator._updated,  # noqa: SLF001
    "input_audio_buffer.committed": VoiceAgentTranslator._committed,  # noqa: SLF001
    "input_audio_buffer.speech_started": VoiceAgentTranslator._speech_started,  # noqa: SLF001
    "input_audio_buffer.speech_stopped": VoiceAgentTranslator._speech_stopped,  # noqa: SLF001
    "conversation.item.input_audio_transcription.delta": VoiceAgentTranslator._transcribing,  # noqa: SLF001
    "conversation.item.input_audio_transcription.completed": VoiceAgentTranslator._transcribed,  # noqa: SLF001
    "conversation.item.input_audio_transcription.failed": VoiceAgentTranslator._transcription_failed,  # noqa: SLF001
}
