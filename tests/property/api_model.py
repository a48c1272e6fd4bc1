"""A model of the Realtime API, small enough to be walked: it takes client events and gives server events, as dicts.

It enforces the API's rules: one response on the default conversation, an update refused whole, results only for calls
that were made, no other voice once audio was spoken. Everything in it is a value, so that a copy is cheap.

A turn that breaks in on a response and the end of that response are two steps, as are the commit of a turn and the
beginning of the API's answer to it: anything may come between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from conversation_model import FIRST_WORD, INPUTS, WHOLE, Known, known, placed

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
        output: The items that it has begun.
    """

    response_id: str
    sees: tuple[str, ...]
    steps: tuple[str, ...]
    mark: str | None = None
    interrupted: bool = False
    output: tuple[str, ...] = ()


@dataclass(frozen=True)
class Api:
    """The server's whole state.

    Args:
        scripts: What the responses to come do: of "call", "audio", "text", and last "done", "failed", "incomplete".
        config: The session.
        conversation: The conversation.
        calls: The function calls in it.
        called: How many calls there were, on every link.
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
        shows_output: The agent's items are in the conversation, and are shown.
        transcribes: Spoken turns are transcribed.
        transcribing: The turns that are not transcribed yet.
        refusal: How many items are restored before one is refused; -1 for none.
        refused: The items that were refused.
        refuses_config: The next update is refused.
        speaking: The user is heard.
        buffered: The input audio that is not committed.
        taken: All input audio that came.
    """

    scripts: tuple[tuple[str, ...], ...] = ()
    config: tuple[tuple[str, object], ...] = ()
    conversation: tuple[Known, ...] = ()
    calls: tuple[str, ...] = ()
    called: int = 0
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
    shows_output: bool = False
    transcribes: bool = False
    transcribing: tuple[str, ...] = ()
    refusal: int = -1
    refused: tuple[str, ...] = ()
    refuses_config: bool = False
    speaking: bool = False
    buffered: tuple[int, ...] = ()
    taken: tuple[int, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        """The items in the conversation that want an answer."""
        return tuple([item.item_id for item in self.conversation if item.kind in INPUTS])

    def empty(self) -> Api:
        """Return the server of another link, whose session has just begun."""
        return replace(
            self,
            config=(),
            conversation=(),
            calls=(),
            running=None,
            finished=(),
            owed=(),
            voice_locked=False,
            aside="",
            transcribing=(),
            refused=(),
            speaking=False,
            buffered=(),
            taken=(),
        )

    def after(self, old: Api, heard: Api) -> Api:
        """Return the server that goes on after `old`, of which the proxy has heard as much as of `heard`."""
        return replace(
            self,
            scripts=old.scripts,
            finished=heard.finished,
            begun=old.begun,
            turns=old.turns,
            called=old.called,
            collisions=old.collisions,
            strangers=old.strangers,
            asides=old.asides,
        )

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
                return replace(self, speaking=False)._commit()
            case "input_audio_buffer.append":
                frame = event["frame"]
                return replace(self, buffered=(*self.buffered, frame), taken=(*self.taken, frame)), []
            case "conversation.item.delete":
                return self._delete(event)
            case "conversation.item.truncate":
                return self._truncate(event)
        raise AssertionError(event)

    def _refuse(self, event: dict, code: str, message: str, param: str | None = None) -> tuple[Api, list[dict]]:
        event_id = event["event_id"] if self.names_errors else None
        error = {"type": "invalid_request_error", "code": code, "message": message, "param": param}
        return self, [{"type": "error", "error": {**error, "event_id": event_id}}]

    def _update(self, event: dict) -> tuple[Api, list[dict]]:
        patch = event["session"]
        if patch.get("bad") or self.refuses_config:
            after = replace(self, refuses_config=False)
            return after._refuse(event, "unknown_parameter", "Unknown parameter: 'session.bad'.", "session.bad")
        if self.refuses_updates and self._is_answering():
            return self._collide(event)
        config = tuple(sorted({**dict(self.config), **patch}.items()))
        return replace(self, config=config), [{"type": "session.updated", "session": dict(config)}]

    def _item(self, event: dict) -> tuple[Api, list[dict]]:
        item = event["item"]
        counted = replace(self, refusal=self.refusal - 1) if event.get("is_restored") and self.refusal >= 0 else self
        after = replace(counted, refused=(*self.refused, item["id"]))
        if counted.refusal < self.refusal == 0:
            return after._refuse_item(event, "The item is not taken.", "item.content")
        if item["type"] == "function_call_output" and item["call_id"] not in self.calls:
            return after._refuse_item(event, "No tool call found.", "item.call_id")
        conversation = placed(self.conversation, known(item), event.get("previous_item_id"))
        if conversation is None:
            return after._refuse_item(event, "No place for the item.", "previous_item_id")
        calls = (*self.calls, item["call_id"]) if item["type"] == "function_call" else self.calls
        after = replace(counted, conversation=conversation, calls=calls)
        return after, after._shown(item["id"])

    def _refuse_item(self, event: dict, message: str, param: str) -> tuple[Api, list[dict]]:
        after, (error,) = self._refuse(event, "invalid_value", message, param)
        return after, [{**error, "truth": event["event_id"]}]

    def _shown(self, item_id: str, *stages: str, status: str = "completed") -> list[dict]:
        """Return the events that show an item: by default those of one that is whole at once."""
        previous_id = None
        for item in self.conversation:
            if item.item_id == item_id:
                break
            previous_id = item.item_id
        shown = {"previous_item_id": previous_id, "item": item.shown(status)}
        return [{"type": f"conversation.item.{stage}", **shown} for stage in stages or ("added", "done")]

    def _delete(self, event: dict) -> tuple[Api, list[dict]]:
        kept = tuple(item for item in self.conversation if item.item_id != event["item_id"])
        if kept == self.conversation:
            return self._refuse(event, "item_delete_invalid_item_id", "No such item.", "item_id")
        after = replace(self, conversation=kept)
        return after, [{"type": "conversation.item.deleted", "item_id": event["item_id"]}]

    def _truncate(self, event: dict) -> tuple[Api, list[dict]]:
        item_id = event["item_id"]
        if item_id not in [item.item_id for item in self.conversation if item.is_audio]:
            return self._refuse(event, "invalid_value", "No audio to cut.", "item_id")
        after = self._with_text(item_id, FIRST_WORD)
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": event["audio_end_ms"]}
        return after, [{"type": "conversation.item.truncated", **cut}]

    def _with_text(self, item_id: str, text: str) -> Api:
        items = [item._replace(text=text) if item.item_id == item_id else item for item in self.conversation]
        return replace(self, conversation=tuple(items))

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
        output = [item for item in self.conversation if item.item_id in self.running.output]
        done = _response("response.done", self.running.response_id, status, None)
        done["response"]["output"] = [
            item.shown("completed" if self._is_whole(item) else "incomplete") for item in output
        ]
        return after, [done]

    @staticmethod
    def _is_whole(item: Known) -> bool:
        return item.kind != "assistant" or item.text == WHOLE

    def _commit(self) -> tuple[Api, list[dict]]:
        turn = Known(f"turn_{self.turns}", "user", None, is_audio=True)
        awaited = (*self.transcribing, turn.item_id) if self.transcribes else ()
        conversation = (*self.conversation, turn)
        after = replace(self, turns=self.turns + 1, conversation=conversation, transcribing=awaited, buffered=())
        committed = {"type": "input_audio_buffer.committed", "item_id": turn.item_id}
        return after, [committed, *after._shown(turn.item_id)]

    def transcribe(self, *, fails: bool = False) -> tuple[Api, list[dict]]:
        """Transcribe the oldest turn that is not yet."""
        turn, *later = self.transcribing
        after, kind = replace(self, transcribing=tuple(later)), "conversation.item.input_audio_transcription"
        if fails:
            return after, [{"type": f"{kind}.failed", "item_id": turn, "content_index": 0, "error": {}}]
        text = f"What was said in {turn}."
        completed = {"type": f"{kind}.completed", "item_id": turn, "content_index": 0, "transcript": text}
        return after._with_text(turn, text), [completed]

    def progress(self) -> tuple[Api, list[dict]]:
        """Let the active response do its next step."""
        assert self.running
        run = self.running
        if run.interrupted and run.steps[:1] != ("created",):
            return self._finish("cancelled")
        step, *rest = run.steps
        after = replace(self, running=replace(run, steps=tuple(rest)))
        of = {"response_id": run.response_id, "output_index": self.called}
        if step == "created":
            metadata = {MARK: run.mark} if run.mark and self.echoes else None
            created = _response("response.created", run.response_id, "in_progress", metadata)
            return after, [{**created, "truth": (run.mark, bool(self.owed))}]
        if step == "call":
            return after._call(of)
        if step in {"audio", "text"}:
            return after._speak(of, step)
        return after._finish({"done": "completed"}.get(step, step))

    def _call(self, of: dict) -> tuple[Api, list[dict]]:
        call_id = f"call_{self.called}"
        call = Known(f"item_{call_id}", "function_call", "{}", call_id)
        after = replace(self, calls=(*self.calls, call_id), called=self.called + 1)
        events: list[dict] = []
        if self.shows_output:
            after, events = after._begun(call, of)
        of = {**of, "item_id": call.item_id}
        complete = {"call_id": call_id, "name": "get", "arguments": "{}"}
        done = {"type": "response.function_call_arguments.done", **of, **complete}
        ended = after._shown(call.item_id, "done") if self.shows_output else []
        return after, [*events, done, *ended, {"type": "response.output_item.done", **of, "item": call.shown()}]

    def _begun(self, item: Known, of: dict) -> tuple[Api, list[dict]]:
        """Begin an item of the active response."""
        assert self.running
        running = replace(self.running, output=(*self.running.output, item.item_id))
        after = replace(self, conversation=(*self.conversation, item), running=running)
        begun = item._replace(text="").shown("in_progress")
        added = {"type": "response.output_item.added", **of, "item": begun}
        shown = after._shown(item.item_id, "added", status="in_progress")
        return after, [added, *({**event, "item": begun} for event in shown)]

    def _speak(self, of: dict, step: str) -> tuple[Api, list[dict]]:
        """Say the beginning of the agent's item, or the rest of it."""
        assert self.running
        item = Known(f"item_{self.running.response_id}", "assistant", FIRST_WORD, is_audio=step == "audio")
        after, events = self, []
        of = {**of, "item_id": item.item_id}
        if self.shows_output and item.item_id not in self.running.output:
            after, events = after._begun(item, of)
        if step == "audio":
            after = replace(after, voice_locked=True)
            return after, [*events, {"type": "response.content_part.added", **of, "part": {"type": "audio"}}]
        done = {"type": "response.output_text.done", **of, "text": WHOLE}
        if not self.shows_output:
            return after, [*events, done]
        after = after._with_text(item.item_id, WHOLE)
        shown = after._shown(item.item_id, "done")
        return after, [*events, done, *shown, {"type": "response.output_item.done", **of, "item": shown[0]["item"]}]

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
            return replace(self, speaking=True), events
        running = replace(self.running, interrupted=True) if self.running else None
        owed = () if self.merges else tuple((sees, True) for sees, _ in self.owed)
        return replace(self, running=running, owed=owed, speaking=True), events

    def silence(self) -> tuple[Api, list[dict]]:
        """The user stops: the turn is committed, and is to be answered if the server does so by itself and can.

        While a response runs that the turn has not interrupted it cannot (API reference, ``interrupt_response``).
        """
        item_id = f"turn_{self.turns}"
        after, committed = replace(self, speaking=False)._commit()
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
