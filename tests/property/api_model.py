"""A model of the Realtime API, small enough to be walked: it takes client events and gives server events, as dicts.

It enforces the API's rules: one response on the default conversation, an update refused whole, results only for calls
that were made, no other voice once audio was spoken. Everything in it is a value, so that a copy is cheap.

A turn that breaks in on a response and the end of that response are two steps, as are the commit of a turn and the
beginning of the API's answer to it: anything may come between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from turnstile.protocol.realtime import MARK

COLLISION = "conversation_already_has_active_response"


@dataclass(frozen=True)
class Running:
    """The active response, from its acceptance on; ``response.created`` is its first step.

    Args:
        response_id: Its id.
        sees: The items in the conversation when it was accepted.
        steps: What it still does.
        mark: The create that it answers.
        interrupted: The user broke in on it: its next step after ``response.created`` is its end.
    """

    response_id: str
    sees: tuple[str, ...]
    steps: tuple[str, ...]
    mark: str | None = None
    interrupted: bool = False


@dataclass(frozen=True)
class Api:
    """The server's whole state.

    Args:
        scripts: What the responses to come do: of "call", "audio", "text", and last "done", "failed", "incomplete".
        config: The session.
        items: The conversation.
        finished: For each response that ended: its id, how, and what it had seen.
        collisions: How many creates and updates were refused for another response.
        names_errors: Errors carry the event id that they refuse.
        auto: Turns are answered (``create_response``).
        interrupts: Turns cut responses off (``interrupt_response``).
        echoes: Responses show the metadata of their create.
        gives_way: A create that comes before the answer to a turn has begun takes its place, instead of being refused.
        refuses_updates: Updates are refused while a response is active, as creates are.
        merges: A turn that follows before the answer to the one before has begun is answered with it; the answer waits
            for its end where turns interrupt.
        owed: For each turn whose answer has not begun: the items that it will have seen, and whether the user has
            broken in on it.
        strangers: How many responses somebody else has begun.
        aside: The response out of band that runs.
        asides: How many of them have begun.
    """

    scripts: tuple[tuple[str, ...], ...] = ()
    config: tuple[tuple[str, object], ...] = ()
    items: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    running: Running | None = None
    finished: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    begun: int = 0
    turns: int = 0
    collisions: int = 0
    names_errors: bool = True
    auto: bool = True
    interrupts: bool = True
    echoes: bool = True
    gives_way: bool = False
    refuses_updates: bool = False
    merges: bool = False
    owed: tuple[tuple[tuple[str, ...], bool], ...] = ()
    voice_locked: bool = False
    strangers: int = 0
    aside: str = ""
    asides: int = 0

    def take(self, event: dict) -> tuple[Api, list[dict]]:
        """Process one client event; returns the state after it and what is sent back."""
        match event["type"]:
            case "session.update":
                return self._update(event)
            case "conversation.item.create":
                return self._item(event)
            case "response.create":
                return self._create(event)
            case "response.cancel":
                return self._cancel(event)
            case "input_audio_buffer.commit":
                return self._commit()
        raise AssertionError(event)

    def _refuse(self, event: dict, code: str, message: str, param: str | None = None) -> tuple[Api, list[dict]]:
        event_id = event["event_id"] if self.names_errors else None
        error = {"type": "invalid_request_error", "code": code, "message": message, "param": param}
        return self, [{"type": "error", "error": {**error, "event_id": event_id}}]

    def _update(self, event: dict) -> tuple[Api, list[dict]]:
        patch = event["session"]
        if patch.get("bad"):
            return self._refuse(event, "unknown_parameter", "Unknown parameter: 'session.bad'.", "session.bad")
        if self.refuses_updates and self._is_answering():
            return self._collide(event)
        config = tuple(sorted({**dict(self.config), **patch}.items()))
        return replace(self, config=config), [{"type": "session.updated", "session": dict(config)}]

    def _item(self, event: dict) -> tuple[Api, list[dict]]:
        item = event["item"]
        if item["type"] == "function_call_output" and item["call_id"] not in self.calls:
            return self._refuse(event, "invalid_value", "No tool call found.", "item.call_id")
        return self._added(item["id"], item)

    def _added(self, item_id: str, item: dict) -> tuple[Api, list[dict]]:
        after = replace(self, items=(*self.items, item_id))
        item = {**item, "id": item_id}
        return after, [{"type": f"conversation.item.{stage}", "item": item} for stage in ("added", "done")]

    def _create(self, event: dict) -> tuple[Api, list[dict]]:
        if self._is_answering():
            return self._collide(event)
        return replace(self, owed=())._begin(self.items, event["event_id"]), []

    def _is_answering(self) -> bool:
        """The answer to a turn is active before it is announced."""
        return self.running is not None or (bool(self.owed) and not self.gives_way)

    def _collide(self, event: dict) -> tuple[Api, list[dict]]:
        winner = self.running.response_id if self.running else f"resp_{self.begun}"
        text = f"Conversation already has an active response in progress: {winner}."
        after, events = self._refuse(event, COLLISION, text)
        return replace(after, collisions=self.collisions + 1), events

    def _begin(self, sees: tuple[str, ...], mark: str | None = None) -> Api:
        steps = self.scripts[0] if self.scripts else ("text", "done")
        running = Running(f"resp_{self.begun}", sees, ("created", *steps), mark)
        return replace(self, scripts=self.scripts[1:], running=running, begun=self.begun + 1)

    def answer(self) -> tuple[Api, list[dict]]:
        """Begin the answer to the oldest turn; it has seen what was there when the turn was committed."""
        (sees, interrupted), *later = self.owed
        after = replace(self, owed=tuple(later))._begin(sees)
        return replace(after, running=replace(after.running, interrupted=interrupted)), []

    def _cancel(self, event: dict) -> tuple[Api, list[dict]]:
        if not self.running or self.running.response_id != event["response_id"]:
            return self._refuse(event, "response_cancel_not_active", "Cancellation failed: no active response found")
        return self._finish("cancelled")

    def _finish(self, status: str) -> tuple[Api, list[dict]]:
        assert self.running
        if self.running.steps[:1] == ("created",):
            announced, events = replace(self, running=replace(self.running, interrupted=False)).progress()
            after, done = announced._finish(status)
            return after, [*events, *done]
        ended = (self.running.response_id, status, self.running.sees)
        after = replace(self, running=None, finished=(*self.finished, ended))
        return after, [_response("response.done", self.running.response_id, status, None)]

    def _commit(self) -> tuple[Api, list[dict]]:
        item_id = f"turn_{self.turns}"
        after, events = replace(self, turns=self.turns + 1)._added(item_id, {"type": "message"})
        return after, [{"type": "input_audio_buffer.committed", "item_id": item_id}, *events]

    def progress(self) -> tuple[Api, list[dict]]:
        """Let the active response do its next step."""
        assert self.running
        run = self.running
        if run.interrupted and run.steps[:1] != ("created",):
            return self._finish("cancelled")
        step, *rest = run.steps
        after = replace(self, running=replace(run, steps=tuple(rest)))
        of = {"response_id": run.response_id, "output_index": len(self.calls), "item_id": f"item_{run.response_id}"}
        if step == "created":
            metadata = {MARK: run.mark} if run.mark and self.echoes else None
            created = _response("response.created", run.response_id, "in_progress", metadata)
            return after, [{**created, "truth": (run.mark, bool(self.owed))}]
        if step == "call":
            call_id = f"call_{len(self.calls)}"
            after = replace(after, calls=(*self.calls, call_id))
            done = {
                "type": "response.function_call_arguments.done",
                **of,
                "call_id": call_id,
                "name": "get",
                "arguments": "{}",
            }
            item = {"type": "function_call", "status": "completed", "call_id": call_id, "name": "get"}
            return after, [done, {"type": "response.output_item.done", **of, "item": item}]
        if step == "audio":
            after = replace(after, voice_locked=True)
            return after, [{"type": "response.content_part.added", **of, "part": {"type": "audio"}}]
        if step == "text":
            return after, [{"type": "response.output_text.done", **of, "text": "So."}]
        return after._finish({"done": "completed"}.get(step, step))

    def stranger(self) -> tuple[Api, list[dict]]:
        """Somebody else begins a response in the same session."""
        return replace(self, strangers=self.strangers + 1)._begin(self.items, f"stranger_{self.strangers}"), []

    def begin_aside(self) -> tuple[Api, list[dict]]:
        """Begin a response out of band, beside whatever runs in the conversation."""
        after = replace(self, aside=f"aside_{self.asides}", asides=self.asides + 1)
        return after, [_response("response.created", after.aside, "in_progress", None, conversation=None)]

    def end_aside(self) -> tuple[Api, list[dict]]:
        """End it."""
        done = _response("response.done", self.aside, "completed", None, conversation=None)
        return replace(self, aside=""), [done]

    def speech(self) -> tuple[Api, list[dict]]:
        """The user begins to speak; breaks in on the active response, which ends in a step of its own."""
        events = [{"type": "input_audio_buffer.speech_started", "item_id": f"turn_{self.turns}"}]
        if not self.interrupts:
            return self, events
        running = replace(self.running, interrupted=True) if self.running else None
        owed = () if self.merges else tuple((sees, True) for sees, _ in self.owed)
        return replace(self, running=running, owed=owed), events

    def silence(self) -> tuple[Api, list[dict]]:
        """The user stops: the turn is committed, and is to be answered if the server does so by itself and can.

        While a response runs that the turn has not interrupted it cannot (API reference, ``interrupt_response``).
        """
        item_id = f"turn_{self.turns}"
        after, committed = self._commit()
        stopped = {"type": "input_audio_buffer.speech_stopped", "item_id": item_id}
        if self.auto and self._can_answer():
            owed = () if self.merges else self.owed
            after = replace(after, owed=(*owed, (after.items, False)))
        return after, [stopped, *committed]

    def _can_answer(self) -> bool:
        if self.running:
            return self.running.interrupted
        return self.merges or all(interrupted for _, interrupted in self.owed)


def _response(
    kind: str, response_id: str, status: str, metadata: dict | None, conversation: str | None = "conv"
) -> dict:
    response = {"id": response_id, "status": status, "conversation_id": conversation, "metadata": metadata}
    return {"type": kind, "response": response}


def foreign_done(response_id: str = "resp_foreign") -> dict:
    """The end of a response that is not the one in progress, such as one said twice."""
    return _response("response.done", response_id, "completed", None)
