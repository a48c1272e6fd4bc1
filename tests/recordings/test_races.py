"""Recordings of the races that were mended: each is decided as recorded, and otherwise with its rule undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from races import ALL, RACES, session_of

from turnstile.observability.recording_file import read_recording
from turnstile.observability.replaying import verify

FILES = sorted(Path(__file__).parent.glob("*.jsonl"))


def read(path):
    with path.open("rb") as lines:
        return read_recording(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_race_is_decided_as_recorded_and_otherwise_with_its_rule_undone(path):
    recording = read(path)
    verdict = verify(recording)
    assert (verdict.difference, verdict.unverified) == (None, "")
    assert verdict.events == len(recording.lines) - 1
    assert verify(recording, session_of(ALL[recording.head["undone"]])).difference


def test_rules_that_were_loaded_apart_decide_as_recorded():
    apart = session_of(None)
    assert [path.stem for path in FILES if verify(read(path), apart).difference] == []


def test_every_race_has_its_recording():
    assert [path.stem for path in FILES] == sorted(race.name for race in RACES)
    assert {read(path).head["undone"] for path in FILES} == {race.undone for race in RACES}
