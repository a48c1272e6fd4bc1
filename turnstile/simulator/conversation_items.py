"""The items of a conversation, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from turnstile.session.memory_size import memory_size
from turnstile.simulator import api_errors
from turnstile.simulator.log import ReceivedItem

Json = dict[str, Any]

ROOT: Final = "root"
# The API drops the oldest items from what its model sees; here they are forgotten, so that no client fills the memory.
_MOST_ITEMS: Final = 2000
_MOST_BYTES: Final = 4 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Item:
    """One item, as the API keeps it.

    Args:
        view: The item as clients see it, in the API's form and order of keys.
        by_model: Whether the model made it.
        spoken: The words of a voice item; the transcript in its view stays null.
        audio_ms: Length of the assistant's audio in it, in milliseconds.
    """

    view: Json
    by_model: bool = False
    spoken: str | None = None
    audio_ms: float = 0.0

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.view["id"])

    @property
    def type(self) -> str:
        """``message``, ``function_call`` or ``function_call_output``."""
        return str(self.view["type"])

    @property
    def text(self) -> str:
        """Its text, transcript, arguments or output."""
        if self.spoken is not None:
            return self.spoken
        if self.type == "message":
            parts = (part.get("text") or part.get("transcript") for part in self.view["content"])
            return " ".join(part for part in parts if part)
        return str(self.view["output" if self.type == "function_call_output" else "arguments"])

    @property
    def as_received(self) -> ReceivedItem:
        """The item in short, as the log has it."""
        kind = self.type if self.spoken is None else "voice"
        return ReceivedItem(self.id, kind, self.view.get("role"), self.text, self.view.get("call_id"))

    @property
    def is_models(self) -> bool:
        """Whether it is the model's kind: made by it, or put by the client in its place."""
        return self.type == "function_call" or self.view.get("role") == "assistant"

    @property
    def is_users(self) -> bool:
        """Whether it is a message of the user."""
        return self.view.get("role") == "user"


def client_item(spec: Json, item_id: str) -> Item:
    """Make an item of the client's, as the API shows it: audio is left out.

    Args:
        spec: The `item` of `conversation.item.create`, or an entry of a response's `input`; it fits the schema.
        item_id: Its id.
    """
    head = {"id": item_id, "type": spec["type"]}
    if spec["type"] == "function_call_output":
        return Item({**head, "call_id": spec["call_id"], "output": spec["output"]})
    head["status"] = spec.get("status", "completed")
    if spec["type"] == "function_call":
        call_id = spec.get("call_id", f"call_{item_id}")
        return Item({**head, "name": spec["name"], "call_id": call_id, "arguments": spec["arguments"]})
    parts = [_shown(part) for part in spec["content"]]
    return Item({**head, "role": spec["role"], "content": parts})


def voice_item(item_id: str, spoken: str) -> Item:
    """Make the item of a committed voice turn; `spoken` are its words."""
    content = [{"type": "input_audio", "transcript": None}]
    view = {"id": item_id, "type": "message", "status": "completed", "role": "user", "content": content}
    return Item(view, spoken=spoken)


def _shown(part: Json) -> Json:
    if part["type"] == "input_audio":
        return {"type": "input_audio", "transcript": part.get("transcript")}
    return dict(part)


class Conversation:
    """The default conversation of a session.

    Args:
        conversation_id: Its id.
    """

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self.items: list[Item] = []
        self._by_id: dict[str, Item] = {}
        self._sizes: dict[str, int] = {}
        self.bytes = 0
        """The bytes of its items."""

    def check_new(self, spec: Json, previous: str | None) -> None:
        """Check whether an item of the client can be added.

        Args:
            spec: The item as the client gave it; it fits the schema.
            previous: The id of the item before it, ``root`` for the front, None for the end.

        Raises:
            ApiError: Another item has its id, the item before it is unknown, or its call is not open.
        """
        if spec.get("id") in self._by_id:
            raise api_errors.duplicate_item(spec["id"])
        if previous not in {None, ROOT} and previous not in self._by_id:
            raise api_errors.item_not_found(str(previous), "previous_item_id")
        if spec["type"] == "function_call_output" and not self._is_open(spec["call_id"]):
            raise api_errors.unknown_call(spec["call_id"])

    def add(self, item: Item, previous: str | None = None) -> str | None:
        """Add an item, and return the id of the one before it.

        Args:
            item: A new item.
            previous: The id of the item before it, ``root`` for the front, None for the end.
        """
        if previous is None:
            index = len(self.items)
        else:
            index = 0 if previous == ROOT else self.items.index(self._by_id[previous]) + 1
        self.items.insert(index, item)
        self._by_id[item.id] = item
        before = self._before(index)
        self._sizes[item.id] = size = memory_size(item.view, item.spoken)
        self.bytes += size
        while len(self.items) > 1 and (len(self.items) > _MOST_ITEMS or self.bytes > _MOST_BYTES):
            oldest = self.items[0] if self.items[0] is not item else self.items[1]
            self._remove(oldest)
        return before

    def previous_when_done(self, item: Item) -> str | None:
        """Return the id of the previous item for `conversation.item.done`.

        The API gives null for an item of the model that is second in the conversation (seen in every recording).
        """
        if item.id not in self._by_id:
            return None
        index = self.items.index(item)
        return None if item.by_model and index == 1 else self._before(index)

    def find(self, item_id: str, action: str) -> Item:
        """Return an item by its id.

        Raises:
            ApiError: There is none; `action` (``retrieve``, ``truncate``, ``delete``) gives the error its name.
        """
        try:
            return self._by_id[item_id]
        except KeyError:
            raise api_errors.unknown_item(action, item_id) from None

    def referenced(self, item_id: str, path: str) -> Item:
        """Return an item that a response's `input` refers to.

        Raises:
            ApiError: There is none.
        """
        if item_id not in self._by_id:
            raise api_errors.item_not_found(item_id, path)
        return self._by_id[item_id]

    def delete(self, item_id: str) -> None:
        """Remove an item: its id may be given again, as clients of the API do, and a call without its output is open.

        Raises:
            ApiError: There is none.
        """
        self._remove(self.find(item_id, "delete"))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut the assistant's audio to its played part, and drop its transcript.

        Raises:
            ApiError: It has no audio of the model, or less than that.
        """
        item = self.find(item_id, "truncate")
        content = item.view.get("content") or []
        is_audio = content_index < len(content) and content[content_index]["type"] == "output_audio"
        if not is_audio or not item.audio_ms:
            raise api_errors.not_truncatable()
        if audio_end_ms > item.audio_ms:
            raise api_errors.truncated_beyond(int(item.audio_ms), audio_end_ms)
        item.audio_ms = audio_end_ms
        content[content_index]["transcript"] = None

    def _remove(self, item: Item) -> None:
        self.items.remove(item)
        del self._by_id[item.id]
        self.bytes -= self._sizes.pop(item.id)

    def _before(self, index: int) -> str | None:
        return self.items[index - 1].id if index else None

    def _is_open(self, call_id: str) -> bool:
        return [item.type for item in self.items if item.view.get("call_id") == call_id] == ["function_call"]
