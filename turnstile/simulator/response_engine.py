"""The responses of a session: which may begin, how they run, how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.simulator import api_errors
from turnstile.simulator.conversation_items import client_item
from turnstile.simulator.echo import converse
from turnstile.simulator.log import BrokenRule, ResponseRecord
from turnstile.simulator.quirks import with_half_emoji, with_odd_output, without_fixed
from turnstile.simulator.replies import Turn
from turnstile.simulator.response_events import Response
from turnstile.simulator.settings import check_reasoning, is_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from turnstile.simulator.context import Desk
    from turnstile.simulator.conversation_items import Item
    from turnstile.simulator.log import Origin
    from turnstile.simulator.replies import Kind

Json = dict[str, Any]

TOKEN_LIMIT: Final = 40_000
_LONGEST_SILENCE: Final = 2.0
_OVERRIDES: Final = ("output_modalities", "instructions", "tools", "tool_choice", "max_output_tokens", "prompt")


class Speaking:
    """Runs the responses of one session: one at a time in the conversation, and any number out of band.

    Args:
        desk: What the parts of a session share.
    """

    on_done: Callable[[Response], None]
    """Told each response of the conversation when it has ended."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._active: Response | None = None
        self._silenced: Response | None = None
        self._beside: dict[str, Response] = {}
        self._answered: set[str] = set()
        self._tokens_left = TOKEN_LIMIT
        self._done = 0
        self.has_spoken = False

    @property
    def active(self) -> Response | None:
        """The response of the conversation that is in progress, from its acceptance until its `response.done`."""
        return self._active

    @property
    def is_busy(self) -> bool:
        """Whether any response is in progress."""
        return self._active is not None or bool(self._beside)

    def create(self, params: Json) -> None:
        """Begin a response that the client asked for.

        Args:
            params: The event's `response`; it fits the schema.

        Raises:
            Refusal: A response is in progress, or the parameters do not fit the session.
        """
        session = self._desk.session
        if session["type"] == "transcription":
            raise api_errors.no_responses()
        params = without_fixed(params, self._desk.quirks.in_force)
        check_reasoning(params, reasoning=is_reasoning(session["model"]))
        voice = params.get("audio", {}).get("output", {}).get("voice", session["audio"]["output"]["voice"])
        beside = params.get("conversation") == "none"
        heard = self._context(params)
        if not beside:
            if self._active is not None:
                raise api_errors.collision(self._active.id)
            if self.has_spoken and voice != session["audio"]["output"]["voice"]:
                raise api_errors.voice_locked()
        self._begin("client", params, heard, beside=beside)

    def respond(self, origin: Origin) -> None:
        """Begin a response by the server's own decision; none while one is in progress that goes on."""
        if self._active is None or self._active.is_done:
            self._begin(origin, {}, list(self._desk.conversation.items), beside=False)

    def cancel(self, response_id: str | None) -> None:
        """Cancel a response as the client asked; without an id the one of the conversation.

        Raises:
            Refusal: It is not in progress, or was not announced yet.
        """
        running = self._active if response_id is None else self._running(response_id)
        if running is not None and not running.is_announced and self._desk.faults.early_cancel_unanswered:
            return
        if running is None or running.is_done or not running.is_announced:
            raise api_errors.nothing_to_cancel()
        wire = self._desk.wire
        if wire.pace.cancel:
            wire.at(wire.now + wire.pace.cancel, lambda: self._cut(running, "client_cancelled"))
        else:
            self._cut(running, "client_cancelled")

    def interrupt(self, reason: str = "turn_detected") -> None:
        """Cancel the response of the conversation without having been asked to: the user speaks, or a fault."""
        if self._active is not None:
            self._cut(self._active, reason)

    def silence(self) -> None:
        """Have the response of the conversation say no more; it stays in progress for two seconds at most."""
        silenced = self._silenced = self._active
        if silenced is not None:
            wire = self._desk.wire
            wire.at(wire.now + _LONGEST_SILENCE, lambda: self._cut(silenced, "turn_detected"))

    def end_silenced(self) -> None:
        """Interrupt the response that `silence` made say no more, if it is still in progress."""
        silenced, self._silenced = self._silenced, None
        if silenced is not None:
            self._cut(silenced, "turn_detected")

    def _running(self, response_id: str) -> Response | None:
        if self._active is not None and self._active.id == response_id:
            return self._active
        return self._beside.get(response_id)

    def _context(self, params: Json) -> list[Item]:
        conversation = self._desk.conversation
        if "input" not in params:
            return list(conversation.items)
        return [
            conversation.referenced(spec["id"], f"response.input[{index}].id")
            if spec["type"] == "item_reference"
            else client_item(spec, spec.get("id") or self._desk.ids.make("item"))
            for index, spec in enumerate(params["input"])
        ]

    def _begin(self, origin: Origin, params: Json, heard: list[Item], *, beside: bool) -> None:
        desk = self._desk
        settings = _effective(desk.session, params)
        record = ResponseRecord(
            desk.ids.make("resp"),
            len(desk.log.responses) + 1,
            origin,
            not beside,
            params.get("metadata"),
            desk.session,
            tuple(item.id for item in heard),
        )
        desk.log.responses.append(record)
        turn = turn_of(heard, self._answered, settings, desk.session["instructions"], params.get("instructions"))
        reply = desk.run.answer(turn)
        desk.log.unreached = desk.run.unreached()
        if reply is None:
            desk.log.note_broken(BrokenRule("unexpected_turn", f"No step expects {turn!r}.", None, None))
            reply = converse(turn)
        if desk.quirks.half_emoji:
            reply = with_half_emoji(reply)
        response = Response(
            record,
            settings,
            reply,
            conversation=None if beside else desk.conversation,
            heard=heard,
            ids=desk.ids,
            random=desk.random,
            faults=desk.faults,
            interleaved=desk.interleaved,
        )
        if beside:
            self._beside[response.id] = response
        else:
            self._active = response
        first = desk.wire.pace.first * desk.wire.wobble() + desk.faults.slow + desk.quirks.created_delay
        desk.wire.at(desk.wire.answers_until + first, lambda: self._go_on(response))

    def _go_on(self, response: Response) -> None:
        """Send the next event of a response, and come back for the one after it."""
        if response.is_done or response is self._silenced:
            return
        wire = self._desk.wire
        event = response.next_event()
        if event is None:
            if response.record.number not in self._desk.faults.hung:
                self._note_answered(response)
                self._end(response, response.done())
            return
        wire.send(event)
        if event["type"] == "response.output_audio.delta" and response.record.in_conversation:
            self.has_spoken = True
        wire.at(wire.now + wire.pace.step * wire.wobble(), lambda: self._go_on(response))

    def _cut(self, response: Response, reason: str) -> None:
        """Close what was begun; the response stays in progress until its `response.done` leaves."""
        if response.is_done:
            return
        wire = self._desk.wire
        self._note_answered(response)
        *events, done = response.cut(reason)
        for event in events:
            wire.answer(event)
        wire.answer_with(lambda: self._end(response, done))

    def _note_answered(self, response: Response) -> None:
        """Note what a response has answered; one that said nothing has answered nothing."""
        if response.has_output:
            self._answered.update(response.record.seen)

    def _end(self, response: Response, done: Json) -> None:
        desk = self._desk
        response.record.ended = desk.session
        if response is self._active:
            self._active = None
        else:
            self._beside.pop(response.id, None)
        self._tokens_left = max(0, self._tokens_left - done["response"]["usage"]["total_tokens"])
        if response.record.number not in desk.faults.lost_done:
            desk.wire.send(with_odd_output(done, desk.quirks.odd_output))
            if response.has_output:
                desk.wire.send({"type": "rate_limits.updated", "rate_limits": [self._rate_limit()]})
        self._done += 1
        if self._done == desk.faults.disconnect_after_responses:
            desk.wire.close(desk.faults.disconnect_code, "disconnected on demand")
        if response.record.in_conversation:
            self.on_done(response)

    def _rate_limit(self) -> Json:
        used = TOKEN_LIMIT - self._tokens_left
        reset = round(used * 60 / TOKEN_LIMIT, 3)
        return {"name": "tokens", "limit": TOKEN_LIMIT, "remaining": self._tokens_left, "reset_seconds": reset}


