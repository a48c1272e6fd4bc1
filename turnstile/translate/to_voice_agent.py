"""From the Realtime API's events to what a Voice Agent client hears of them, once each and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.realtime import complete_arguments
from turnstile.protocol.shapes import well_built
from turnstile.protocol.voice_agent import server
from turnstile.translate.call_messages import Calls
from turnstile.translate.client_output import Ear, remember
from turnstile.translate.latency import Latencies
from turnstile.translate.response_view import Answer, text_of
from turnstile.translate.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from turnstile.audio.formats import AudioFormat
    from turnstile.errors import Problem
    from turnstile.protocol.frames import Frame
    from turnstile.protocol.voice_agent.profile import Profile

Json = dict[str, Any]

_USER_STARTED_SPEAKING: Final = TextFrame(server.user_started_speaking())
_UTTERANCE_END: Final = TextFrame(server.utterance_end())


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

    def translate(
        self,
        event: Json,
        now: float,
        data: bytes | None = None,  # noqa: ARG002 - said anew
        *,
        is_built: bool = False,
    ) -> list[Frame]:
        """Return the frames that one server event comes to."""
        tell = _TELLERS.get(event["type"])
        if tell is None:
            return []
        return tell(self, event if is_built else well_built(event), now)

    def audio(self, event: Json, now: float, data: bytes | None = None) -> list[Frame]:  # noqa: ARG002
        """Translate one ``response.output_audio.delta`` without the table."""
        answer = self._speaking(event)
        return answer.audio(event["item_id"], event["delta"], now) if answer else []

    def audio_in_a_row(self, events: Sequence[Json], now: float, data: Sequence[bytes | None]) -> list[Frame]:  # noqa: ARG002
        """Translate several of them that came at once: they are converted together, and go down in one frame."""
        first, *rest = events
        answer = self._speaking(first)
        return answer.audio(first["item_id"], first["delta"], now, [event["delta"] for event in rest]) if answer else []

    def _speaking(self, event: Json) -> Answer | None:
        """Return the response that a piece of audio belongs to, if the client hears its audio."""
        answer, response_id = self._answer, event.get("response_id")
        is_built = isinstance(event.get("item_id"), str) and isinstance(event.get("delta"), str)
        if not is_built or not isinstance(response_id, str):
            text = "Upstream sent a response.output_audio.delta without a response_id, an item_id or a delta."
            raise UpstreamProtocolError("invalid_event", text)
        return answer if answer and response_id == answer.response_id and not answer.is_silenced else None

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
        return self._calls.cancel(call_ids)

    def call_returned(self, call_id: str, output: str) -> list[Frame]:
        """Show the client the result of a call that the proxy made."""
        return self._calls.returned(call_id, output)

    def call_answered(self, call_id: str, output: str) -> list[Frame]:
        """A call's result goes into the conversation: part of its history."""
        return self._calls.answered(call_id, output, keeps_history=self._ear.keeps_history)

    def link_lost(self) -> list[Frame]:
        """The link is gone: what it was saying is over."""
        answer, self._answer = self._answer, None
        self._ear.playback.stop()
        return answer.over() if answer else []

    def _updated(self, event: Json, _now: float) -> list[Frame]:
        value: Any = event
        for name in ("session", "audio", "input", "turn_detection", "interrupt_response"):
            value = value.get(name) if isinstance(value, dict) else None
        self._user_interrupts = value is not False
        return []

    # The agent.

    def _created(self, event: Json, now: float) -> list[Frame]:
        response = event["response"]
        if "conversation_id" in response and response["conversation_id"] is None:
            return []  # out of band
        frames = self._answer.over() if self._answer else []
        frames += self._ear.begin(response)
        self._answer = Answer(response, self._ear, Latencies(now if self._asked is None else self._asked))
        self._asked = None
        return frames

    def _answer_of(self, event: Json) -> Answer | None:
        """Return the response that the event belongs to, if the client hears of it."""
        answer = self._answer
        return answer if answer and event["response_id"] == answer.response_id else None

    def _text_grows(self, event: Json, now: float) -> list[Frame]:
        answer = self._answer_of(event)
        return answer.text_grows(event["item_id"], event["delta"], now) if answer else []

    def _text_done(self, event: Json, now: float) -> list[Frame]:
        answer = self._answer_of(event)
        if not answer:
            return []
        text = event["text"] if event["type"] == "response.output_text.done" else event["transcript"]
        return answer.final_text(event["item_id"], text, now)

    def _item(self, event: Json, now: float) -> list[Frame]:
        """An item may be complete, and hold what no other event said."""
        item, answer = event["item"], self._answer
        role = item.get("role")
        if role == "user":
            return self._written(item)
        if answer and role == "assistant" and item.get("status") != "in_progress":
            return answer.final_text(item["id"], text_of(item), now)
        return []

    def _written(self, item: Json) -> list[Frame]:
        """Tell what the user said in writing; what was spoken is told by its transcription."""
        item_id = item["id"]
        if self._ear.has_heard(item_id):
            return []
        parts = item.get("content") or ()
        text = "".join([part.get("text") or "" for part in parts if part.get("type") == "input_text"])
        return self._ear.hear_item(item_id, text, "user") if text else []

    def _output_item_added(self, event: Json, now: float) -> list[Frame]:
        item = event["item"]
        if item.get("type") != "function_call":
            return []
        answer = self._answer_of(event)
        if not answer or answer.is_silenced:
            return []
        answer.latencies.token("tool", now)
        return [TextFrame(server.agent_thinking(f"Calling {item['name']}."))] if item.get("name") else []

    def _output_item_done(self, event: Json, _now: float) -> list[Frame]:
        item = event["item"]
        if item.get("type") != "function_call" or item.get("status") != "completed" or not self._answer_of(event):
            return []
        frames = self._called(item)
        if complete_arguments(item.get("arguments")) is None:
            name = item.get("name") or "a function"
            text = f"The model called {name} with arguments that are no JSON object; nobody is asked for it."
            frames.append(self._ear.fault("function_call_unreadable", text))
        return frames

    def _arguments_done(self, event: Json, _now: float) -> list[Frame]:
        # Older servers do not give the name here; the item's end does.
        return self._called(event) if self._answer_of(event) else []

    def _called(self, call: Json) -> list[Frame]:
        if not call.get("call_id") or not call.get("name"):
            return []
        return self._calls.request(call["call_id"], call["name"], call.get("arguments"))

    def _done(self, event: Json, now: float) -> list[Frame]:
        response, answer = event["response"], self._answer
        if not answer or response["id"] != answer.response_id:
            return []
        self._answer = None
        stt, self._stt = self._stt, None
        return answer.done(response, stt, now)

    # The user.

    def _speech_started(self, _event: Json, now: float) -> list[Frame]:
        if self._user_interrupts:
            answer = self._answer
            goes_on = answer is not None and answer.has_audio and not answer.is_silenced
            self._cut_off = self._ear.playback.cut_off(now, goes_on=goes_on)
            if answer:
                answer.is_silenced = True
        return [_USER_STARTED_SPEAKING]

    def _speech_stopped(self, event: Json, now: float) -> list[Frame]:
        self._asked, self._stt = now, None
        remember(self._stopped, event["item_id"], now)
        return [_UTTERANCE_END] if self._ear.has_extras else []

    def _committed(self, event: Json, now: float) -> list[Frame]:
        if event["item_id"] not in self._stopped:  # the turn ended here, not at the end of any speech
            self.asked(now)
            remember(self._stopped, event["item_id"], now)
        return []

    def _transcribing(self, event: Json, _now: float) -> list[Frame]:
        text = self._heard.get(event["item_id"], "") + (event.get("delta") or "")
        remember(self._heard, event["item_id"], text)
        return [TextFrame(server.transcript(text, is_final=False))] if self._ear.has_extras else []

    def _transcribed(self, event: Json, now: float) -> list[Frame]:
        self._heard.pop(event["item_id"], None)
        stopped = self._stopped.pop(event["item_id"], None)
        if stopped is not None:
            self._stt = now - stopped
        text = event["transcript"]
        frames: list[Frame] = [TextFrame(server.transcript(text, is_final=True))] if self._ear.has_extras else []
        return frames + self._ear.hear("user", text) if text else frames

    def _transcription_failed(self, event: Json, _now: float) -> list[Frame]:
        self._heard.pop(event["item_id"], None)
        error = event.get("error") or {}
        code = error.get("code") or "transcription_failed"
        return [self._ear.fault(code, error.get("message") or "What the user said could not be transcribed.")]


_TELLERS: dict[str, Callable[[VoiceAgentTranslator, Json, float], list[Frame]]] = {
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
