"""A session's actors end together, once, each letting go of what it owns."""

from __future__ import annotations

import logging
import threading

import pytest

from actors.dispatch import inbox_of
from actors.lifecycle import INTERNAL_FAULT, SessionActor
from actors.messages import End, Peers
from turnstile.testing import RecordingInbox, patience

BYE = End(1000, "bye")


class Part(SessionActor):
    """An actor that keeps what happens to it, and fails when it is told to."""

    def __init__(self, session_id, dispatcher, on_end):
        super().__init__(session_id, dispatcher, on_end)
        self.released = []
        self.taken = []
        self.release_fails = None
        self.actor_ref.part = self

    def meet(self, others):
        self.met = others

    def on_receive(self, message):
        self.taken.append(message)
        if isinstance(message, BaseException):
            raise message
        return message

    def release(self, end):
        self.released.append(end)
        if self.release_fails:
            raise self.release_fails


@pytest.fixture
def ended():
    return threading.Event()


@pytest.fixture
def part(bench, ended):
    """A running actor whose two peers are inboxes."""
    ref = Part.start("s1", bench.dispatcher, lambda _: ended.set())
    inbox_of(ref).tell(Peers(inbox_of(ref), bench.coordinator, bench.upstream))
    yield ref.part
    if ref.is_alive():
        ref.stop(timeout=patience())


def test_the_peers_are_told_of_the_end_and_the_actor_lets_go_when_it_is_told(part, bench, ended):
    part.inbox.tell(BYE)
    assert ended.wait(patience())
    assert part.released == [BYE]
    assert bench.coordinator.wait_for(End) == bench.upstream.wait_for(End) == BYE
    assert part.actor_stopped.wait(patience())


def test_everything_is_let_go_once_when_two_ends_come(part, bench, ended):
    part.inbox.tell(BYE)
    part.inbox.tell(End(1001, "later"))
    assert ended.wait(patience())
    assert part.actor_stopped.wait(patience())
    assert part.released == [BYE]
    assert len(bench.coordinator.messages) == 1


def test_pykkas_stop_ends_the_session_as_an_end_does(part, bench, ended):
    assert part.actor_ref.stop(timeout=patience())
    assert ended.wait(patience())
    assert part.released == [End(1001, "shutting down")]
    assert bench.coordinator.wait_for(End) == bench.upstream.wait_for(End) == End(1001, "shutting down")


def test_nothing_is_handled_behind_the_end(part, ended):
    part.inbox.tell_all(["before", BYE, "behind"])
    assert part.actor_stopped.wait(patience())
    assert ended.wait(patience())
    assert part.taken == ["before"]


@pytest.mark.parametrize("fault", [ValueError("boom"), TypeError("odd"), SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_the_session_ends_with_an_internal_error_when_a_message_cannot_be_handled(part, bench, ended, fault):
    part.inbox.tell(fault)
    assert ended.wait(patience())
    (end,) = part.released
    assert (end.code, end.problem) == (1011, INTERNAL_FAULT)
    assert bench.upstream.wait_for(End) == end


def test_the_failure_is_logged_with_its_traceback(part, ended, caplog):
    part.inbox.tell(ValueError("boom"))
    assert ended.wait(patience())
    assert any(record.exc_info and "boom" in str(record.exc_info[1]) for record in caplog.records)


@pytest.mark.parametrize("fault", [OSError("the socket cannot be closed"), SystemExit(1)], ids=repr)
def test_the_end_is_told_and_counted_when_letting_go_fails(part, bench, ended, caplog, fault):
    part.release_fails = fault
    with caplog.at_level(logging.ERROR):
        part.inbox.tell(BYE)
        assert ended.wait(patience())
        assert bench.coordinator.wait_for(End) == BYE
    assert part.actor_stopped.wait(patience())
    assert "Part could not release everything" in caplog.text


def test_the_end_is_told_and_everything_let_go_when_the_run_cannot_end(part, bench, ended, caplog):
    def run_ended():
        raise OSError("nothing can be written")

    part.run_ended = run_ended
    with caplog.at_level(logging.ERROR):
        part.inbox.tell(BYE)
        assert ended.wait(patience())
    assert bench.coordinator.wait_for(End) == BYE
    assert part.released == [BYE]
    assert part.actor_stopped.wait(patience())
    assert "Part could not end its run" in caplog.text


def test_a_question_that_fails_is_its_askers_and_the_session_goes_on(part, ended):
    with pytest.raises(ValueError, match="boom"):
        part.actor_ref.ask(ValueError("boom"), timeout=patience())
    assert part.actor_ref.ask("still there", timeout=patience()) == "still there"
    assert not ended.is_set()


def test_all_three_end_when_one_of_them_fails(bench):
    counted = threading.Semaphore(0)
    refs = [Part.start("s1", bench.dispatcher, lambda _: counted.release()) for _ in range(3)]
    for ref in refs:
        inbox_of(ref).tell(Peers(*map(inbox_of, refs)))
    inbox_of(refs[1]).tell(ValueError("boom"))
    for ref in refs:
        assert counted.acquire(timeout=patience())
        assert ref.part.actor_stopped.wait(patience())
    assert [len(ref.part.released) for ref in refs] == [1, 1, 1]
    assert {ref.part.released[0].code for ref in refs} == {1011}


def test_the_base_leaves_its_two_parts_to_the_actors(bench):
    bare = SessionActor("s1", bench.dispatcher, bench.on_end)
    for call in (
        lambda: bare.release(BYE),
        lambda: bare.meet(Peers(*[RecordingInbox()] * 3)),
    ):
        with pytest.raises(NotImplementedError):
            call()
