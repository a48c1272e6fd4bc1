"""Translation of the Realtime API's events to a Voice Agent client's messages, each once and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.shapes import valid_event
from turnstile.protocol.voice_agent import server
from turnstile.translate.call_messages import CallMessages
from turnstile.translate.client_output import ClientOutput
from turnstile.translate.latency import ResponseLatency
from turnstile.translate.response_view import ResponseView, text_of
from turnstile.translate.translator import Translator
from turnstile.translate.user_turns import USER_HANDLERS, UserTurns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from turnstile.audio.formats import AudioFormat
    from turnstile.protocol.frames import Frame
    from turnstile.protocol.voice_agent.profile import Profile

Json = dict[str, Any]

_USER_STARTED_SPEAKING: Final = TextFrame(server.user_started_speaking())


class VoiceAgentTranslator(Translator):
    """The translator for one Voice Agent client.

    Args:
        profile: The client's profile.
    """

    def __init__(self, profile: Profile) -> None:
        self._output = ClientOutput(profile)
        self._user = UserTurns(self._output)
        self._calls = CallMessages(self._output)
        self._view: ResponseView | None = None
        # Whether the API cuts its response off when the user speaks (its default).
        self._user_interrupts = True
        self._truncations: tuple[tuple[str, int], ...] = ()

    @property
    def kept_bytes(self) -> int:
        """The bytes kept between events, about."""
        view = self._view.kept_bytes if self._view else 0
        return view + self._user.kept_bytes + self._calls.kept_bytes + self._output.sent_items.kept_bytes

    def configure_output(self, output: AudioFormat, container: str, *, keeps_history: bool) -> None:
        """Set the client's audio format, its container (``none`` or ``wav``), and whether it also gets `History`."""
        self._output.configure(output, container, keeps_history=keeps_history)

    def set_upstream_format(self, shown: object) -> None:
        """Set upstream's audio format, as its session shows it."""
        self._output.set_upstream_format(shown)

    def set_proxy_functions(self, names: Collection[str]) -> None:
        """Set the names of the functions that the proxy calls; the client calls all others."""
        self._calls.set_proxy_functions(names)

    def translate(
        self,
        event: Json,
        now: float,
        data: bytes | None = None,  # noqa: ARG002 - only for translators that forward it
        *,
        is_valid: bool = False,
    ) -> list[Frame]:
        """Return the frames of one server event."""
        kind = event["type"]
        handler = self._HANDLERS.get(kind)
        if handler is not None:
            return handler(self, event if is_valid else valid_event(event), now)
        if kind in USER_HANDLERS:
            return USER_HANDLERS[kind](self._user, event if is_valid else valid_event(event), now)
        return []

    def audio(self, event: Json, now: float, data: bytes | None = None) -> list[Frame]:  # noqa: ARG002
        """Translate one ``response.output_audio.delta``: the hot path, without the table."""
        view = self._audio_view(event)
        return view.audio(event["item_id"], event["delta"], now) if view else []

    def audio_batch(self, events: Sequence[Json], now: float, data: Sequence[bytes | None]) -> list[Frame]:  # noqa: ARG002
        """Translate several of them that arrived together: convert them at once, and return one frame."""
        first, *rest = events
        view = self._audio_view(first)
        return view.audio(first["item_id"], first["delta"], now, [event["delta"] for event in rest]) if view else []

    def _audio_view(self, event: Json) -> ResponseView | None:
        """Return the response of a piece of audio, if the client is sent its audio."""
        view, response_id = self._view, event.get("response_id")
        is_valid = isinstance(event.get("item_id"), str) and isinstance(event.get("delta"), str)
        if not is_valid or not isinstance(response_id, str):
            text = "Upstream sent a response.output_audio.delta without a response_id, an item_id or a delta."
            raise UpstreamProtocolError("invalid_event", text)
        return view if view and response_id == view.response_id and not view.is_muted else None

    def take_truncations(self) -> tuple[tuple[str, int], ...]:
        """Return, once, the items that a barge-in cut off, with the milliseconds played of each."""
        truncations, self._truncations = self._truncations, ()
        return truncations

    @property
    def played_until(self) -> float:
        """When the client has played what it was sent, by the estimate that truncates at a barge-in."""
        return self._output.playback.ends

    def start_latency(self, now: float) -> None:
        """Count the next response's latencies from `now`, unless an earlier turn or request still waits for it."""
        if self._user.ended_at is None:
            self._user.ended_at = now

    def mute(self, response_id: str) -> None:
        """Send no more audio of a response that is being cancelled."""
        if self._view and self._view.response_id == response_id:
            self._view.is_muted = True

    def cancel_calls(self, call_ids: tuple[str, ...]) -> list[Frame]:
        """Return the message that these calls need no result; calls that were not sent to the client are left out."""
        return self._calls.cancel(call_ids)

    def show_call_result(self, call_id: str, output: str) -> list[Frame]:
        """Return the message with the result of a call that the proxy made."""
        return self._calls.show_result(call_id, output)

    def close_call(self, call_id: str, output: str) -> list[Frame]:
        """Close a call whose result goes upstream; return its `History`."""
        return self._calls.close(call_id, output)

    def restored(self, item_ids: Iterable[str]) -> None:
        """Show no text of these items again: the client has it from an earlier link."""
        for item_id in item_ids:
            self._output.sent_items.remember(item_id, None)

    def link_lost(self) -> list[Frame]:
        """Return the end of the response that the lost link cut off; the client still plays what it has of it."""
        view, self._view = self._view, None
        return view.abandon() if view else []

    def _updated(self, event: Json, _now: float) -> list[Frame]:
        value: Any = event
        for name in ("session", "audio", "input", "turn_detection", "interrupt_response"):
            value = value.get(name) if isinstance(value, dict) else None
        self._user_interrupts = value is not False
        return []

    # The agent.

    def _created(self, event: Json, now: float) -> list[Frame]:
        response, user = event["response"], self._user
        if "conversation_id" in response and response["conversation_id"] is None:
            return []  # out of band
        frames = self._view.abandon() if self._view else []
        frames += self._output.begin_response(response)
        latency = ResponseLatency(now if user.ended_at is None else user.ended_at)
        self._view = ResponseView(response, self._output, latency)
        user.ended_at = None
        return frames

    def _view_of(self, event: Json) -> ResponseView | None:
        """Return the response of an event, if it is shown to the client."""
        view = self._view
        return view if view and event["response_id"] == view.response_id else None

    def _text_delta(self, event: Json, now: float) -> list[Frame]:
        view = self._view_of(event)
        return view.text_delta(event["item_id"], event["delta"], now) if view else []

    def _text_done(self, event: Json, now: float) -> list[Frame]:
        view = self._view_of(event)
        if not view:
            return []
        text = event["text"] if event["type"] == "response.output_text.done" else event["transcript"]
        return view.final_text(event["item_id"], text, now)

    def _item(self, event: Json, now: float) -> list[Frame]:
        """Show the text of an item that is complete, if no other event had it."""
        item, view = event["item"], self._view
        role = item.get("role")
        if role == "user":
            return self._user.written(item)
        if view and role == "assistant" and item.get("status") != "in_progress":
            return view.final_text(item["id"], text_of(item), now)
        return []

    def _output_item_added(self, event: Json, now: float) -> list[Frame]:
        item = event["item"]
        if item.get("type") != "function_call":
            return []
        view = self._view_of(event)
        if not view or view.is_muted:
            return []
        view.latency.token("tool", now)
        return [TextFrame(server.agent_thinking(f"Calling {item['name']}."))] if item.get("name") else []

    def _output_item_done(self, event: Json, _now: float) -> list[Frame]:
        item = event["item"]
        if item.get("type") != "function_call" or item.get("status") != "completed" or not self._view_of(event):
            return []
        return self._calls.item_done(item)

    def _arguments_done(self, event: Json, _now: float) -> list[Frame]:
        # Older servers do not give the name here; the item's end does.
        return self._calls.request(event) if self._view_of(event) else []

    def _done(self, event: Json, now: float) -> list[Frame]:
        response, view, user = event["response"], self._view, self._user
        if not view or response["id"] != view.response_id:
            return []
        self._view = None
        transcription, user.transcription = user.transcription, None
        return view.done(response, transcription, now)

    # The user; what `UserTurns` reads is not here.

    def _speech_started(self, _event: Json, now: float) -> list[Frame]:
        if self._user_interrupts:
            view = self._view
            is_unfinished = view is not None and view.has_audio and not view.is_muted
            self._truncations = self._output.playback.interrupt(now, is_unfinished=is_unfinished)
            if view:
                view.is_muted = True
        return [_USER_STARTED_SPEAKING]

    _HANDLERS: ClassVar[Mapping[str, Callable[[VoiceAgentTranslator, Json, float], list[Frame]]]] = {
        "response.created": _created,
        "response.output_audio.delta": audio,
        "response.output_audio_transcript.delta": _text_delta,
        "response.output_text.delta": _text_delta,
        "response.output_audio_transcript.done": _text_done,
        "response.output_text.done": _text_done,
        "conversation.item.added": _item,
        "conversation.item.created": _item,
        "conversation.item.done": _item,
        "response.output_item.added": _output_item_added,
        "response.output_item.done": _output_item_done,
        "response.function_call_arguments.done": _arguments_done,
        "response.done": _done,
        "session.updated": _updated,
        "input_audio_buffer.speech_started": _speech_started,
    }
