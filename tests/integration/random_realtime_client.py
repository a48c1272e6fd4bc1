"""A seeded Realtime client, which does what comes to its mind, and judges what became of it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import continuity
from seeded_client import WEATHER, SeededClient

if TYPE_CHECKING:
    from collections.abc import Callable

# What a client is told of a loss: the error names what was lost.
LOSS = "server_error"


class RandomRealtimeClient(SeededClient):
    """One Realtime session."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.url = self.url.replace("/openai", "/v1/realtime?model=gpt-realtime")
        self.creates = 0
        self.ids: list[str] = []
        self.retrieved = 0
        self.added: Counter = Counter()
        self.dones: list[str] = []
        self.running: set[str] = set()
        self.calling: set[str] = set()
        self.fulfilled = 0
        self.told = set()

    @property
    def actions(self) -> list[Callable[[], object]]:
        """What may come to its mind."""
        return [self._prompt, self._message, self._message, self._weather, self._retrieve, self._delete, self.answer]

    def configure(self) -> None:
        """Begin the session."""
        self._update(tools=[{"type": "function", **WEATHER}], output_modalities=["text"])

    def _update(self, **fields) -> None:
        instructions = "\n\n".join(self.prompts)
        self.send("session.update", session={"type": "realtime", "instructions": instructions, **fields})

    def _prompt(self) -> None:
        self.prompts.append(f"Rule {len(self.prompts)}.")
        self._update()

    def _message(self, text: str = "Hi") -> None:
        self.texts.append(f"{text} {len(self.texts)}")
        self.ids.append(f"item_{len(self.ids)}")
        content = [{"type": "input_text", "text": self.texts[-1]}]
        item = {"id": self.ids[-1], "type": "message", "role": "user", "content": content}
        self.send("conversation.item.create", item=item)
        self._create()

    def _create(self) -> None:
        self.creates += 1
        self.send("response.create")

    def _weather(self) -> None:
        self._message("What is the weather?")

    def _retrieve(self) -> None:
        known = [item_id for item_id in self.ids if item_id not in self.deleted]
        if known:
            self.retrieved += 1
            self.send("conversation.item.retrieve", item_id=self.chance.choice(known))

    def _delete(self) -> None:
        known = [number for number, item_id in enumerate(self.ids) if item_id not in self.deleted]
        if known and self.chance.random() < 0.3:
            number = self.chance.choice(known)
            self.deleted.append(self.ids[number])
            self.send("conversation.item.delete", item_id=self.ids[number])

    def answer(self) -> None:
        """Answer an open call, if there is one."""
        if self.open_calls:
            call_id = self.open_calls.pop(self.chance.randrange(len(self.open_calls)))
            self.results.append(call_id)
            item = {"type": "function_call_output", "call_id": call_id, "output": "hail"}
            self.send("conversation.item.create", item=item)
            self._create()

    def take(self, frame: str | bytes) -> None:
        """Take what the proxy sends."""
        event = json.loads(frame)
        kind = event["type"]
        self.heard[kind] += 1
        if kind == "conversation.item.added":
            self.added[event["item"]["id"]] += 1
        elif kind == "response.created":
            self.running.add(event["response"]["id"])
        elif kind == "response.function_call_arguments.done":
            self._take_call(event)
        elif kind == "response.done":
            self._take_done(event["response"])
        elif kind == "error":
            error = event["error"]
            self.verdict.counts[f"errors: {error['type']}, {error['code']}"] += 1
            if error["type"] != LOSS:
                self.fault(f"told: {error}")

    def _take_done(self, response) -> None:
        if response["id"] not in self.running:
            self.fault(f"a response ended that did not begin: {response['id']}")
        self.running.discard(response["id"])
        self.dones.append(response["status"])
        if response["status"] == "completed":
            self.told.add(response["id"])
        self.fulfilled += response["status"] == "completed" or response["id"] in self.calling

    def _take_call(self, event) -> None:
        """Take a call that is complete; a response that dies behind it is not given again: the result's is."""
        self.calling.add(event["response_id"])
        self.open_calls.append(event["call_id"])

    def unrest(self) -> str:
        """Say what has not come to its end yet."""
        if self.heard["session.updated"] < len(self.prompts):
            return "an update without an answer"
        if self.open_calls:
            return "a call is open"
        if self.running or self.fulfilled < self.creates:
            return f"{self.creates} creates, {self.dones}, {len(self.running)} running"
        if self.heard["conversation.item.deleted"] < len(self.deleted):
            return "a deletion without an answer"
        if self.heard["conversation.item.retrieved"] < self.retrieved:
            return "a retrieval without an answer"
        links = self.links.used
        if not links:
            return "no upstream session"
        missing = continuity.result_faults(links, self.results) + continuity.message_faults(links, self._texts_kept())
        return "; ".join(missing)

    def _texts_kept(self) -> list[str]:
        return [text for text, item_id in zip(self.texts, self.ids, strict=True) if item_id not in self.deleted]

    def judge(self) -> None:
        """Find what broke the promise."""
        links, heard = self.used, self.heard
        self.texts = self._texts_kept()
        wanted = {
            "session.created": 1,
            "session.updated": len(self.prompts),
            "conversation.item.deleted": len(self.deleted),
            "conversation.item.retrieved": self.retrieved,
        }
        for kind, count in wanted.items():
            if heard[kind] != count:
                self.fault(f"{heard[kind]} {kind}, not {count}")
        if self.fulfilled != self.creates:
            self.fault(f"{self.creates} creates, but {Counter(self.dones)}")
        for item_id, count in self.added.items():
            if count > 1:
                self.fault(f"{item_id} was added {count} times")
        for item_id in self.ids:
            if not self.added[item_id]:
                self.fault(f"{item_id} was not added")
        if links:
            self.judge_links(links)
            self.verdict.faults += continuity.collision_faults(links)
            known = {item.id for item in links[-1].conversation}
            self.verdict.faults += [f"{item_id} came back" for item_id in self.deleted if item_id in known]
