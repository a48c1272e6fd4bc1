import pytest

from turnstile.observability.journal import Entry, LoggingJournal, NullJournal, RecordingJournal
from turnstile.testing import ManualClock


@pytest.fixture
def clock():
    return ManualClock(100.0)


def test_a_note_is_kept_with_its_moment(clock):
    journal = RecordingJournal(clock)
    journal.note("s-1", "session", "note", "held", "#2 in progress")
    clock.now = 101.5
    journal.note("s-1", "session", "note", "released", "#2")
    assert journal.entries() == [
        Entry(100.0, "s-1", "session", "note", "held", "#2 in progress"),
        Entry(101.5, "s-1", "session", "note", "released", "#2"),
    ]


def test_a_frame_is_kept_under_its_type(clock):
    journal = RecordingJournal(clock)
    journal.frame("s-1", "upstream", "in", b'{"type":"response.done"}')
    assert journal.entries() == [Entry(100.0, "s-1", "upstream", "in", "response.done", '{"type":"response.done"}')]


@pytest.mark.parametrize("data", [b"no json", b"[1]", b"{}", b'{"type": 5}', b"\xff"])
def test_a_frame_without_a_type_is_kept_all_the_same(clock, data):
    journal = RecordingJournal(clock)
    journal.frame("s-1", "client", "in", data)
    (entry,) = journal.entries()
    assert (entry.kind, entry.detail) == ("?", data.decode(errors="replace"))


def test_the_oldest_goes_when_the_journal_is_full(clock):
    journal = RecordingJournal(clock, limit=2)
    for kind in ("one", "two", "three"):
        journal.note("s-1", "session", "note", kind)
    assert [entry.kind for entry in journal.entries()] == ["two", "three"]


def test_the_log_shows_both_wires():
    lines = []
    journal = LoggingJournal(lambda form, *values: lines.append(form % values))
    journal.frame("s-1", "client", "in", b'{"type":"Settings"}')
    journal.frame("s-1", "upstream", "out", b'{"type":"session.update"}')
    journal.note("s-1", "session", "note", "held", "#2 in progress")
    assert lines == [
        's-1 client < {"type":"Settings"}',
        's-1 upstream > {"type":"session.update"}',
        "s-1 session = held #2 in progress",
    ]


def test_the_log_shows_the_beginning_of_a_long_frame():
    lines = []
    LoggingJournal(lambda form, *values: lines.append(form % values)).frame("s-1", "client", "in", b"x" * 5000)
    assert len(lines[0]) < 1100


def test_nobody_is_shown_anything_by_the_journal_that_looks_away():
    journal = NullJournal()
    assert journal.note("s-1", "session", "note", "held") is None
    assert journal.frame("s-1", "client", "in", b"{}") is None


def test_a_frame_with_line_breaks_is_one_line_of_the_log():
    lines = []
    journal = LoggingJournal(lambda form, *values: lines.append(form % values))
    journal.frame("s-1", "client", "in", b'{\n"type":\r"x\x1b[2K\xc2\x85"}')
    journal.note("s-1", "session", "note", "held", "a\nb")
    assert lines == [r's-1 client < {\n"type":\r"x\u001b[2K\u0085"}', r"s-1 session = held a\nb"]