def _effective(session: Json, params: Json) -> Json:
    output = params.get("audio", {}).get("output", {})
    audio = {**session["audio"], "output": {**session["audio"]["output"], **output}}
    return {**session, **{name: params[name] for name in _OVERRIDES if name in params}, "audio": audio}


def turn_of(
    heard: Sequence[Item],
    answered: Collection[str],
    settings: Json,
    session_instructions: str,
    instructions: str | None,
) -> Turn:
    """Say what a response is asked to answer.

    Args:
        heard: The items that it is made from, in their order.
        answered: The ids of those that an earlier response has answered.
        settings: The session object with the response's own parameters put over it.
        session_instructions: The session's instructions.
        instructions: The response's own; None when it has none.
    """
    fresh = [item for item in heard if item.id not in answered and not item.by_model]
    said = [item for item in fresh if item.is_users]
    outputs = [item for item in fresh if item.type == "function_call_output"]
    last = next((item for item in reversed(fresh) if item in said or item in outputs), None)
    names = {item.view["call_id"]: item.view["name"] for item in heard if item.type == "function_call"}
    return Turn(
        _kind(last),
        " ".join(item.text for item in said or [item for item in heard if item.is_users][-1:]),
        tuple((names.get(item.view["call_id"], "a function"), item.text) for item in outputs),
        session_instructions,
        instructions,
        settings["tools"],
        settings["tool_choice"],
    )


def _kind(last: Item | None) -> Kind:
    if last is None:
        return "none"
    if last.type == "function_call_output":
        return "output"
    return "text" if last.heard is None else "audio"
