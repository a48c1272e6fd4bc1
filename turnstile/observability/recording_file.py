"""A recording: the lines of one session's journal, read from a file that may be cut, damaged or of another version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    Json = dict[str, Any]


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
    return ""


def _fault_of_line(line: Any) -> str:
    if not isinstance(line, dict) or not isinstance(line.get("at"), int | float):
        return 'is not an entry of a journal: it has no time ("at")'
    names = line.keys()
    on_wire = "wire" in names and not names.isdisjoint({"type", "audio", "note"})
    decided = isinstance(line.get("event"), dict) and isinstance(line.get("effects"), list)
    if on_wire or decided or isinstance(line.get("lost"), int) or isinstance(line.get("end"), dict):
        return ""
    return "is not an entry of a journal: it is no frame, audio, decision, note or end"
