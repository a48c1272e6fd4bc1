import pytest

from turnstile.observability.journal import Journal
from turnstile.observability.logging_reader import LoggingReader
from turnstile.observability.session_facts import Ending
from turnstile.session.journal_notes import Noted
from turnstile.testing import ManualClock, session_journal


@pytest.fixture
def lines():
    return []


@pytest.fixture
def journal(lines):
    return Journal(ManualClock(), [LoggingReader(lambda form, *values: lines.append(form % values))])


def test_the_log_shows_both_wires_and_what_is_noted_between(journal, lines):
    session = session_journal(journal)
    session.frame("client", "in", b'{"type":"Settings"}')
    session.frame("upstream", "out", b'{"type":"session.update"}')
    session.decided(None, [Noted("released", "#2")], 0)
    journal.end(session, Ending(1000, "", "client"))
    assert lines == [
        's1 client < {"type":"Settings"}',
        's1 upstream > {"type":"session.update"}',
        "s1 session = released #2",
    ]


def test_the_log_shows_the_beginning_of_a_long_frame(journal, lines):
    session_journal(journal).frame("client", "in", b"x" * 5000)
    assert len(lines[0]) < 1100


def test_a_frame_with_line_breaks_is_one_line_of_the_log(journal, lines):
    session = session_journal(journal)
    session.frame("client", "in", b'{\n"type":\r"x\x1b[2K\xc2\x85"}')
    session.note("client", "closed", "a\nb")
    assert lines == [r's1 client < {\n"type":\r"x\u001b[2K\u0085"}', r"s1 client < closed a\nb"]
