"""The conversation of the model API: its items, in order, as a client may see, add, cut and delete them."""

from __future__ import annotations

from typing import NamedTuple

# What a response begins with, and what follows: what is heard of an item that is cut is the first word, or nothing.
FIRST_WORD = "So"
WHOLE = "So it is."
INPUTS = frozenset({"user", "function_call_output"})


class Known(NamedTuple):
    """An item of the conversation.

    Args:
        item_id: Its id.
        kind: "user", "system", "assistant", "function_call" or "function_call_output".
        text: What it says; None for a spoken turn without transcript.
        call_id: The call that it is, or that it answers.
        is_audio: It was spoken.
    """

    item_id: str
    kind: str
    text: str | None = ""
    call_id: str = ""
    is_audio: bool = False

    def shown(self, status: str = "completed") -> dict:
        """Return the item as the API shows it."""
        head = {"id": self.item_id, "object": "realtime.item", "status": status}
        if self.kind == "function_call":
            call = {"call_id": self.call_id, "name": "get", "arguments": self.text}
            return {**head, "type": "function_call", **call}
        if self.kind == "function_call_output":
            return {**head, "type": "function_call_output", "call_id": self.call_id, "output": self.text}
        side = "output" if self.kind == "assistant" else "input"
        if self.is_audio:
            part = {"type": f"{side}_audio", "transcript": self.text}
        else:
            part = {"type": f"{side}_text", "text": self.text}
        content = [] if self.kind == "assistant" and not self.text else [part]
        return {**head, "type": "message", "role": self.kind, "content": content}


def known(item: dict) -> Known:
    """Return an item that a client creates: no assistant audio is taken, and text only as its role gives it."""
    match item:
        case {"type": "function_call"}:
            return Known(item["id"], "function_call", item["arguments"], item["call_id"])
        case {"type": "function_call_output"}:
            return Known(item["id"], "function_call_output", item["output"], item["call_id"])
        case {"type": "message", "role": role, "content": parts}:
            part = "output_text" if role == "assistant" else "input_text"
            if [one["type"] for one in parts] != [part] * len(parts):
                raise AssertionError(item)
            return Known(item["id"], role, "".join(one["text"] for one in parts))
    raise AssertionError(item)


def placed(conversation: tuple[Known, ...], item: Known, previous_id: str | None) -> tuple[Known, ...] | None:
    """Return the conversation with an item in its place: at the end, if none is named; None where it has no place."""
    names = [one.item_id for one in conversation]
    if item.item_id in names or previous_id not in {None, "root", *names}:
        return None
    place = len(names) if previous_id is None else 0 if previous_id == "root" else names.index(previous_id) + 1
    return (*conversation[:place], item, *conversation[place:])
