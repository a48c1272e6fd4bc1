"""The client events of a session: each is checked, and then applied or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.simulator import api_errors, lone_surrogates, settings
from turnstile.simulator.api_errors import ApiError
from turnstile.simulator.beta import in_beta_words, in_current_words
from turnstile.simulator.conversation_items import client_item
from turnstile.simulator.log import BrokenRule
from turnstile.simulator.nulls import absent_marked, without_absent
from turnstile.simulator.quirks import rewritten, without_fixed
from turnstile.simulator.schema import check_event

if TYPE_CHECKING:
    from turnstile.simulator.context import SessionContext
    from turnstile.simulator.input_buffer import InputBuffer
    from turnstile.simulator.response_engine import ResponseEngine

Json = dict[str, Any]


class ClientEvents:
    """Applies the client events of one session, or answers them with an error.

    Args:
        context: The parts that the session shares.
        responses: The session's responses.
        input_buffer: The session's input audio.
        is_beta: The client speaks the beta protocol, and is refused the current one.
    """

    def __init__(
        self, context: SessionContext, responses: ResponseEngine, input_buffer: InputBuffer, *, is_beta: bool
    ) -> None:
        self._context = context
        self._responses = responses
        self._input_buffer = input_buffer
        self._is_beta = is_beta

    def take(self, event: Any) -> None:
        """Apply one client event, or answer it with an error.

        Args:
            event: The JSON value of a text frame.
        """
        kind = event_id = None
        if isinstance(event, dict):
            kind, event_id = _string(event.get("type")), _string(event.get("event_id"))
        try:
            current = in_current_words(event) if self._is_beta else event
        except ApiError as newer:
            self.refuse(newer, kind, event_id)
            return
        try:
            kind = check_event(current)
            if not self._is_refused_on_demand(kind, event_id):
                self._apply(kind, without_absent(absent_marked(current)))
        except ApiError as error:
            self.refuse(in_beta_words(error) if self._is_beta else error, kind, event_id)

    def refuse(self, error: ApiError, kind: str | None, event_id: str | None, *, injected: bool = False) -> None:
        """Answer an event with an error, and log the broken rule.

        Args:
            error: The error.
            kind: The event's type; None when it had none.
            event_id: The event's id; None when it had none.
            injected: Whether a fault refuses it, not a rule.
        """
        context = self._context
        context.log.note_broken(BrokenRule(error.code, error.message, kind, event_id, injected))
        late = context.faults.late_empty_commit if error.code == api_errors.COMMIT_EMPTY else 0.0
        context.outbox.refuse(error, event_id, late)

    def show_session(self, kind: str) -> None:
        """Send the session object in an event of type `kind`."""
        shown = settings.shown(self._context.session)
        if self._context.quirks.rewritten_session:
            shown = rewritten(shown)
        self._context.outbox.answer({"type": kind, "session": shown})

    def _is_refused_on_demand(self, kind: str, event_id: str | None) -> bool:
        """Count the event, and refuse it if a fault is set for it."""
        received = self._context.log.received
        received[kind] = received.get(kind, 0) + 1
        fault = self._context.faults.refusal(kind, received[kind])
        if fault is None:
            return False
        error = ApiError(fault.code, fault.message, type=fault.type, echoes=fault.echoes)
        self.refuse(error, kind, event_id, injected=True)
        return True

    def _apply(self, kind: str, event: Json) -> None:
        running = self._responses.active
        if running is not None and kind in self._context.quirks.refused_mid_response:
            raise api_errors.collision(running.id)
        match kind:
            case "input_audio_buffer.append":
                self._input_buffer.append(event["audio"])
            case "input_audio_buffer.commit":
                self._input_buffer.commit()
            case "input_audio_buffer.clear":
                self._input_buffer.clear()
            case "session.update":
                self._update(event["session"])
            case "response.create":
                self._responses.create(event.get("response") or {})
            case "response.cancel":
                self._responses.cancel(event.get("response_id"))
            case "conversation.item.create":
                self._add_item(event["item"], event.get("previous_item_id"))
            case _:
                self._change_item(kind, event["item_id"], event)

    def _update(self, patch: Json) -> None:
        context = self._context
        context.session = settings.updated(
            context.session,
            without_fixed(patch, context.quirks.in_force),
            spoken=self._responses.has_spoken,
            busy=self._responses.is_busy,
        )
        context.log.note_update(patch, len(lone_surrogates.dumps(context.session)))
        self._input_buffer.apply_update()
        if context.log.updates_applied not in context.faults.lost_updated:
            self.show_session("session.updated")
        if context.faults.update_cuts_speech:
            self._responses.interrupt("client_cancelled")

    def _add_item(self, spec: Json, previous_item_id: str | None) -> None:
        context = self._context
        if context.quirks.own_item_ids:
            spec = {name: value for name, value in spec.items() if name != "id"}
        context.conversation.check_new(spec, previous_item_id)
        item = client_item(spec, spec.get("id") or context.ids.make("item"))
        previous = context.conversation.add(item, previous_item_id)
        context.log.note_item(item.as_received)
        context.outbox.answer_item_added(previous, item.view)

    def _change_item(self, kind: str, item_id: str, event: Json) -> None:
        conversation, outbox = self._context.conversation, self._context.outbox
        match kind:
            case "conversation.item.delete":
                conversation.delete(item_id)
                outbox.answer({"type": "conversation.item.deleted", "item_id": item_id})
            case "conversation.item.retrieve":
                item = conversation.find(item_id, "retrieve")
                outbox.answer({"type": "conversation.item.retrieved", "item": item.view})
            case _:
                place = {name: event[name] for name in ("content_index", "audio_end_ms")}
                conversation.truncate(item_id, **place)
                outbox.answer({"type": "conversation.item.truncated", "item_id": item_id, **place})


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None
