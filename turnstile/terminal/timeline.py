"""A session's journal as a timeline of both connections, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.protocol import jsontext
from turnstile.protocol.safe_text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from turnstile.observability.memory_journal import Entry

_WIDTH = 46
# Events that only repeat what others show.
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
    """Yield the lines of the timeline: the client's frames left, upstream's right, the session between."""
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
    text = f"{arrow.get((entry.wire, entry.direction), '  =')} {entry.kind}{_essence(entry)}"
    if entry.wire == "client":
        text = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
        return f"{text:<{_WIDTH}} |"
    return f"{'':<{_WIDTH}} | {text}"


def _note(entry: Entry) -> str:
    ref, _, rest = entry.detail.partition(" ")
    match entry.kind:
        case "held":
            refs, reason = held(entry)
            waits, _, which = reason.partition(" ")
            return f"{_requests(refs)} held: {waits} {_short_id(which) if waits == 'response' else which}".rstrip()
        case "released":
            return f"request {ref} may go"
        case "merged":
            return f"one session.update for {rest.replace(' ', ', ')}"
        case "collided":
            return f"{ref} collided ({rest})"
        case _:
            return f"{entry.kind} {entry.detail}".strip()


def held(entry: Entry) -> tuple[list[str], str]:
    """Return the requests of a note about held ones, and the reason why they are."""
    refs = [word for word in entry.detail.split() if word.startswith("#")]
    return refs, entry.detail.split(maxsplit=len(refs))[-1]


def _requests(refs: list[str]) -> str:
    return f"request {refs[0]} is" if len(refs) == 1 else f"requests {', '.join(refs)} are"


def _essence(entry: Entry) -> str:
    """Return the most useful field of a frame; nothing of a malformed one."""
    if entry.direction == "note" or entry.kind == "closed":
        return f" {entry.detail}"
    try:
        words = _words(entry.kind, jsontext.loads_any(entry.detail))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f" {words}" if words else ""


def _words(kind: str, value: dict[str, Any]) -> str:
    match kind:
        case "InjectUserMessage" | "ConversationText":
            return f'"{_one_line(value["content"])}"'
        case "UpdatePrompt":
            return f'"{_one_line(value["prompt"])}"'
        case "session.update":
            return _short(value["session"])
        case "response.created":
            return _short_id(value["response"]["id"])
        case "response.done":
            return f"{_short_id(value['response']['id'])} {value['response']['status']}"
        case "response.create":
            return str(value["event_id"])
        case "error":
            return str(value["error"]["code"])
        case "Error" | "Warning":
            return str(value["code"])
        case _:
            return ""


def _short_id(response_id: str) -> str:
    """Return the end of the API's long name for a response."""
    return f"...{response_id[-4:]}" if response_id.startswith("resp_") else response_id


def _one_line(text: str) -> str:
    return on_one_line(" ".join(text.split()))


def _short(session: dict[str, Any]) -> str:
    names = [name for name in _leaves(session) if name != "type"]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")  # noqa: PLR2004 - as many as fit


def _leaves(value: dict[str, Any]) -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, dict) and name in {"audio", "input", "output"}:
            yield from _leaves(inner)
        else:
            yield name
