"""Live streams of the journal: from now on, within bounds, and nothing once they are closed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from turnstile.errors import SessionError
from turnstile.observability import watching
from turnstile.observability.journal import Journal, SessionJournal
from turnstile.observability.journal_thread import JournalThread
from turnstile.observability.session_facts import Client, Ending, SessionFacts
from turnstile.observability.watching import MAX_WATCHES, Watch, Watchers
from turnstile.session.data import Data
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.testing import ManualClock, patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENDING = Ending(1000, "bye", "client")
KEEP_ALIVE = b'{"type":"KeepAlive"}'


class Watched:
    """A journal, and those who watch it."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.thread = JournalThread(gather=0.0)
        self.journal = Journal(self.clock)
        self.watchers = Watchers(self.journal, self.thread, self.clock, lambda: 1_000_000_000 + self.clock.now)

    def begin(self, session_id: str = "s1") -> SessionJournal:
        facts = SessionFacts(session_id, "component", Client(), None, Policy(), State(), Data())
        return self.journal.begin(facts)

    def watch(self, session_id: str | None = "s1") -> Watch:
        watch = self.watchers.watch(session_id, "events")
        assert watch is not None
        return watch

    def lines(self, watch: Watch) -> list[dict[str, Any]]:
        """Return the lines until there is none for a while."""
        assert self.thread.flush(patience())
        found = []
        for line in watch:
            if not line:
                break
            found.append(orjson.loads(line))
        return found


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_IDLE", 0.001)


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.watchers.close()
    assert made.thread.close(patience())


def test_a_stream_shows_a_session_from_now_on_to_its_end(watched: Watched) -> None:
    journal = watched.begin()
    journal.frame("client", "in", b'{"type":"Settings"}')
    watched.clock.now += 2.0
    watch = watched.watch()
    journal.frame("client", "in", KEEP_ALIVE)
    watched.journal.end(journal, ENDING)

    (head, frame, end) = [orjson.loads(line) for line in watch if line]
    assert (head["session"], head["began"]) == ("s1", "2001-09-09T01:48:20.000Z")
    assert (frame["type"], frame["at"]) == ("KeepAlive", 2.0)
    assert end["end"]["by"] == "client"
    assert [*watch] == []


def test_no_session_of_that_name_is_no_stream(watched: Watched) -> None:
    journal = watched.begin()
    watched.journal.end(journal, ENDING)

    assert watched.watchers.watch("s1", "events") is None


def test_a_closed_stream_reads_nothing_more(watched: Watched) -> None:
    journal = watched.begin()
    watch = watched.watch()
    assert journal.tell is not None

    watch.close()

    assert journal.tell is None
    assert [*watch] == []
    watched.journal.end(journal, ENDING)


def test_a_stream_of_all_names_the_session_in_each_line(watched: Watched) -> None:
    first = watched.begin("s1")
    watch = watched.watch(None)
    second = watched.begin("s2")
    for journal in (first, second):
        journal.frame("client", "in", KEEP_ALIVE)
        watched.journal.end(journal, ENDING)

    found = watched.lines(watch)
    assert [line["session"] for line in found] == ["s1", "s2", "s1", "s1", "s2", "s2"]
    third = watched.begin("s3")
    assert [line["session"] for line in watched.lines(watch)] == ["s3"]
    watch.close()
    assert third.tell is None
    assert watched.begin("s4").tell is None


def test_a_session_that_begins_is_none_of_a_stream_of_one(watched: Watched) -> None:
    watched.begin("s1")
    watch = watched.watch("s1")

    assert watched.begin("s2").tell is None
    watch.close()


def test_a_stream_that_is_not_read_misses_lines_and_says_how_many(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_MAX_LINES", 3)
    journal = watched.begin()
    watch = watched.watch()
    for _ in range(5):
        journal.frame("client", "in", KEEP_ALIVE)

    found = watched.lines(watch)
    assert [line.get("type") for line in found] == [None, "KeepAlive", "KeepAlive", None]
    assert found[-1] == {"at": 0.0, "lost": 3}
    journal.frame("client", "in", KEEP_ALIVE)
    assert [line["type"] for line in watched.lines(watch)] == ["KeepAlive"]


def test_what_is_lost_is_told_before_what_comes_next(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = watched.begin()
    watch = watched.watch()
    assert len(watched.lines(watch)) == 1
    with monkeypatch.context() as patched:
        patched.setattr(watching, "_MAX_BYTES", 10)
        journal.frame("client", "in", KEEP_ALIVE)
        assert watched.thread.flush(patience())
    journal.frame("client", "in", KEEP_ALIVE)

    assert [line.get("lost") for line in watched.lines(watch)] == [1, None]


def test_entries_that_found_no_room_in_the_queue_are_told(watched: Watched) -> None:
    journal = watched.begin()
    watch = watched.watch()
    ((sink, _),) = watch._watched.values()
    sink.lost = 2
    journal.frame("client", "in", KEEP_ALIVE)
    assert [line.get("lost") for line in watched.lines(watch)] == [None, None, 2]
    sink.lost = 1
    watched.journal.end(journal, ENDING)

    assert [line.get("lost") for line in watched.lines(watch)] == [1, None]


def test_streams_are_bounded_and_one_that_is_closed_makes_room(watched: Watched) -> None:
    watched.begin()
    watches = [watched.watch() for _ in range(MAX_WATCHES)]

    with pytest.raises(SessionError, match="close one first"):
        watched.watch()

    watches[0].close()
    watched.watch().close()


def test_closing_wakes_who_waits_for_a_line(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_IDLE", patience())
    watched.begin()
    watch = watched.watch()
    lines = iter(watch)
    assert b"s1" in next(lines)
    rest: list[bytes] = []
    reader = threading.Thread(target=lambda: rest.extend(lines))
    reader.start()

    watch.close()

    reader.join(patience())
    assert not reader.is_alive()
    assert rest == []


def test_a_session_that_ends_while_it_is_looked_up_is_no_stream(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = watched.begin()
    real = watched.journal.watch

    def ends_first(session_id: str, read: Any) -> Callable[[], None] | None:
        watched.journal.end(journal, ENDING)
        return real(session_id, read)

    monkeypatch.setattr(watched.journal, "watch", ends_first)

    assert watched.watchers.watch("s1", "events") is None


def test_a_session_that_begins_while_a_stream_of_all_begins_is_read_once(watched: Watched) -> None:
    watch = watched.watch(None)
    journal = watched.begin()

    assert watch.begin(journal.facts) is None
    watch.close()
    assert watch.begin(journal.facts) is None


def test_a_stream_that_is_ended_while_it_begins_is_told_of_no_session(watched: Watched) -> None:
    class Slow(Journal):
        def join(self, reader: Any) -> None:
            watched.watchers.close()
            super().join(reader)

    journal = Slow(watched.clock)
    watched.watchers = Watchers(journal, watched.thread, watched.clock, watched.clock)
    watch = watched.watchers.watch(None, "events")
    facts = SessionFacts("s1", "component", Client(), None, Policy(), State(), Data())
    session = journal.begin(facts)

    assert session.tell is None
    journal.end(session, ENDING)
    assert watched.thread.flush(patience())
    assert watch is not None
    assert [*watch] == []
