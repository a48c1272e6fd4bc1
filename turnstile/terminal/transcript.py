"""A recording as a transcript for tests/transcripts: what came is played to a session, and must come to the same."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from turnstile.terminal.line_values import kind_of, text_of
from turnstile.terminal.placeholders import Placeholders
from turnstile.terminal.streamed_texts import StreamedTexts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.observability.recording_file import Recording

    Json = dict[str, Any]

ID_PREFIX: Final = "ts_"
"""Begins the ids of ours in a transcript."""
SESSION_ID: Final = "s1"
"""The session's id in a transcript."""

_AUDIO_DELTA: Final = "response.output_audio.delta"
_APPEND: Final = "input_audio_buffer.append"
_PART_ADDED: Final = "response.content_part.added"
_ABNORMAL: Final = 1006
_NOT_CALLED: Final = "is no host that this proxy may call"
# The policy's fields that a transcript has apart, or that name nothing of the session's.
_APART: Final = frozenset({"id_prefix"})


class NoTranscriptError(Exception):
    """No transcript can be made of a recording; its text says why."""


def transcript(recording: Recording, *, keeps_content: bool, key: bytes | None = None) -> Iterator[Json]:
    """Yield the lines of a transcript.

    Args:
        recording: The recording, of the level `text` or `all`.
        keeps_content: What was said stays as it is; otherwise placeholders stand for it.
        key: Of the placeholders; by default one that nobody knows.

    Raises:
        NoTranscriptError: It lacks something that a transcript needs.
    """
    fault = _fault(recording)
    if fault:
        raise NoTranscriptError(f"no transcript can be made of it: {fault}.")
    return _lines(recording, None if keeps_content else Placeholders(key))


def _fault(recording: Recording) -> str:
    if recording.head["level"] == "events":
        return 'its level is "events", without the content of frames'
    if recording.damage:
        return recording.damage.rstrip(".")
    if recording.lost:
        return f"{recording.lost} entries are missing in it"
    if any(line["event"].get("ref", 0) < 0 for line in recording.lines if "event" in line):
        return "the session's host took part, which is not on a wire"
    return ""


def _lines(recording: Recording, placeholders: Placeholders | None) -> Iterator[Json]:
    head, policy = recording.head, recording.head["policy"]
    replaced = {str(head["id_prefix"]): ID_PREFIX, str(head["session"]): SESSION_ID}

    def named(value: Json) -> Json:
        text = json.dumps(value)
        for name, other in replaced.items():
            text = text.replace(name, other)
        found: Json = json.loads(text)
        return found

    note = policy.get("restore_note")
    if placeholders and isinstance(note, str):
        policy = policy | {"restore_note": placeholders.text(note)}
    yield {
        "about": f"Recorded by Turnstile {head['turnstile']}.",
        "is_recorded": True,
        "profile": head["dialect"],
        "model": head["model"],
        "functions": {},
        "turns": policy.get("turns", "server"),
        "may_call": not any(_turned_down(line) for line in recording.lines),
        "policy": {name: value for name, value in policy.items() if name not in _APART},
        "state": head["state"],
        "data": head["data"],
    }
    ordered = sorted(recording.lines, key=lambda line: float(line["at"]))
    wires = _Wires(ordered, placeholders)
    found = [line for entry in ordered for line in wires.lines(entry)]
    for line in sorted(found, key=lambda line: float(line["at"])):
        yield named(line)


