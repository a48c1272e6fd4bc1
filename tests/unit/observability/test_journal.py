import pytest

from turnstile.observability.journal import Journal
from turnstile.observability.journal_entries import AudioEntry, DecisionEntry, FrameEntry, NoteEntry
from turnstile.observability.session_facts import THIS_PROCESS, Client, Ending, SessionFacts
from turnstile.session.data import Data
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.testing import ManualClock


@pytest.fixture
def clock():
    return ManualClock(100.0)


class Reader:
    """Keeps what it reads of the sessions that it wants."""

    def __init__(self, wanted=("s-1", "s-2")):
        self.wanted = wanted
        self.read, self.ended = [], []

    def begin(self, facts):
        return self.read.append if facts.session_id in self.wanted else None

    def end(self, journal, ending):
        self.ended.append((journal.facts.session_id, ending))


def facts(session_id="s-1"):
    return SessionFacts(session_id, "component", THIS_PROCESS, None, Policy(), State(), Data())


def test_a_session_tells_nobody_while_nobody_reads(clock):
    session = Journal(clock, [Reader(wanted=())]).begin(facts())
    assert session.tell is None
    session.frame("client", "in", b"{}")


def test_each_kind_of_entry_is_told_with_its_moment(clock):
    reader = Reader()
    session = Journal(clock, [reader]).begin(facts())
    session.frame("client", "in", b"{}")
    session.audio("client", "in", [b"ab"])
    clock.now = 101.5
    session.decided("event", ["effect"], 3)
    session.note("upstream", "closed", "1006", 2)
    assert reader.read == [
        FrameEntry(100.0, "client", "in", b"{}", 0),
        AudioEntry(100.0, "client", "in", [b"ab"], 0),
        DecisionEntry(101.5, "event", ["effect"], 3),
        NoteEntry(101.5, "upstream", "closed", "1006", 2),
    ]


def test_several_readers_are_told_the_same(clock):
    readers = [Reader(), Reader()]
    session = Journal(clock, readers).begin(facts())
    session.note("upstream", "closed", "1006")
    assert readers[0].read == readers[1].read == [NoteEntry(100.0, "upstream", "closed", "1006", 0)]


def test_a_running_session_is_watched_until_that_is_ended(clock):
    journal, seen = Journal(clock), []
    session = journal.begin(facts())
    end = journal.watch("s-1", seen.append)
    session.note("upstream", "closed", "one")
    end()
    session.note("upstream", "closed", "two")
    assert [entry.detail for entry in seen] == ["one"]
    assert session.tell is None


def test_a_session_that_is_not_open_cannot_be_watched(clock):
    journal = Journal(clock)
    session = journal.begin(facts())
    assert list(journal.open) == ["s-1"]
    journal.end(session, Ending(1000, "", "client"))
    assert journal.watch("s-1", print) is None
    assert journal.open == {}


def test_every_reader_learns_how_a_session_ended(clock):
    reader = Reader()
    journal = Journal(clock, [reader])
    session = journal.begin(facts())
    journal.end(session, Ending(1001, "shutting down", "proxy"))
    session.note("upstream", "closed", "late")
    assert reader.ended == [("s-1", Ending(1001, "shutting down", "proxy"))]
    assert reader.read == []


class Failing(Reader):
    """Fails at the beginning and the end of each session."""

    def begin(self, facts):
        raise ValueError(facts.session_id)

    def end(self, journal, ending):
        raise ValueError(journal, ending)


def test_a_session_and_its_other_readers_go_on_when_a_reader_fails(clock, caplog):
    readers = [Reader(), Failing(), Reader()]
    journal = Journal(clock, readers)
    session = journal.begin(facts())
    session.note("upstream", "closed", "1006")
    journal.end(session, Ending(1000, "", "client"))
    for reader in (readers[0], readers[2]):
        assert len(reader.read) == 1
        assert reader.ended == [("s-1", Ending(1000, "", "client"))]
    assert caplog.text.count("A reader of the journal has failed") == 2


def test_a_reader_that_leaves_while_a_session_begins_is_told_nothing_of_it(clock):
    class Leaving(Reader):
        def begin(self, facts):
            journal.leave(self)
            return super().begin(facts)

    reader = Leaving()
    journal = Journal(clock, [reader])
    assert journal.begin(facts()).tell is None


def test_the_links_of_a_session_are_numbered_from_one(clock):
    session = Journal(clock).begin(facts())
    assert [session.next_link(), session.next_link()] == [1, 2]


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        (Client("web", "192.0.2.7", "/openai"), "web from 192.0.2.7"),
        (Client("", "2001:db8::1", "/openai"), "from 2001:db8::1"),
        (THIS_PROCESS, "of a host"),
    ],
)
def test_the_log_shows_who_and_where_a_client_is(client, shown):
    assert str(client) == shown
