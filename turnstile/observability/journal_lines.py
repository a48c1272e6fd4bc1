"""The lines of a session's journal as JSON: what recordings hold, and what streams of live sessions show.

Lines come in the order of the entries, but for those of audio, and of deltas at `events`: one for as much of it as came
without a pause of 0.25 s or another entry between, where that ends.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, Literal

import turnstile
from turnstile.observability.audio_rows import PAUSE, AudioRow, row_of
from turnstile.observability.frame_content import frame_content
from turnstile.observability.journal_entries import AudioEntry, DecisionEntry, FrameEntry
from turnstile.observability.outlines import SEARCHED, frame_ids, frame_type, outline
from turnstile.observability.recorded_classes import CLASS
from turnstile.observability.recorded_values import encode
from turnstile.observability.redactor import LARGEST, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from turnstile.observability.journal_entries import JournalEntry, NoteEntry
    from turnstile.observability.session_counts import SessionCounts
    from turnstile.observability.session_facts import Ending, SessionFacts

Json = dict[str, Any]
Level = Literal["events", "text", "all"]

FORMAT: Final = 1
"""The version of the format of the lines."""

# Frames of these types come in rows; where a type is looked for.
_IN_ROWS: Final = ("delta", ".append")
_TYPE_WITHIN: Final = 128
# Bytes that are kept of a large frame.
_BEGINNING: Final = 1024
# What of a session's policy is text of the operator's for the model.
_POLICY_TEXTS: Final = frozenset({"restore_note"})


def head(facts: SessionFacts, level: Level, began: datetime, redactor: Redactor | None = None) -> Json:
    """Return the first line of a session's journal.

    Args:
        facts: What is known of the session when it begins.
        level: What is shown of the content.
        began: When that was, in UTC.
        redactor: Of the recording.
    """
    redactor = redactor or Redactor(keeps_all=level == "all")
    identity, address, path = facts.client
    client = {"identity": identity, "address": address, "path": path.partition("?")[0]}
    found: Json = {
        "turnstile": turnstile.__version__,
        "format": FORMAT,
        "session": facts.session_id,
        "dialect": facts.dialect,
        "level": level,
        "began": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "client": client,
        "model": None if facts.model is None else redactor.names[facts.model],
        "id_prefix": facts.policy.id_prefix,
        "policy": _fields(facts.policy, redactor),
        "state": {},
        "data": {},
    }
    if level == "events":
        found["policy"] = {name: value for name, value in found["policy"].items() if name not in _POLICY_TEXTS}
        return found
    return found | {"state": _fields(facts.state, redactor), "data": _fields(facts.data, redactor)}


def _fields(value: object, redactor: Redactor) -> Json:
    fields: Json = encode(value, redactor)
    return {name: part for name, part in fields.items() if name != CLASS}


class JournalLines:
    """Makes lines of the entries of one session.

    Args:
        level: What is shown of the content.
        began_at: When the session began, by the journal's clock, in seconds.
        redactor: Of the recording.
    """

    def __init__(self, level: Level, began_at: float = 0.0, redactor: Redactor | None = None) -> None:
        self._level = level
        self.began_at = began_at
        """When the session began."""
        self._redactor = redactor or Redactor(keeps_all=level == "all")
        self._elsewhere = 0
        # What goes on without a line yet: audio by its wire and direction, deltas by their type, too.
        self._rows: dict[tuple[str, str], list[AudioRow]] = {}
        self._deltas: dict[tuple[str, str, str], Json] = {}

    def lines(self, entry: JournalEntry | AudioRow) -> list[Json]:
        """Return the lines that an entry completes, in order."""
        if isinstance(entry, FrameEntry):
            return self._frame(entry)
        if isinstance(entry, DecisionEntry):
            line = self._decision(entry)
            return [*self.rest(), line] if entry.effects and (self._rows or self._deltas) else [line]
        if isinstance(entry, AudioRow):
            return self._row(entry)
        if isinstance(entry, AudioEntry):
            return self._audio(entry)
        return [*self._ended(entry.wire), self._note(entry)]

    def rest(self) -> list[Json]:
        """Return the lines of audio and deltas that go on."""
        lines = [*map(self._row_line, self._rows.values()), *self._deltas.values()]
        self._rows.clear()
        self._deltas.clear()
        return lines

    def lost(self, at: float, entries: int) -> Json:
        """Return the line that says how many entries are missing, from there on."""
        return {"at": self.since(at), "lost": entries}

    def end(self, at: float, ending: Ending, counts: SessionCounts) -> list[Json]:
        """Return the last lines."""
        reason = self._redactor.names[ending.reason]
        end = {"code": ending.code, "reason": reason, "by": ending.by}
        return [*self.rest(), {"at": self.since(at), "end": end, "counts": counted(counts)}]

    def since(self, at: float) -> float:
        """Return a moment of the journal's clock in seconds since the session began."""
        return round((at - self.began_at) * 1e6) / 1e6  # to microseconds, in a third of the time of `round(..., 6)`

    def _line(self, entry: FrameEntry) -> Json:
        at = round((entry.at - self.began_at) * 1e6) / 1e6
        if entry.link:
            return {"at": at, "wire": entry.wire, "way": entry.direction, "link": entry.link}
        return {"at": at, "wire": entry.wire, "way": entry.direction}

    def _frame(self, entry: FrameEntry) -> list[Json]:
        data = entry.data
        is_in_row = False
        beginning = data[:_TYPE_WITHIN]
        if b'delta"' in beginning or b'.append"' in beginning:
            kind = frame_type(data) or ""
            is_in_row = kind.endswith(_IN_ROWS)
            if is_in_row and self._level == "events":
                return self._delta(entry, kind)
        line = self._line(entry)
        if self._level == "events" or entry.size:
            line["type"], line["ids"] = frame_ids(data, self._redactor, is_whole=not entry.size)
        else:
            line["type"], line["ids"], content = frame_content(data, self._redactor)
            if content is not None:
                line["frame"] = content
        line["size"] = entry.size or len(data)
        if is_in_row or not (self._rows or self._deltas):
            return [line]
        return [*self._ended(entry.wire, entry.direction), line]

    def _delta(self, entry: FrameEntry, kind: str) -> list[Json]:
        """Count a delta to those before it, of which the first shows the ids."""
        key = (entry.wire, entry.direction, kind)
        running, at, lines = self._deltas.get(key), self.since(entry.at), []
        if running is not None and (running.get("link", 0) != entry.link or at - running["until"] >= PAUSE):
            lines, running = [running], None
        if running is None:
            _, ids = frame_ids(entry.data, self._redactor, is_whole=not entry.size)
            running = self._deltas[key] = self._line(entry)
            running |= {"until": at, "type": kind, "size": 0, "frames": 0, "ids": ids}
        running["until"] = at
        running["size"] += entry.size or len(entry.data)
        running["frames"] += 1
        return lines

    def _audio(self, entry: AudioEntry) -> list[Json]:
        if self._level != "all":
            return self._row(row_of(entry))
        pieces = [one if isinstance(one, str) else b64encode(one).decode() for one in entry.pieces]
        return [self._row_line([row_of(entry)]) | {"pieces": pieces}]

    def _row(self, row: AudioRow) -> list[Json]:
        key = (row.wire, row.direction)
        rows = self._rows.get(key)
        if rows and rows[-1].goes_on(row.at, row.link):
            rows.append(row)
            return []
        self._rows[key] = [row]
        return [self._row_line(rows)] if rows else []

    def _row_line(self, rows: list[AudioRow]) -> Json:
        first = rows[0]
        line: Json = {"at": self.since(first.at), "wire": first.wire, "way": first.direction}
        if first.link:
            line["link"] = first.link
        line["until"] = self.since(rows[-1].until)
        line["audio"] = sum([row.audio for row in rows])
        line["frames"] = sum([row.frames for row in rows])
        return line

    def _ended(self, wire: str, way: str = "") -> list[Json]:
        """Return the lines of what went on in a place, the wire and perhaps a direction, until now."""
        rows = [key for key in self._rows if key[0] == wire and way in {"", key[1]}]
        deltas = [key for key in self._deltas if key[0] == wire and way in {"", key[1]}]
        return [*[self._row_line(self._rows.pop(key)) for key in rows], *[self._deltas.pop(key) for key in deltas]]

    def _decision(self, entry: DecisionEntry) -> Json:
        shown = outline if self._level == "events" else encode
        redactor = self._redactor
        line: Json = {
            "at": self.since(entry.at),
            "event": shown(entry.event, redactor),
            "effects": [shown(effect, redactor) for effect in entry.effects],
        }
        if entry.held_elsewhere != self._elsewhere:
            line["elsewhere"] = self._elsewhere = entry.held_elsewhere
        return line

    def _note(self, entry: NoteEntry) -> Json:
        detail = self._redactor.names[entry.detail]
        line: Json = {"at": self.since(entry.at), "wire": entry.wire, "note": entry.kind, "detail": detail}
        return line | {"link": entry.link} if entry.wire == "upstream" else line


def shortened(level: Level) -> Callable[[FrameEntry], FrameEntry]:
    """Return what returns a frame without what no line of this level shows of a large one."""
    if level == "all":
        return lambda entry: entry
    limit = SEARCHED if level == "events" else LARGEST
    return lambda entry: _beginning(entry) if len(entry.data) > limit else entry


def _beginning(entry: FrameEntry) -> FrameEntry:
    return entry._replace(data=entry.data[:_BEGINNING], size=len(entry.data))


def counted(counts: SessionCounts) -> Json:
    """Return what was counted of a session."""
    return counts.snapshot() | {"longest_hold": counts.longest_hold}
