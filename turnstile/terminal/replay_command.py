"""The command `turnstile replay`: shows a recording, verifies it, tells of one request, or makes a test of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnstile.errors import ConfigError
from turnstile.observability.recording_file import Recording, read_recording
from turnstile.observability.replaying import verify
from turnstile.protocol.safe_text import on_one_line
from turnstile.server.exit_codes import FAILED, OK
from turnstile.terminal.line_values import kind_of
from turnstile.terminal.standard_output import complain, show
from turnstile.terminal.story import UnknownRequestError, story
from turnstile.terminal.timeline import render
from turnstile.terminal.transcript import NoTranscriptError, transcript

if TYPE_CHECKING:
    import argparse

    from turnstile.observability.replaying import Difference, Verdict
    from turnstile.terminal.arguments import ArgumentParser


def define_replay(parser: ArgumentParser) -> None:
    """Define its options and its help."""
    parser.describe(
        "Show a recording of a session (journal.directory): the frames of both connections, what waited, and why. "
        "Recordings with text are verified, too: this version decides the same on all of their events, or the first "
        "difference is shown, and the exit code is 1.",
        "replay 20261126T201500.480Z-0a1b2c3d4e5f.jsonl",
        "replay 20261126T201500.480Z-0a1b2c3d4e5f.jsonl --why 7",
        "replay 20261126T201500.480Z-0a1b2c3d4e5f.jsonl --as-test",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording: a file of `journal.directory`")
    parser.add_argument("--why", type=_number, metavar="REQUEST", help="tell the story of this request, such as 7")
    parser.add_argument("--as-test", action="store_true", help="write a transcript for tests/transcripts")
    parser.add_argument("--keep-content", action="store_true", help="with --as-test: leave what was said as it is")
    parser.set_defaults(command=_replay)


def _number(text: str) -> int:
    return int(text.removeprefix("#"))


def _replay(arguments: argparse.Namespace) -> int:
    recording = _read(arguments.file)
    if not recording.head:
        complain(f"{arguments.file}: {recording.damage}")
        return FAILED
    if arguments.why is not None:
        return _tell_why(recording, arguments.why)
    if arguments.as_test:
        return _write_test(recording, keeps_content=arguments.keep_content)
    for line in render(recording.lines):
        show(line)
    show("")
    return _show_verdict(recording, verify(recording))


def _read(file: Path) -> Recording:
    try:
        with file.open("rb") as lines:
            return read_recording(lines)
    except OSError as error:
        raise ConfigError("invalid_arguments", f"{file}: cannot be read: {error.strerror}.") from error


def _tell_why(recording: Recording, ref: int) -> int:
    try:
        for sentence in story(recording.lines, ref):
            show(on_one_line(sentence))
    except UnknownRequestError as error:
        complain(str(error))
        return FAILED
    return OK


def _write_test(recording: Recording, *, keeps_content: bool) -> int:
    try:
        lines = list(transcript(recording, keeps_content=keeps_content))
    except NoTranscriptError as error:
        complain(str(error))
        return FAILED
    for line in lines:
        show(json.dumps(line, ensure_ascii=False))
    return OK


def _show_verdict(recording: Recording, verdict: Verdict) -> int:
    if verdict.difference:
        for line in _difference_in_words(recording, verdict.difference):
            show(on_one_line(line))
        return FAILED
    events = f"{verdict.events:,} events, all effects as recorded"
    if not verdict.unverified:
        show(f"{events}.")
        return OK
    if recording.head.get("level") == "events" and not recording.damage:
        show(f"The recording cannot be verified: {verdict.unverified}.")
        return OK
    rest = "the rest of the recording" if verdict.events else "the recording"
    complain(f"{f'{events}; ' if verdict.events else ''}{rest} cannot be verified: {verdict.unverified.rstrip('.')}.")
    return FAILED


def _difference_in_words(recording: Recording, difference: Difference) -> list[str]:
    number, at = difference.number, difference.at
    by = recording.head.get("turnstile", "?")
    return [
        f"Event {number:,} at {at:.3f} s has other effects now than when it was recorded (by Turnstile {by}):",
        f"  event:    {_compact(difference.event)}",
        *(f"  recorded: {_compact(effect)}" for effect in _only(difference.recorded, difference.now)),
        *(f"  now:      {_compact(effect)}" for effect in _only(difference.now, difference.recorded)),
        *([] if _has_others(difference) else ["  the same effects come in another order"]),
    ]


def _has_others(difference: Difference) -> bool:
    recorded, now = difference.recorded, difference.now
    return bool(_only(recorded, now) or _only(now, recorded))


def _only(some: Any, others: Any) -> list[Any]:
    """Return what is in one list of effects and not in the other, as often as it is more often in it."""
    left = list(others)
    found = []
    for effect in some:
        if effect in left:
            left.remove(effect)
        else:
            found.append(effect)
    return found


def _compact(value: Any) -> str:
    kind = kind_of(value)
    if not kind:
        return json.dumps(value, ensure_ascii=False)
    fields = {name: part for name, part in value.items() if name != "!"}
    return f"{kind} {json.dumps(fields, ensure_ascii=False)}" if fields else kind
