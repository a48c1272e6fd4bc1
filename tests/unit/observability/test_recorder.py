"""The recorder: a file a session, within its budgets; a disk that is full costs lines, and never a session."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from turnstile.observability.journal import Journal, SessionJournal
from turnstile.observability.journal_thread import JournalThread
from turnstile.observability.recorded_values import decode
from turnstile.observability.recorder import Recorder, RecordingSettings
from turnstile.observability.recording_files import Budgets, RecordingFiles
from turnstile.observability.session_facts import Client, Ending, SessionFacts
from turnstile.session.client_requests import UserMessageGiven
from turnstile.session.data import Data
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.testing import ManualClock, patience

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnstile.observability.journal_lines import Level

ENDING = Ending(1000, "bye", "client")


class Recorded:
    """A journal whose sessions are recorded, on a clock of its own."""

    def __init__(self, directory: Path, level: Level = "text", budgets: Budgets | None = None, **opener: Any) -> None:
        self.directory = directory
        self.clock = ManualClock(100.0)
        self.thread = JournalThread(gather=0.0)
        files = RecordingFiles(directory, lambda: 1_000_000_000 + self.clock.now, **opener)
        self.settings = RecordingSettings(level, budgets or Budgets(1_000_000, 1_000_000, 0))
        self.recorder = Recorder(files, self.settings, self.thread, self.clock, lambda: 1_000_000_000 + self.clock.now)
        self.journal = Journal(self.clock, [self.recorder])

    def begin(self, session_id: str = "s1") -> SessionJournal:
        facts = SessionFacts(session_id, "component", Client("web", "192.0.2.7", "/"), None, Policy(), State(), Data())
        return self.journal.begin(facts)

    def flush(self) -> None:
        assert self.thread.flush(patience())

    def texts(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.directory.iterdir())]

    def lines(self) -> list[list[dict[str, Any]]]:
        self.flush()
        return [[orjson.loads(line) for line in text.splitlines()] for text in self.texts()]


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    made = Recorded(tmp_path)
    yield made
    assert made.thread.close(patience())


def test_a_session_is_recorded_from_its_beginning_to_its_end(recorded: Recorded) -> None:
    journal = recorded.begin()
    event = UserMessageGiven(1, {"content": "Hello"})
    recorded.clock.now += 0.5
    journal.frame("client", "in", b'{"type":"InjectUserMessage"}')
    journal.decided(event, [], 7)
    recorded.journal.end(journal, ENDING)

    ((head, frame, decision, end),) = recorded.lines()
    assert (head["session"], head["level"], head["client"]["identity"]) == ("s1", "text", "web")
    assert (frame["at"], frame["type"]) == (0.5, "InjectUserMessage")
    assert (decode(decision["event"]), decision["elsewhere"]) == (event, 7)
    assert end["end"] == {"code": 1000, "reason": "bye", "by": "client"}


def test_lines_are_in_the_file_while_the_session_goes_on(recorded: Recorded) -> None:
    journal = recorded.begin()
    journal.frame("client", "in", b'{"type":"KeepAlive"}')

    recorded.flush()

    (text,) = recorded.texts()
    assert text.endswith(b"}\n")
    assert len(text.splitlines()) == 2
    recorded.journal.end(journal, ENDING)


def test_each_session_has_a_file_and_the_names_sort_by_time(recorded: Recorded) -> None:
    for session_id in ("z", "a"):
        recorded.journal.end(recorded.begin(session_id), ENDING)
        recorded.clock.now += 1.0

    assert [lines[0]["session"] for lines in recorded.lines()] == ["z", "a"]


def test_a_full_recording_tells_what_was_lost_and_how_it_ended(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, budgets=Budgets(1500, 1_000_000, 0))
    journal = recorded.begin()
    for _ in range(50):
        journal.frame("client", "in", b'{"type":"KeepAlive"}')
        recorded.flush()
    recorded.journal.end(journal, ENDING)
    recorded.flush()

    ((*kept, lost, end),) = recorded.lines()
    assert {line["type"] for line in kept[1:]} == {"KeepAlive"}
    assert lost["lost"] == 50 - len(kept[1:])
    assert end["end"]["code"] == 1000
    assert len(recorded.texts()[0]) < 2500
    assert recorded.thread.close(patience())


def test_a_burst_beyond_the_limit_at_the_end_keeps_the_end(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, budgets=Budgets(1500, 1_000_000, 0))
    journal = recorded.begin()
    for _ in range(50):
        journal.frame("client", "in", b'{"type":"KeepAlive"}')
    recorded.journal.end(journal, ENDING)

    ((*_, lost, end),) = recorded.lines()
    assert lost["lost"] > 0
    assert "end" in end
    assert recorded.thread.close(patience())


@pytest.mark.parametrize("where", ["open", "write"])
def test_a_full_disk_is_one_warning_and_the_session_is_recorded_when_there_is_room(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    recorded = Recorded(tmp_path)
    journal = recorded.begin()
    with monkeypatch.context() as patched:
        patched.setattr(os, where, full)
        if where == "open":
            patched.setattr(recorded.recorder._room._files, "_open", full)
        for _ in range(3):
            recorded.clock.now += 2.0
            journal.frame("client", "in", b'{"type":"KeepAlive"}')
            recorded.flush()
        recorded.clock.now += 0.1  # too soon for another try
        journal.frame("client", "in", b'{"type":"KeepAlive"}')
        recorded.flush()
    assert recorded.texts() == []
    recorded.clock.now += 2.0
    journal.frame("client", "in", b'{"type":"Known"}')
    recorded.journal.end(journal, ENDING)

    ((head, lost, frame, end),) = recorded.lines()
    assert (head["session"], lost["lost"], frame["type"]) == ("s1", 4, "Known")
    assert "end" in end
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "No space left on device. They go on without" in caplog.text
    assert recorded.recorder.failures == 3
    assert recorded.thread.close(patience())


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(tmp_path)
    journal = recorded.begin()
    journal.frame("client", "in", b'{"type":"KeepAlive"}')
    recorded.flush()
    real = os.write

    def short(descriptor: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:20])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", short)
        journal.frame("client", "in", b'{"type":"KeepAlive"}')
        recorded.flush()

    assert len(recorded.lines()[0]) == 2
    recorded.journal.end(journal, ENDING)
    assert recorded.thread.close(patience())


def test_the_oldest_recordings_make_room_and_what_is_written_stays(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, budgets=Budgets(100_000, 2500, 0))
    for number in range(6):
        recorded.journal.end(recorded.begin(f"s{number}"), ENDING)
        recorded.clock.now += 11.0
        recorded.flush()

    left = [lines[0]["session"] for lines in recorded.lines()]
    assert left == [f"s{number}" for number in range(6)][-len(left) :]
    assert sum(map(len, recorded.texts())) <= 2500
    assert len(left) < 6
    assert recorded.thread.close(patience())


def test_sessions_that_write_more_than_all_may_take_lose_lines(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = Recorded(tmp_path, budgets=Budgets(100_000, 2000, 0))
    journal = recorded.begin()
    for _ in range(30):
        recorded.clock.now += 2.0
        journal.frame("client", "in", b'{"type":"KeepAlive"}')
        recorded.flush()
    recorded.journal.end(journal, ENDING)

    recorded.flush()
    assert len(recorded.texts()[0]) <= 2000
    assert "journal.max_bytes" in caplog.text
    assert recorded.thread.close(patience())


def test_what_is_too_old_goes_when_it_is_looked_after(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, budgets=Budgets(100_000, 100_000, 60.0))
    recorded.journal.end(recorded.begin(), ENDING)
    recorded.flush()
    (path,) = tmp_path.iterdir()
    os.utime(path, (recorded.clock.now, 1_000_000_000 + recorded.clock.now))

    recorded.recorder.prune()
    assert path.exists()
    recorded.clock.now += 61.0
    recorded.recorder.prune()

    assert not path.exists()
    assert recorded.thread.close(patience())


def test_settings_are_those_of_the_sessions_that_begin_from_then_on(recorded: Recorded) -> None:
    before = recorded.begin("s1")
    recorded.recorder.change(recorded.settings._replace(level="all"))
    recorded.clock.now += 1.0
    after = recorded.begin("s2")
    for journal in (before, after):
        recorded.journal.end(journal, ENDING)

    assert [lines[0]["level"] for lines in recorded.lines()] == ["text", "all"]


def test_a_session_that_it_did_not_see_begin_has_no_recording(recorded: Recorded) -> None:
    journal = Journal(recorded.clock).begin(recorded.begin().facts)
    recorded.recorder.end(journal, ENDING)
    recorded.recorder.end(journal, ENDING)

    assert len(recorded.lines()) == 1


def test_entries_that_found_no_room_in_the_queue_are_told(recorded: Recorded) -> None:
    journal = recorded.begin()
    recording = recorded.recorder._recordings["s1"]
    recording.lost = 3
    journal.frame("client", "in", b'{"type":"KeepAlive"}')
    recorded.flush()
    recording.lost = 2
    recorded.journal.end(journal, ENDING)

    ((_, frame, lost, late, end),) = recorded.lines()
    assert (frame["type"], lost["lost"], late["lost"]) == ("KeepAlive", 3, 2)
    assert "end" in end
