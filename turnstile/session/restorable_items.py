"""Conversion of conversation items, as upstream shows them or as they were sent, to what another link takes.

The API takes no assistant audio: what the agent said goes as the text of it (API reference,
``conversation.item.create``). What the user said goes as its transcript.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson

from turnstile.protocol import jsontext
from turnstile.session.conversation import ENTRY_BYTES, Entry

if TYPE_CHECKING:
    from turnstile.session.client_requests import Json
    from turnstile.session.conversation import Kind, Missing

    Content = tuple[bytes, Missing]

_ROLES: dict[object, Kind] = {"user": "user", "assistant": "assistant", "system": "system"}
_IMAGE = "input_image"
# The parts that have no text while they are not transcribed; the last is the beta's.
_AUDIO = frozenset({"input_audio", "output_audio", "audio"})


def entry_of(item_id: str, item: Json, limit: int) -> Entry | None:
    """Return the entry of an item; None for one of another kind than the record keeps.

    An item that upstream has only begun has nothing to restore yet.

    Args:
        item_id: Its name.
        item: The item, under the current names or the beta's; only texts and images are taken from it.
        limit: How many bytes its entry may take.
    """
    kind, call_id = item.get("type"), item.get("call_id")
    is_begun = item.get("status") == "in_progress"
    if kind == "message" and (role := _ROLES.get(_text(item.get("role")))):
        content: Content = (b"", "") if is_begun else _shown_message(role, item, limit)
        return Entry(item_id, role, content[0], missing=content[1])
    if kind == "function_call" and isinstance(call_id, str):
        name, arguments = _text(item.get("name")), _text(item.get("arguments"))
        if is_begun or name is None or arguments is None:
            return Entry(item_id, "function_call", call_id=call_id)
        return call_entry(item_id, call_id, name, arguments, limit)
    if kind == "function_call_output" and isinstance(call_id, str):
        output = {"type": kind, "call_id": call_id, "output": _text(item.get("output")) or ""}
        data, missing = _fitting(output, limit)
        return Entry(item_id, "function_call_output", data, call_id, missing=missing)
    return None


def call_entry(item_id: str, call_id: str, name: str, arguments: str, limit: int) -> Entry:
    """Return the entry of a complete function call; ``""`` for its arguments is written as an empty object.

    A call to which upstream gave no id is named after `call_id`, which is as unique.
    """
    call = {"type": "function_call", "name": name, "call_id": call_id, "arguments": arguments or "{}"}
    data, missing = _fitting(call, limit)
    return Entry(item_id or call_id, "function_call", data, call_id, missing=missing)


def heard_message(text: str, limit: int) -> Content:
    """Return the agent's message with the text that was heard of it; b"" for none."""
    return _message("assistant", [{"type": "output_text", "text": text}] if text else [], limit)


def transcribed_message(item: bytes, transcript: str, limit: int) -> Content:
    """Return the user's message with the transcript behind what else is in it; b"" where there is nothing."""
    parts = orjson.loads(item)["content"] if item else []
    return _message("user", [*parts, {"type": "input_text", "text": transcript}] if transcript else parts, limit)


def without_audio(item: Json) -> Json:
    """Return an item without its audio data; itself where it has none."""
    content = item.get("content") or ()
    for part in content:
        if "audio" in part:
            break
    else:
        return item
    return {**item, "content": [{name: part[name] for name in part if name != "audio"} for part in content]}


def _shown_message(kind: Kind, item: Json, limit: int) -> Content:
    """Return a message with its texts and images; what is missing of it besides."""
    parts: list[Json] = []
    missing: Missing = ""
    content = item.get("content")
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            continue
        text = _text(part.get("text"))
        text = _text(part.get("transcript")) if text is None else text
        if text:
            parts.append({"type": "output_text" if kind == "assistant" else "input_text", "text": text})
        elif part.get("type") == _IMAGE:
            if isinstance(part.get("image_url"), str):
                parts.append({name: part[name] for name in ("type", "image_url", "detail") if name in part})
            else:
                missing = "image"
        elif text is None and _text(part.get("type")) in _AUDIO:
            missing = "audio"
    data, too_large = _message(kind, parts, limit)
    return data, missing or too_large


def _message(kind: Kind, parts: list[Json], limit: int) -> Content:
    """Return a message that fits: without its images, or nothing of it, where it is too large."""
    if not parts:
        return b"", ""
    content = _fitting({"type": "message", "role": kind, "content": parts}, limit)
    if not content[1]:
        return content
    texts = [part for part in parts if part["type"] != _IMAGE]
    if len(texts) == len(parts):
        return content
    data, missing = _message(kind, texts, limit)
    return data, missing or "image"


def _fitting(item: Json, limit: int) -> Content:
    """Return JSON, with U+FFFD for each half of a character, which UTF-8 does not have; nothing if it is too large."""
    try:
        data = orjson.dumps(item)
    except orjson.JSONEncodeError:
        data = orjson.dumps(jsontext.loads(json.dumps(item)))
    return (b"", "size") if len(data) + ENTRY_BYTES > limit else (data, "")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
