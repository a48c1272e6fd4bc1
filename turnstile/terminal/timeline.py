"""A session's journal as a timeline of both connections, in milliseconds: of its lines, live or recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.protocol.safe_text import on_one_line
from turnstile.terminal.line_values import code_of, kind_of, members, short_id, text_of, why_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from turnstile.terminal.line_values import Json

_WIDTH: Final = 46
_WIDEST: Final = 120  # of what stands right of the client's column
_ARROWS: Final = {
    ("client", "in"): "-->",
    ("client", "out"): "<--",
    ("upstream", "out"): "-->",
    ("upstream", "in"): "<--",
}
# Events that only repeat what others show; so does every delta, and a client's audio is shown where it goes upstream.
_QUIET: Final = frozenset(
    {
        "conversation.item.done",
        "input_audio_buffer.append",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_audio.done",
    }
)
_DELTA: Final = ".delta"
# What a frame shows without its content, the first that it has.
_TELLING: Final = ("code", "response_id", "call_id", "item_id", "event_id")
_FIELDS_SHOWN: Final = 4


def render(lines: Iterable[Json]) -> Iterator[str]:
    """Yield the rows of the timeline: the client's frames left, upstream's right, the session between.

    Args:
        lines: The journal's lines, as they are recorded; those of a file are put in the order of their times.
    """
    yield from columns()
    for line in sorted(lines, key=lambda line: line.get("at", 0.0)):
        yield from rows(line)


def columns() -> Iterator[str]:
    """Yield the two rows above a timeline."""
    yield f"{'ms':>6}  {'client':<{_WIDTH}} | upstream"
    yield f"{'':->6}--{'':-<{_WIDTH}}-|-{'':-<{_WIDTH}}"


def rows(line: Json) -> Iterator[str]:
    """Yield the rows of one line of the journal, most often one or none."""
    moment = f"{line.get('at', 0.0) * 1000:6.0f}  "
    if "wire" in line:
        kind = line.get("type", "")
        if kind not in _QUIET and not kind.endswith(_DELTA):
            yield f"{moment}{_on_wire(line)}".rstrip()
        return
    for note in _notes(line):
        yield f"{moment}{'':<{_WIDTH}} = {_cut(on_one_line(note), _WIDEST)}".rstrip()


def _on_wire(line: Json) -> str:
    link = f"link {line['link']}: " if line.get("link", 0) > 1 else ""
    arrow = _ARROWS.get((line["wire"], line.get("way", "in")), "  =")
    if "note" in line:
        arrow = "-->" if line["note"] == "closed" and line["wire"] == "client" else "  ="
        said = f"{line['note']} {line.get('detail', '')}"
    elif "audio" in line:
        until = line["until"] if "until" in line else line["at"]
        said = f"audio, {line['audio']:,} bytes" + (f", up to {until * 1000:.0f}" if until > line["at"] else "")
    else:
        said = f"{line['type']} {_essence(line)}"
    text = f"{arrow} {link}{on_one_line(said)}".rstrip()
    if line["wire"] == "client":
        return f"{_cut(text, _WIDTH):<{_WIDTH}} |"
    return f"{'':<{_WIDTH}} | {_cut(text, _WIDEST)}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _notes(line: Json) -> Iterator[str]:
    """Yield in words what was decided, what is missing, and the end."""
    if "effects" in line:
        if kind_of(line["event"]) == "TimerFired":
            yield f"the time for {line['event'].get('name')} is over"
        for effect in line["effects"]:
            note = _effect(effect)
            if note:
                yield note
    elif "lost" in line:
        yield f"{line['lost']} entries are missing here"
    elif "end" in line:
        end = line["end"]
        yield f"ended by {end.get('by')}: {end.get('code')} {end.get('reason', '')}"


def _effect(effect: Json) -> str:
    match kind_of(effect):
        case "Held":
            waits, _, which = why_of(effect).partition(" ")
            refs = [f"#{ref}" for ref in members(effect.get("refs"))]
            return f"{_requests(refs)} held: {waits} {short_id(which)}".rstrip()
        case "Noted":
            return _note(str(effect.get("kind")), text_of(effect.get("detail")))
        case "Answered" if effect.get("problem"):
            return f"request #{effect.get('ref')} is answered: {code_of(effect)}"
        case "Reported" | "EndSession" as kind:
            return f"{'reported' if kind == 'Reported' else 'the session cannot go on'}: {code_of(effect)}"
        case "CloseAtRest":
            return "the session is at rest, and ends"
        case _:
            return ""


def _note(kind: str, detail: str) -> str:
    ref, _, rest = detail.partition(" ")
    match kind:
        case "released":
            return f"request {ref} may go"
        case "merged":
            return f"one session.update for {rest.replace(' ', ', ')}"
        case "collided":
            return f"{ref} collided ({rest})"
        case _:
            return f"{kind} {detail}".strip()


def _requests(refs: list[str]) -> str:
    return f"request {refs[0]} is" if len(refs) == 1 else f"requests {', '.join(refs)} are"


def _essence(line: Json) -> str:
    """Return the most useful field of a frame; without its content, the most telling id and the size."""
    frame = line.get("frame")
    if isinstance(frame, dict):
        try:
            return _words(line["type"], frame)
        except (KeyError, TypeError, AttributeError):
            return ""
    ids = line.get("ids", {})
    telling = next((short_id(str(ids[name])) for name in _TELLING if name in ids), "")
    status = str(ids["status"]) if line["type"] == "response.done" and "status" in ids else ""
    return " ".join([*filter(None, (telling, status)), f"({line.get('size', 0):,} bytes)"])


def _words(kind: str, value: dict[str, Any]) -> str:
    match kind:
        case "InjectUserMessage" | "ConversationText":
            return f'"{_one_line(value["content"])}"'
        case "UpdatePrompt":
            return f'"{_one_line(value["prompt"])}"'
        case "session.update":
            return _short(value["session"])
        case "response.created":
            return short_id(value["response"]["id"])
        case "response.done":
            return f"{short_id(value['response']['id'])} {value['response']['status']}"
        case "response.create":
            return str(value["event_id"])
        case "error":
            return str(value["error"]["code"])
        case "Error" | "Warning":
            return str(value["code"])
        case _:
            return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _short(session: dict[str, Any]) -> str:
    names = [name for name in _leaves(session) if name != "type"]
    return ", ".join(names[:_FIELDS_SHOWN]) + (", ..." if len(names) > _FIELDS_SHOWN else "")


def _leaves(value: dict[str, Any]) -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, dict) and name in {"audio", "input", "output"}:
            yield from _leaves(inner)
        else:
            yield name
