"""A session's journal as a timeline of both wires, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from turnstile.observability.journal import Entry

_WIDTH = 46
# Events that would only repeat what others show.
_QUIET = frozenset(
    {
        "conversation.item.done",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_audio.done",
        "response.output_audio_transcript.delta",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
    }
)


def render(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the lines of the timeline: the client's wire left, upstream's right, the session between."""
    yield f"{'ms':>6}  {'client':<{_WIDTH}} | upstream"
    yield f"{'':->6}--{'':-<{_WIDTH}}-|-{'':-<{_WIDTH}}"
    began: float | None = None
    for entry in entries:
        if entry.kind in _QUIET:
            continue
        began = entry.at if began is None else began
        yield f"{(entry.at - began) * 1000:6.0f}  {_line(entry)}".rstrip()


def _line(entry: Entry) -> str:
    if entry.wire == "session":
        return f"{'':<{_WIDTH}} = {_note(entry)}"
    arrow = {("client", "in"): "-->", ("client", "out"): "<--", ("upstream", "out"): "-->", ("upstream", "in"): "<--"}
    text = f"{arrow.get((entry.wire, entry.direction), ' = ')} {entry.kind}{_essence(entry)}"
    if entry.wire == "client":
        return f"{text[:_WIDTH]:<{_WIDTH}} |"
    return f"{'':<{_WIDTH}} | {text}"


def _note(entry: Entry) -> str:
    ref, _, rest = entry.detail.partition(" ")
    match entry.kind:
        case "held":
            return f"request {ref} is held: {rest}"
        case "released":
            return f"request {ref} may go"
        case "merged":
            return f"one session.update for {rest.replace(' ', ', ')}"
        case "collided":
            return f"{ref} collided ({rest})"
        case _:
            return f"{entry.kind} {entry.detail}".strip()


def _essence(entry: Entry) -> str:
    """Return the one thing of a frame that people look for."""
    try:
        value: dict[str, Any] = orjson.loads(entry.detail)
    except orjson.JSONDecodeError:
        return ""
    match entry.kind:
        case "InjectUserMessage" | "ConversationText":
            return f' "{value["content"]}"'
        case "UpdatePrompt":
            return f' "{value["prompt"]}"'
        case "session.update":
            return f" {_short(value['session'])}"
        case "response.created" | "response.done":
            response = value["response"]
            status = "" if entry.kind == "response.created" else f" {response['status']}"
            return f" ...{response['id'][-4:]}{status}"
        case "response.create":
            return f" {value['event_id']}"
        case "error":
            return f" {value['error']['code']}"
        case "Error" | "Warning":
            return f" {value['code']}"
        case _:
            return ""


def _short(session: dict[str, Any]) -> str:
    names = [name for name in _leaves(session) if name != "type"]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")  # noqa: PLR2004 - as many as fit


def _leaves(value: dict[str, Any]) -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, dict) and name in {"audio", "input", "output"}:
            yield from (f"{leaf}" for leaf in _leaves(inner))
        else:
            yield name
