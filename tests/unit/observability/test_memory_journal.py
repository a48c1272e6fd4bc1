import pytest

from turnstile.observability.memory_journal import Entry, MemoryJournal
from turnstile.session.journal_notes import Held, Noted
from turnstile.session.waits import Reason, Waits
from turnstile.testing import ManualClock, session_journal


@pytest.fixture
def journal():
    return MemoryJournal(ManualClock(100.0))


@pytest.fixture
def session(journal):
    return session_journal(journal)


def test_a_frame_is_kept_under_its_type(journal, session):
    session.frame("upstream", "in", b'{"type":"response.done"}')
    assert journal.entries() == [Entry(100.0, "s1", "upstream", "in", "response.done", '{"type":"response.done"}')]


def test_the_notes_among_the_effects_are_kept_and_no_other_effect(journal, session):
    session.decided(None, [Held((1, 2), Reason(Waits.RESPONSE, "resp_1")), Noted("released", "#1"), None], 0)
    assert [(entry.wire, entry.direction, entry.kind, entry.detail) for entry in journal.entries()] == [
        ("session", "note", "held", "#1 #2 response resp_1"),
        ("session", "note", "released", "#1"),
    ]


def test_what_becomes_of_a_connection_is_kept_and_its_audio_is_not(journal, session):
    session.audio("client", "in", [b"ab"])
    session.note("client", "closed", "1000 bye")
    session.note("upstream", "took over", "1", 2)
    assert [(entry.wire, entry.direction, entry.kind, entry.detail) for entry in journal.entries()] == [
        ("client", "in", "closed", "1000 bye"),
        ("upstream", "note", "took over", "1"),
    ]


@pytest.mark.parametrize("data", [b"no json", b"[1]", b"{}", b'{"type": 5}', b"\xff"])
def test_a_frame_without_a_type_is_kept_all_the_same(journal, session, data):
    session.frame("client", "in", data)
    (entry,) = journal.entries()
    assert (entry.kind, entry.detail) == ("?", data.decode(errors="replace"))


def test_the_oldest_goes_when_the_journal_is_full():
    journal = MemoryJournal(ManualClock(), limit=2)
    session = session_journal(journal)
    for detail in ("one", "two", "three"):
        session.note("client", "closed", detail)
    assert [entry.detail for entry in journal.entries()] == ["two", "three"]
