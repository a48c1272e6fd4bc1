"""A recording: the lines of one session's journal, read from a file that may be cut, damaged or of another version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from turnstile.observability.journal_lines import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Json = dict[str, Any]

_HEAD: Final = ("session", "dialect", "model", "id_prefix", "policy", "state", "data")
# What an entry has beside the time, by the field that tells its kind.
_ENTRIES: Final = {
    "event": ("effects",),
    "audio": ("wire", "way", "until", "frames"),
    "type": ("wire", "way"),
    "note": ("wire", "detail"),
    "lost": (),
    "end": (),
}
_TYPES: Final[dict[str, Any]] = {
    **dict.fromkeys(("policy", "state", "data", "event", "ids", "frame", "end", "counts"), dict),
    **dict.fromkeys(("session", "dialect", "id_prefix", "wire", "way", "type", "note", "detail"), str),
    **dict.fromkeys(("link", "size", "audio", "frames", "lost"), int),
    "effects": list,
    "until": int | float,
}
# Of what is within an entry.
_OF_EVENTS: Final[dict[str, Any]] = {"ref": int}
_OF_ENDS: Final[dict[str, Any]] = {"code": int, "reason": str, "by": str}


@dataclass(frozen=True, slots=True)
class Recording:
    """What could be read of a recording.

    Args:
        head: Its first line: the session, and what its decisions began with.
        lines: The lines after that, up to the first that cannot be read.
        damage: What is wrong with that one, and which it is; "" where every line could be read.
    """

    head: Json
    lines: tuple[Json, ...]
    damage: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether the session's end is in it."""
        return bool(self.lines) and "end" in self.lines[-1]

    @property
    def lost(self) -> int:
        """How many entries are missing in it, as far as it says so."""
        return sum(line["lost"] for line in self.lines if "lost" in line)


def read_recording(given: Iterable[bytes]) -> Recording:
    """Read a recording from its lines; one that cannot be read ends it (`Recording.damage`)."""
    head: Json = {}
    lines: list[Json] = []
    for number, data in enumerate(given, 1):
        try:
            line = json.loads(data)
        except (ValueError, RecursionError):
            cut = "" if data.endswith(b"\n") else ": the file ends within it"
            return Recording(head, tuple(lines), f"line {number} is not JSON{cut}.")
        fault = _fault_of_head(line) if number == 1 else _fault_of_line(line)
        if fault:
            return Recording(head, tuple(lines), f"line {number} {fault}.")
        if number == 1:
            head = line
        else:
            lines.append(line)
    return Recording(head, tuple(lines), "" if head else "it is empty.")


def _fault_of_head(line: Any) -> str:
    if not isinstance(line, dict) or not isinstance(line.get("format"), int) or not isinstance(line.get("level"), str):
        return "is not the head of a recording: it must name its format and level"
    return _fault_of_fields(line, _HEAD) if line["format"] == FORMAT else ""


def _fault_of_line(line: Any) -> str:
    if not isinstance(line, dict) or not isinstance(line.get("at"), int | float):
        return 'is not an entry of a journal: it has no time ("at")'
    for kind, needed in _ENTRIES.items():
        if kind in line:
            return _fault_of_fields(line, needed) or _fault_within(line, kind)
    return "is not an entry of a journal: it is no frame, audio, decision, note or end"


def _fault_within(line: Json, kind: str) -> str:
    if kind == "event":
        return _fault_of_fields(line[kind], types=_OF_EVENTS)
    return _fault_of_fields(line[kind], _OF_ENDS, _OF_ENDS) if kind == "end" else ""


def _fault_of_fields(line: Json, needed: Iterable[str] = (), types: Mapping[str, Any] = _TYPES) -> str:
    """Return what is wrong with the fields of an entry: one that is needed is not there, or one is of another type."""
    for name in needed:
        if name not in line:
            return f'is not of a recording: it has no "{name}"'
    for name, kinds in types.items():
        if name in line and not isinstance(line[name], kinds):
            return f'is not of a recording: its "{name}" is of another type'
    return ""