class _Wires:
    """Makes lines of a transcript of those of a journal.

    Args:
        lines: The journal's, in the order of their times.
        placeholders: Of the content; None: it stays.
    """

    def __init__(self, lines: list[Json], placeholders: Placeholders | None) -> None:
        self._placeholders = placeholders
        self._links = 1
        self._lost = deque(line["event"] for line in lines if kind_of(line.get("event")) == "LinkLost")
        self._parts: dict[int, Json] = {}
        self._streams = StreamedTexts(lines, placeholders) if placeholders else None

    def lines(self, entry: Json) -> Iterator[Json]:
        """Yield what a line of the journal comes to."""
        if "event" in entry:
            yield from self._decided(entry)
        elif "end" in entry:
            code, reason, by = (entry["end"].get(name) for name in ("code", "reason", "by"))
            yield _line(entry["at"], "to", "client", close=[code, self._said(reason) if by == "client" else reason])
        elif "audio" in entry:
            yield from self._audio(entry)
        elif "type" in entry:
            yield self._frame(entry)
        elif entry["note"] == "closed":
            yield self._closed(entry)

    def _frame(self, entry: Json) -> Json:
        frame = entry.get("frame")
        if not isinstance(frame, dict):
            raise NoTranscriptError(f"no transcript can be made of it: it lacks the frame at {entry['at']:.3f} s.")
        link = self._link(entry)
        if entry["type"] == _PART_ADDED:
            self._parts[entry.get("link", 0)] = frame
        shown = frame
        if self._streams is not None and self._placeholders is not None:
            shown = self._streams.next_part(entry, self._placeholders.frame(frame))
        return _line(entry["at"], _way(entry), link, text=shown)

    def _link(self, entry: Json) -> str:
        number = entry.get("link", 0)
        self._links = max(self._links, number)
        return _link_name(number) if entry["wire"] == "upstream" else "client"

    def _audio(self, entry: Json) -> Iterator[Json]:
        """Yield audio in as many pieces as it came in, evenly."""
        pieces, size = max(1, entry.get("frames", 1)), entry["audio"]
        began, ended = entry["at"], entry.get("until", entry["at"])
        link = self._link(entry)
        for number in range(pieces):
            at = began + (ended - began) * number / max(1, pieces - 1)
            share = _share(size, pieces, number)
            if entry["wire"] == "upstream":
                yield _line(at, _way(entry), link, text=self._audio_event(entry, share))
            else:
                yield _line(at, _way(entry), link, audio=share)

    def _audio_event(self, entry: Json, size: int) -> Json:
        if entry["way"] == "out":
            return {"type": _APPEND, "audio": {"bytes": size}}
        part = self._parts.get(entry.get("link", 0), {})
        names = ("response_id", "item_id", "output_index", "content_index")
        return {
            "type": _AUDIO_DELTA,
            "event_id": "event_of_audio",
            **{name: part[name] for name in names if name in part},
            "delta": {"bytes": size},
        }

    def _decided(self, entry: Json) -> Iterator[Json]:
        """Yield the result of a function that the proxy has called, and the end of a link that was not yet in use."""
        event, at = entry["event"], entry["at"]
        fact = event.get("fact")
        if kind_of(event) == "CallReturned":
            output = text_of(event["output"])
            shown = self._placeholders.encoded(output) if self._placeholders else output
            yield _line(at, "from", "function", call_id=event["call_id"], output=shown)
        elif kind_of(event) == "OfStandby" and isinstance(fact, dict) and kind_of(fact) == "LinkLost":
            yield _line(at, "from", _link_name(self._links), close=_how(fact))

    def _said(self, text: str) -> str:
        return self._placeholders.text(text) if self._placeholders else text

    def _closed(self, note: Json) -> Json:
        """Return the close of the client, or of the link in use: how, the session was told a moment later."""
        if note["wire"] == "client":
            code, _, reason = text_of(note["detail"]).partition(" ")
            return _line(
                note["at"], "from", "client", close=[int(code) if code.isdigit() else _ABNORMAL, self._said(reason)]
            )
        lost = self._lost.popleft() if self._lost else {}
        return _line(note["at"], "from", _link_name(note.get("link", 0)), close=_how(lost))


def _turned_down(line: Json) -> bool:
    """Return whether a client was told that the proxy does not call a function at its endpoint."""
    frame = line.get("frame")
    return isinstance(frame, dict) and _NOT_CALLED in str(frame.get("description"))


def _how(lost: Json) -> list[Any]:
    """Return the code and the reason with which a lost link was closed."""
    closed = lost.get("closed") or {}
    return [closed.get("code", _ABNORMAL), text_of(closed.get("reason"))]


def _line(at: float, way: str, name: str, **what: Any) -> Json:
    return {"at": round(at, 3), way: name, **what}


def _way(entry: Json) -> str:
    return "from" if entry["way"] == "in" else "to"


def _link_name(number: int) -> str:
    return f"upstream {number}" if number > 1 else "upstream"


def _share(size: int, pieces: int, number: int) -> int:
    """Return how much of `size` one of the pieces has, in whole samples but for the last."""
    each = size // pieces // 2 * 2
    return each if number < pieces - 1 else size - each * (pieces - 1)
