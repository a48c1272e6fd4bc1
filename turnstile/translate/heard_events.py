"""The events of upstream's that `HeardText` follows, under their current names; audio has a way of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.translate.heard_text import HeardText
from turnstile.translate.response_view import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]

_AUDIO: Final = frozenset({"audio", "output_audio"})
# Statuses of an item and of a response, of which something is missing.
_CUT_SHORT: Final = frozenset({"in_progress", "incomplete", "cancelled", "failed"})


def _item_added(heard: HeardText, event: Json) -> None:
    item = event["item"]
    if item.get("type") == "message" and isinstance(item.get("id"), str):
        heard.begin(item["id"], event["response_id"])


def _transcript_delta(heard: HeardText, event: Json) -> None:
    item_id, piece = event["item_id"], event["delta"]
    item = heard.items.get(item_id) or heard.begin(item_id, event["response_id"])
    if item is not None and piece:
        item.is_spoken = True
        item.add(piece, event.get("content_index"))


def _text_delta(heard: HeardText, event: Json) -> None:
    item_id, piece = event["item_id"], event["delta"]
    item = heard.items.get(item_id) or heard.begin(item_id, event["response_id"])
    if item is not None and piece:
        item.add(piece, event.get("content_index"))


def _transcript_done(heard: HeardText, event: Json) -> None:
    item = heard.begin(event["item_id"], event["response_id"])
    if item is not None:
        item.is_spoken = True
        item.add_whole(event["transcript"], event.get("content_index"))


def _text_done(heard: HeardText, event: Json) -> None:
    item = heard.begin(event["item_id"], event["response_id"])
    if item is not None:
        item.add_whole(event["text"], event.get("content_index"))


def _part_done(heard: HeardText, event: Json) -> None:
    """Take the text of a content part that no other event had."""
    item_id, part = event.get("item_id"), event.get("part")
    item = heard.items.get(item_id) if isinstance(item_id, str) else None
    if item is None or not isinstance(part, dict):
        return
    text = part.get("text") or part.get("transcript")
    if isinstance(text, str):
        item.is_spoken = item.is_spoken or part.get("type") == "audio"
        item.add_whole(text, event.get("content_index"))


def _output_item_done(heard: HeardText, event: Json) -> None:
    if event["item"].get("type") == "message":
        _item_added(heard, event)
        _item_done(heard, event)


def _item_done(heard: HeardText, event: Json) -> None:
    """Take the text of an item that no other event had, and whether it is complete."""
    given = event["item"]
    item = heard.items.get(given["id"]) if isinstance(given.get("id"), str) else None
    if item is None:
        return
    if not item.parts:
        kinds = {part.get("type") for part in given.get("content") or ()}
        item.is_spoken = item.is_spoken or not kinds.isdisjoint(_AUDIO)
        item.add_whole(text_of(given), 0)
    item.is_complete = item.is_complete or given.get("status") not in _CUT_SHORT


def _done(heard: HeardText, event: Json) -> None:
    response = event["response"]
    for given in response.get("output") or ():
        if given.get("id") in heard.items:
            _item_done(heard, {"item": {"status": "incomplete", **given}})
    heard.asides.pop(response["id"], None)
    is_complete = response.get("status") not in _CUT_SHORT
    for item in heard.items.values():
        if item.response_id == response["id"]:
            item.is_open = False
            item.is_complete = item.is_complete or is_complete


def _truncated(heard: HeardText, event: Json) -> None:
    """Cut an item; one that was cut at an unknown moment is forgotten."""
    item_id, end = event.get("item_id"), event.get("audio_end_ms")
    if not isinstance(item_id, str):
        return
    if isinstance(end, int | float) and end >= 0:
        heard.cut(item_id, end)
    else:
        heard.forget(item_id)


FOLLOWED: Final[Mapping[str, Callable[[HeardText, Json], None]]] = {
    "response.created": HeardText.begin_response,
    "response.output_item.added": _item_added,
    "response.output_audio_transcript.delta": _transcript_delta,
    "response.output_text.delta": _text_delta,
    "response.output_audio_transcript.done": _transcript_done,
    "response.output_text.done": _text_done,
    "response.content_part.done": _part_done,
    "response.output_item.done": _output_item_done,
    "conversation.item.done": _item_done,
    "response.done": _done,
    "conversation.item.truncated": _truncated,
}
"""By the type of an event, what follows it; each is given a valid one."""
