"""The responses of a session: when they may begin, how they run, and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.simulator import api_errors
from turnstile.simulator.conversation_items import client_item
from turnstile.simulator.echo import echo
from turnstile.simulator.log import BrokenRule, ResponseRecord
from turnstile.simulator.quirks import with_half_emoji, with_odd_output, without_fixed
from turnstile.simulator.response_events import Response
from turnstile.simulator.settings import check_reasoning, is_reasoning
from turnstile.simulator.turn_input import response_settings, turn_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.simulator.context import SessionContext
    from turnstile.simulator.conversation_items import Item
    from turnstile.simulator.log import Origin
    from turnstile.simulator.replies import Reply, Turn

Json = dict[str, Any]

TOKEN_LIMIT: Final = 40_000
_LONGEST_SILENCE: Final = 2.0
_MOST_OUT_OF_BAND: Final = 100  # The API's own bound is not known.
_MOST_ANSWERED: Final = 10_000


class ResponseEngine:
    """Runs the responses of one session: one at a time in the conversation, and any number out of band.

    Args:
        context: The parts that the session shares.
    """

    on_done: Callable[[Response], None]
    """Called with each response of the conversation when it has ended."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._active: Response | None = None
        self._silenced: Response | None = None
        self._out_of_band: dict[str, Response] = {}
        self._answered: set[str] = set()
        self._tokens_left = TOKEN_LIMIT
        self._done = 0
        self.has_spoken = False
        """Whether assistant audio is in the conversation."""

    @property
    def active(self) -> Response | None:
        """The response of the conversation that is in progress, from its acceptance until its `response.done`."""
        return self._active

    @property
    def is_busy(self) -> bool:
        """Whether any response is in progress."""
        return self._active is not None or bool(self._out_of_band)

    def create(self, params: Json) -> None:
        """Begin a response that the client asked for.

        Args:
            params: The event's `response`; it fits the schema.

        Raises:
            ApiError: A response is in progress, or the parameters do not fit the session.
        """
        session = self._context.session
        if session["type"] == "transcription":
            raise api_errors.no_responses()
        params = without_fixed(params, self._context.quirks.in_force)
        check_reasoning(params, reasoning=is_reasoning(session["model"]))
        voice = params.get("audio", {}).get("output", {}).get("voice", session["audio"]["output"]["voice"])
        out_of_band = params.get("conversation") == "none"
        items = self._input_items(params)
        if out_of_band:
            if len(self._out_of_band) >= _MOST_OUT_OF_BAND:
                raise api_errors.too_many_responses(_MOST_OUT_OF_BAND)
        else:
            if self._active is not None:
                raise api_errors.collision(self._active.id)
            if self.has_spoken and voice != session["audio"]["output"]["voice"]:
                raise api_errors.voice_locked()
        self._begin("client", params, items, out_of_band=out_of_band)

    def respond(self, origin: Origin) -> None:
        """Begin a response by the server's own decision, unless one is in progress that goes on."""
        if self._active is None or self._active.is_done:
            self._begin(origin, {}, list(self._context.conversation.items), out_of_band=False)

    def cancel(self, response_id: str | None) -> None:
        """Cancel a response as the client asked; without an id the one of the conversation.

        Raises:
            ApiError: It is not in progress, or was not announced yet.
        """
        running = self._active if response_id is None else self._running(response_id)
        if running is not None and not running.is_announced and self._context.faults.early_cancel_unanswered:
            return
        if running is None or running.is_done or not running.is_announced:
            raise api_errors.nothing_to_cancel()
        outbox = self._context.outbox
        if outbox.pace.cancel:
            outbox.schedule(outbox.now + outbox.pace.cancel, lambda: self._cut(running, "client_cancelled"))
        else:
            self._cut(running, "client_cancelled")

    def interrupt(self, reason: str = "turn_detected") -> None:
        """Cancel the conversation's response on the server's side, because of the user's speech or a fault."""
        if self._active is not None:
            self._cut(self._active, reason)

    def forget(self) -> None:
        """Forget the responses in progress: the link has ended."""
        self._active = self._silenced = None
        self._out_of_band.clear()

    def silence(self) -> None:
        """Stop the output of the conversation's response; it stays in progress for two seconds at most."""
        silenced = self._silenced = self._active
        if silenced is not None:
            outbox = self._context.outbox
            outbox.schedule(outbox.now + _LONGEST_SILENCE, lambda: self._cut(silenced, "turn_detected"))

    def end_silenced(self) -> None:
        """Cancel the response that `silence` stopped, if it is still in progress."""
        silenced, self._silenced = self._silenced, None
        if silenced is not None:
            self._cut(silenced, "turn_detected")

    def _running(self, response_id: str) -> Response | None:
        if self._active is not None and self._active.id == response_id:
            return self._active
        return self._out_of_band.get(response_id)

    def _input_items(self, params: Json) -> list[Item]:
        conversation = self._context.conversation
        if "input" not in params:
            return list(conversation.items)
        return [
            conversation.referenced(spec["id"], f"response.input[{index}].id")
            if spec["type"] == "item_reference"
            else client_item(spec, spec.get("id") or self._context.ids.make("item"))
            for index, spec in enumerate(params["input"])
        ]

    def _begin(self, origin: Origin, params: Json, items: list[Item], *, out_of_band: bool) -> None:
        context = self._context
        settings = response_settings(context.session, params)
        record = ResponseRecord(
            context.ids.make("resp"),
            context.log.responses_begun + 1,
            origin,
            not out_of_band,
            params.get("metadata"),
            context.session,
            tuple(item.id for item in items),
        )
        instructions = context.session["instructions"]
        reply = self._reply(turn_of(items, self._answered, settings, instructions, params.get("instructions")))
        context.log.note_response(record, reply.text or "")
        response = Response(
            record,
            settings,
            reply,
            conversation=None if out_of_band else context.conversation,
            input_items=items,
            ids=context.ids,
            random=context.random,
            faults=context.faults,
            interleaved=context.interleaved,
        )
        if out_of_band:
            self._out_of_band[response.id] = response
        else:
            self._active = response
        outbox = context.outbox
        first = outbox.pace.first * outbox.jitter() + context.faults.slow + context.quirks.created_delay
        outbox.schedule(outbox.last_answer_time + first, lambda: self._go_on(response))

    def _reply(self, turn: Turn) -> Reply:
        """Return the scenario's reply to a turn; an echo, and a broken rule, for a turn that no step expects."""
        context = self._context
        reply = context.run.answer(turn)
        context.log.unreached = context.run.unreached()
        if reply is None:
            context.log.note_broken(BrokenRule("unexpected_turn", f"No step expects {turn!r}.", None, None))
            reply = echo(turn)
        return with_half_emoji(reply) if context.quirks.half_emoji else reply

    def _go_on(self, response: Response) -> None:
        """Send the next event of a response, and schedule the one after it."""
        if response.is_done or response is self._silenced:
            return
        outbox = self._context.outbox
        event = response.next_event()
        if event is None:
            if response.record.number not in self._context.faults.hung:
                self._note_answered(response)
                self._end(response, response.done())
            return
        outbox.send(event)
        if event["type"] == "response.output_audio.delta" and response.record.in_conversation:
            self.has_spoken = True
        outbox.schedule(outbox.now + outbox.pace.step * outbox.jitter(), lambda: self._go_on(response))

    def _cut(self, response: Response, reason: str) -> None:
        """Close the open items of a response; it stays in progress until its `response.done` leaves."""
        if response.is_done:
            return
        outbox = self._context.outbox
        self._note_answered(response)
        *events, done = response.cut(reason)
        for event in events:
            outbox.answer(event)
        outbox.answer_with(lambda: self._end(response, done))

    def _note_answered(self, response: Response) -> None:
        """Note the items that a response has answered; one without output has answered none."""
        if response.has_output:
            self._answered.update(response.record.seen)
            if len(self._answered) > _MOST_ANSWERED:
                self._answered &= {item.id for item in self._context.conversation.items}

    def _end(self, response: Response, done: Json) -> None:
        context = self._context
        response.record.ended = context.session
        if response is self._active:
            self._active = None
        else:
            self._out_of_band.pop(response.id, None)
        self._tokens_left = max(0, self._tokens_left - done["response"]["usage"]["total_tokens"])
        if response.record.number not in context.faults.lost_done:
            context.outbox.send(with_odd_output(done, context.quirks.odd_output))
            if response.has_output:
                context.outbox.send({"type": "rate_limits.updated", "rate_limits": [self._rate_limit()]})
        self._done += 1
        if self._done == context.faults.disconnect_after_responses:
            context.outbox.close(context.faults.disconnect_code)
        if response.record.in_conversation:
            self.on_done(response)

    def _rate_limit(self) -> Json:
        used = TOKEN_LIMIT - self._tokens_left
        reset = round(used * 60 / TOKEN_LIMIT, 3)
        return {"name": "tokens", "limit": TOKEN_LIMIT, "remaining": self._tokens_left, "reset_seconds": reset}
