"""The journal's thread: entries are taken in order, off the actors' threads, within bounds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from turnstile.observability import journal_thread
from turnstile.observability.audio_rows import AudioRow
from turnstile.observability.journal_entries import AudioEntry, DecisionEntry, FrameEntry, JournalEntry, NoteEntry
from turnstile.observability.journal_thread import MAX_BYTES, MAX_ENTRIES, JournalThread, Sink
from turnstile.session.events import AgentSpoke
from turnstile.testing import patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnstile.observability.journal_lines import Level


class Taken(Sink):
    """Keeps what it takes; waits for `go` first."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.settled = 0
        self.go = threading.Event()
        self.go.set()
        self.has_begun = threading.Event()

    def take(self, entry: Any) -> None:
        self.has_begun.set()
        assert self.go.wait(patience())
        self.entries.append(entry)

    def settle(self) -> None:
        self.settled += 1


class Failing(Sink):
    """Takes nothing."""

    def take(self, entry: Any) -> None:
        raise ValueError(f"broken by {entry}")

    def settle(self) -> None:
        raise ValueError("broken")


@pytest.fixture
def thread() -> Iterator[JournalThread]:
    made = JournalThread(gather=0.0)
    yield made
    assert made.close(patience())


def reading(thread: JournalThread, sink: Sink, level: Level = "all") -> Callable[[JournalEntry], None]:
    return thread.reader(sink, level)


def frame(size: int) -> FrameEntry:
    return FrameEntry(1.0, "client", "in", b"x" * size)


def test_entries_are_taken_in_order_and_settled_once_each_time(thread: JournalThread) -> None:
    sink = Taken()
    read = reading(thread, sink)
    entries = [frame(number) for number in range(100)] + [DecisionEntry(1.0, AgentSpoke(), (), 0)]

    for entry in entries:
        read(entry)

    assert thread.flush(patience())
    assert sink.entries == entries
    assert 1 <= sink.settled <= 101


def test_a_large_frame_is_shortened_before_it_waits(thread: JournalThread) -> None:
    sink = Taken()

    reading(thread, sink, "events")(frame(100_000))

    assert thread.flush(patience())
    assert sink.entries == [FrameEntry(1.0, "client", "in", b"x" * 1024, size=100_000)]


def test_audio_waits_in_rows_below_all(thread: JournalThread) -> None:
    sink = Taken()
    read = reading(thread, sink, "text")
    audio = AudioEntry(1.0, "client", "in", [b"ab", "AAA="])
    for entry in (audio, audio, frame(1), audio, NoteEntry(1.0, "client", "closed", ""), audio._replace(at=2.0)):
        read(entry)
    read(audio._replace(at=2.5))
    read(DecisionEntry(2.5, AgentSpoke(), (), 0))
    read(audio._replace(at=2.6))
    read(audio._replace(at=2.6, wire="upstream", link=1))
    read(audio._replace(at=2.6, wire="upstream", link=2))

    assert thread.flush(patience())
    rows = [(row.wire, row.at, row.until, row.audio, row.frames) for row in sink.entries if isinstance(row, AudioRow)]
    assert rows == [
        ("client", 1.0, 1.0, 8, 4), ("client", 1.0, 1.0, 4, 2), ("client", 2.0, 2.0, 4, 2),
        ("client", 2.5, 2.6, 8, 4), ("upstream", 2.6, 2.6, 4, 2), ("upstream", 2.6, 2.6, 4, 2),
    ]  # fmt: skip
    assert len(sink.entries) == len(rows) + 3


def test_no_thread_runs_before_the_first_entry() -> None:
    idle = JournalThread()

    assert idle.flush(0.0)
    assert idle.close(0.0)
    assert journal_thread._NAME not in {one.name for one in threading.enumerate()}


def test_what_does_not_fit_is_lost_and_counted(thread: JournalThread) -> None:
    sink = Taken()
    sink.go.clear()
    read = reading(thread, sink)
    read(frame(1))
    assert sink.has_begun.wait(patience())

    for _ in range(MAX_ENTRIES + 5):
        read(frame(1))
    sink.go.set()

    assert thread.flush(patience())
    assert len(sink.entries) == MAX_ENTRIES + 1
    assert (thread.lost, thread.take_lost(sink), thread.take_lost(sink)) == (5, 5, 0)


@pytest.mark.parametrize(
    "entry", [frame(MAX_BYTES // 2), AudioEntry(1.0, "client", "in", [b"x" * (MAX_BYTES // 4)] * 2)]
)
def test_large_entries_wait_within_a_number_of_bytes(thread: JournalThread, entry: JournalEntry) -> None:
    sink = Taken()
    sink.go.clear()
    read = reading(thread, sink)
    read(frame(1))
    assert sink.has_begun.wait(patience())

    for _ in range(3):
        read(entry)
    sink.go.set()
    assert thread.flush(patience())
    read(entry)

    assert thread.flush(patience())
    assert len(sink.entries) == 4
    assert thread.take_lost(sink) == 1


def test_a_sink_that_fails_loses_the_entry_and_the_others_go_on(
    thread: JournalThread, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sink = Failing(), Taken()
    reading(thread, broken)(frame(1))
    reading(thread, sink)(frame(1))

    assert thread.flush(patience())
    assert len(sink.entries) == 1
    assert thread.take_lost(broken) == 1
    assert "could not be shown or recorded" in caplog.text


def test_another_thread_is_started_for_an_entry_after_the_end() -> None:
    thread, sink = JournalThread(gather=0.0), Taken()
    read = reading(thread, sink)
    read(frame(1))
    assert thread.close(patience())

    read(frame(2))

    assert thread.close(patience())
    assert len(sink.entries) == 2


def test_closing_gives_up_on_a_sink_that_hangs() -> None:
    thread, sink = JournalThread(gather=0.0), Taken()
    sink.go.clear()
    reading(thread, sink)(frame(1))

    assert not thread.close(0.0)
    sink.go.set()
    assert thread.close(patience())


def test_entries_wait_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    thread, sink = JournalThread(gather=0.0), Taken()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        reading(thread, sink)(frame(1))

    reading(thread, sink)(frame(2))

    assert thread.close(patience())
    assert len(sink.entries) == 2


def test_it_ticks_while_it_has_nothing_to_do() -> None:
    ticked, sink = threading.Event(), Taken()
    thread = JournalThread(gather=0.0, tick=ticked.set, tick_every=0.001)
    reading(thread, sink)(frame(1))

    assert ticked.wait(patience())
    assert thread.close(patience())
