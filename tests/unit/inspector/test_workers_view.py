"""What operators see of several workers: in-process workers of a made-up view, over real channels."""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import threading
import time
from pathlib import Path

import orjson
import pytest

from turnstile.errors import SessionError
from turnstile.inspector import remote_view, view_server
from turnstile.inspector.remote_stream import RemoteStream
from turnstile.inspector.view_server import ViewServer
from turnstile.inspector.worker_peers import WorkerPeers
from turnstile.inspector.workers_view import WorkersView
from turnstile.testing import patience

SHORT = 0.05
"""Seconds for answers that do not come."""
_END = object()


class Stream:
    """A stream of the lines that a test says."""

    def __init__(self):
        self.lines = queue.SimpleQueue()
        self.is_closed = threading.Event()

    def __iter__(self):
        while (line := self.lines.get(timeout=patience())) is not _END:
            yield line

    def close(self):
        self.is_closed.set()
        self.lines.put(_END)


class Shown:
    """A `View` whose answers a test sets."""

    def __init__(self, *names, **figures):
        self.open = {name: {"id": name, "state": "idle"} for name in names}
        self.figures = figures
        self.outcome = {"done": True}
        self.given = []
        self.streams = {name: Stream() for name in names}
        self.go_on = threading.Event()
        self.go_on.set()
        self.asked = threading.Semaphore(0)

    def _hold(self):
        self.asked.release()
        assert self.go_on.wait(patience())

    def counts(self):
        self._hold()
        return dict(self.figures)

    def sessions(self):
        self._hold()
        return list(self.open.values())

    def session(self, session_id):
        return self.open.get(session_id)

    def events(self, session_id):
        if self.streams[session_id] is None:
            raise SessionError("too_many_streams", "16 streams are open: close one.")
        return self.streams[session_id]

    def give(self, session_id, message, timeout):
        self._hold()
        self.given.append((session_id, message, timeout))
        return self.outcome


class Company:
    """Workers in this process, and the view of them all."""

    def __init__(self, stack, timeout):
        self.stack = stack
        self.peers = WorkerPeers(timeout)
        self.view = WorkersView(self.peers)
        self.numbers = iter(range(1, 100))

    def channel(self):
        """Start a worker that does nothing; returns its number and its end of the channel."""
        number = next(self.numbers)
        with self.peers.began(number) as inherited:
            channel = self.stack.enter_context(inherited.dup())
        self.peers.ready(number)
        self.stack.callback(self.peers.ended, number)
        return number, channel

    def worker(self, shown):
        """Start a worker that shows this; returns its number and its server."""
        number, channel = self.channel()
        server = ViewServer(shown, channel)
        server.start()
        self.stack.callback(server.close)
        self.stack.callback(shown.go_on.set)
        return number, server


@pytest.fixture
def company():
    with contextlib.ExitStack() as stack:
        yield lambda timeout=None: Company(stack, patience() if timeout is None else timeout)


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def answering(channel, answer):
    """Answer the next request on a channel with these bytes, and close it; returns the thread."""

    def answer_once():
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        with socket.socket(fileno=descriptors[0]) as sock:
            sock.makefile("rb").readline()
            sock.sendall(answer)

    thread = threading.Thread(target=answer_once)
    thread.start()
    return thread


def test_the_counts_of_all_workers_are_one(company):
    workers = company()
    workers.worker(Shown(turns=3, responses={"completed": 2}))
    workers.worker(Shown(turns=4, responses={"completed": 1, "failed": 1}))
    assert workers.view.counts() == {"turns": 7, "responses": {"completed": 3, "failed": 1}}


def test_what_their_parent_measures_of_itself_is_beside_what_they_do(company):
    workers = company()
    workers.worker(Shown(process_open_fds={"1": 20}))
    view = WorkersView(workers.peers, own_figures=lambda: {"process_open_fds": {"parent": 9}})
    assert view.counts() == {"process_open_fds": {"1": 20, "parent": 9}}


def test_the_sessions_of_all_workers_are_shown_with_the_number_of_their_worker(company):
    workers = company()
    workers.worker(Shown("a"))
    workers.worker(Shown("b"))
    shown = {session["id"]: session["worker"] for session in workers.view.sessions()}
    assert shown == {"a": 1, "b": 2}
    assert workers.view.session("b") == {"id": "b", "state": "idle", "worker": 2}
    assert workers.view.session("c") is None


def test_a_message_reaches_the_worker_that_has_the_session_and_no_other(company):
    workers, first, second = company(), Shown("a"), Shown("b")
    workers.worker(first)
    workers.worker(second)
    second.outcome = {"done": False, "code": "refused", "description": "No."}
    assert workers.view.give("b", {"type": "UpdatePrompt", "prompt": "x" * 1_000_000}, 3.0) == second.outcome
    assert [len(message["prompt"]) for _, message, _ in second.given] == [1_000_000]
    assert not first.given
    assert workers.view.give("c", {"type": "End"}, 3.0) is None


def test_a_session_that_ends_before_the_message_comes_is_not_open(company):
    workers, shown = company(), Shown("a")
    workers.worker(shown)
    shown.outcome = None
    assert workers.view.give("a", {"type": "End"}, 3.0) is None
    shown.streams["a"] = None


def test_the_stream_of_a_session_comes_from_its_worker_and_ends_with_the_session(company):
    workers, shown = company(), Shown("b")
    workers.worker(Shown("a"))
    workers.worker(shown)
    stream = shown.streams["b"]
    for line in (b'{"at":0}', b"", b'{"at":1}', _END):
        stream.lines.put(line)
    assert list(workers.view.events("b")) == [b'{"at":0}', b"", b'{"at":1}']
    assert stream.is_closed.wait(patience())


def test_a_stream_that_its_reader_closes_ends_in_its_worker(company):
    workers, shown = company(), Shown("a")
    workers.worker(shown)
    events = workers.view.events("a")
    lines = iter(events)
    shown.streams["a"].lines.put(b"{}")
    assert next(lines) == b"{}"
    events.close()
    assert list(lines) == []
    assert shown.streams["a"].is_closed.wait(patience())
    assert list(events) == []


def test_a_stream_that_nobody_reads_is_closed_all_the_same(company):
    workers, shown = company(), Shown("a")
    workers.worker(shown)
    workers.view.events("a").close()
    assert shown.streams["a"].is_closed.wait(patience())


def test_a_stream_says_that_nothing_comes_while_its_worker_is_stopped():
    ours, theirs = socket.socketpair()
    with theirs:
        stream = RemoteStream(ours, b"{}\n{", quiet=0.01)
        lines = iter(stream)
        assert [next(lines), next(lines)] == [b"{}", b""]
        theirs.sendall(b"}\n")
        assert next(lines) == b"{}"
        stream.close()
        assert list(lines) == []


def test_a_stream_ends_when_its_worker_is_killed():
    ours, theirs = socket.socketpair()
    ours.sendall(b"unread")
    theirs.close()  # resets the other end, as a process does that is killed
    assert list(RemoteStream(ours, b'{}\n{"half":')) == [b"{}"]


def test_a_stream_that_opens_when_its_reader_waits_no_more_is_closed(company):
    class Slow(Shown):
        def events(self, session_id):
            self._hold()
            return super().events(session_id)

    workers, shown = company(SHORT), Slow("a")
    workers.peers.timeout = patience()
    workers.worker(shown)
    shown.go_on.clear()
    with pytest.raises(SessionError, match="does not answer"):
        workers.view.events("a")
    shown.go_on.set()
    assert shown.streams["a"].is_closed.wait(patience())


@pytest.mark.parametrize(
    "ask", [lambda view: view.give("a", {"type": "End"}, 1.0), lambda view: view.events("a")], ids=["give", "events"]
)
def test_a_worker_that_fails_to_answer_is_not_said_to_have_ended(company, caplog, ask):
    class Failing(Shown):
        def events(self, session_id):
            raise ValueError(session_id)

        def give(self, session_id, message, timeout):
            raise ValueError(session_id, message, timeout)

    workers = company()
    workers.worker(Failing("a"))
    with pytest.raises(SessionError, match="The worker failed to answer; its log says why"):
        ask(workers.view)
    assert "could not be answered" in caplog.text


def test_that_no_more_streams_may_be_open_is_said(company):
    workers, shown = company(), Shown("a")
    workers.worker(shown)
    shown.streams["a"] = None
    with pytest.raises(SessionError, match="16 streams are open"):
        workers.view.events("a")


def test_the_figures_of_a_worker_that_does_not_answer_are_those_that_it_last_told(company):
    workers, frozen = company(SHORT), Shown(turns=3)
    workers.peers.timeout = patience()
    workers.worker(frozen)
    workers.worker(Shown(turns=4))
    assert workers.view.counts() == {"turns": 7}
    workers.peers.timeout = SHORT
    frozen.go_on.clear()
    assert workers.view.counts() == {"turns": 7}


def test_that_a_worker_does_not_answer_is_logged_once_and_that_it_does_again(company, caplog):
    workers, frozen = company(SHORT), Shown(turns=3)
    number, _ = workers.worker(frozen)
    frozen.go_on.clear()
    with caplog.at_level(logging.WARNING, remote_view.log.name):
        for _ in range(3):
            assert workers.view.sessions() == []
        frozen.go_on.set()
        workers.peers.timeout = patience()
        assert workers.view.counts() == {"turns": 3}
    assert [record.getMessage() for record in caplog.records] == [
        f"Operators do not see worker {number} as it is now: it does not answer",
        f"Operators see worker {number} again",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"nonsense\n",
        b"[]\n",
        b"5\n",
        b'{"is":5}\n',
        b'{"is":{"number":1,"figures":{"turns":"x"}}}\n',
        b"{}\n",
    ],
)
def test_an_answer_that_cannot_be_read_counts_as_none(company, answer):
    workers = company()
    workers.worker(Shown(turns=4))
    _, channel = workers.channel()
    thread = answering(channel, answer)
    assert workers.view.counts() == {"turns": 4}
    thread.join(patience())


def test_an_answer_without_end_is_not_read_for_ever(company, monkeypatch):
    monkeypatch.setattr("turnstile.inspector.question.LINE_BYTES", 1000)
    workers = company()
    _, channel = workers.channel()
    thread = answering(channel, b"x" * 1001)
    assert workers.view.sessions() == []
    thread.join(patience())


def test_a_worker_that_only_starts_is_not_asked(company):
    workers = company()
    workers.worker(Shown(turns=4))
    workers.peers.began(50).close()
    assert workers.view.counts() == {"turns": 4}
    workers.peers.ended(50)


def test_a_worker_that_has_died_and_is_not_missed_yet_costs_no_wait(company):
    workers = company()
    workers.worker(Shown(turns=4))
    _, channel = workers.channel()
    channel.close()
    assert workers.view.counts() == {"turns": 4}


def test_no_counter_goes_back_when_a_worker_ends_in_order_or_is_killed(company):
    workers, orderly, killed = company(), Shown(turns=3, sessions_open=2), Shown(turns=4, sessions_open=1)
    first, first_server = workers.worker(orderly)
    second, _ = workers.worker(killed)
    assert workers.view.counts() == {"turns": 7, "sessions_open": 3}
    orderly.figures["turns"] = killed.figures["turns"] = 10
    first_server.close()
    workers.peers.ended(first)
    workers.peers.ended(second)
    assert workers.view.counts() == {"turns": 14}
    workers.worker(Shown(turns=1, sessions_open=1))
    assert workers.view.counts() == {"turns": 15, "sessions_open": 1}


def test_figures_that_arrive_behind_newer_ones_change_nothing(company):
    workers = company()
    number, channel = workers.channel()
    for count, turns in ((2, 9), (1, 5)):
        answer = orjson.dumps({"is": {"number": count, "figures": {"turns": turns}}}) + b"\n"
        thread = answering(channel, answer)
        assert workers.view.counts() == {"turns": 9}
        thread.join(patience())
    assert number == 1


def test_the_number_of_figures_grows_with_them(company):
    workers, shown = company(), Shown(turns=1)
    workers.worker(shown)
    assert workers.view.counts() == {"turns": 1}
    shown.figures["turns"] = 2
    assert workers.view.counts() == {"turns": 2}


def test_a_worker_that_could_not_be_started_leaves_nothing(company):
    workers = company()
    with workers.peers.began(1):
        pass
    workers.peers.ended(1)
    workers.peers.ended(1)
    assert workers.view.counts() == {}


NOW = 1_800_000_000.0


def figures(**known):
    return {"upstream_last_failure": 0.0, "upstream_last_success": 0.0, "draining": {"1": 0}, "full": {"1": 0}, **known}


@pytest.mark.parametrize(
    ("first", "second", "reasons"),
    [
        ({}, {}, []),
        ({"full": {"1": 1}}, {"full": {"2": 1}}, ["full"]),
        ({"full": {"1": 1}}, {"full": {"2": 0}}, []),
        ({"draining": {"1": 1}}, {"draining": {"2": 0}}, []),
        ({"upstream_last_failure": NOW - 1}, {}, ["upstream_unreachable"]),
        ({"upstream_last_failure": NOW - 2}, {"upstream_last_success": NOW - 1}, []),
    ],
)
def test_clients_are_unwelcome_for_what_is_so_of_all_workers_together(company, first, second, reasons):
    workers = company()
    for known in (first, second):
        workers.worker(Shown(**figures(**known)))
    assert WorkersView(workers.peers, lambda: NOW).unready() == reasons


def test_a_worker_that_does_not_answer_does_not_make_a_full_proxy_welcome_clients(company):
    workers, frozen = company(), Shown(**figures())
    workers.worker(frozen)
    workers.worker(Shown(**figures(full={"2": 1})))
    assert workers.view.unready() == []
    frozen.go_on.clear()
    workers.peers.timeout = SHORT
    assert workers.view.unready() == ["full"]


def test_no_client_is_welcome_while_no_worker_is_ready_or_all_end(company):
    workers = company()
    assert workers.view.unready() == ["no_worker_ready"]
    workers.worker(Shown(**figures()))
    assert workers.view.unready() == []
    workers.peers.draining()
    assert workers.view.unready() == ["draining"]


def test_a_parent_is_healthy_while_a_worker_runs_or_none_has_to(company):
    peers = company().peers
    alive = [peers.are_alive()]
    for number, change in ((1, peers.began), (2, peers.began), (1, peers.ended), (2, peers.ended), (2, peers.began)):
        with change(number) or contextlib.nullcontext():
            alive.append(peers.are_alive())
    peers.draining()
    peers.ended(2)
    assert [*alive, peers.are_alive()] == [True, True, True, True, False, True, True]


def test_a_session_that_a_silent_worker_may_have_is_not_said_to_be_none(company):
    workers = company(SHORT)
    workers.worker(Shown("a"))
    number, _ = workers.channel()
    for ask in (workers.view.session, workers.view.events, lambda name: workers.view.give(name, {"type": "End"}, 1)):
        with pytest.raises(SessionError, match=f"worker {number} does not answer: ask again"):
            ask("b")


def test_a_message_that_takes_longer_than_it_may_has_an_outcome_that_says_so(company):
    workers, shown = company(), Shown("a")
    workers.worker(shown)
    shown.go_on.clear()
    workers.view._wait = SHORT
    outcome = workers.view.give("a", {"type": "End"}, 0.0)
    assert outcome["done"] is False
    assert outcome["code"] == "timeout"
    assert "Worker 1, which has the session, gives no answer: it does not answer." in outcome["description"]


def test_a_message_whose_worker_dies_meanwhile_has_an_outcome_that_says_so(company):
    workers = company()
    number, channel = workers.channel()
    threads = [answering(channel, b'{"is":{"id":"a"}}\n')]
    worker = workers.peers.find("a")[0]
    threads[0].join(patience())
    workers.peers.find = lambda _: (worker, {"id": "a"})
    threads.append(answering(channel, b'{"is":{"do'))
    outcome = workers.view.give("a", {"type": "UpdatePrompt", "prompt": "Be brief."}, 1.0)
    assert (outcome["done"], outcome["code"]) == (False, "session_ended")
    assert f"The session has ended, with worker {number}" in outcome["description"]
    threads[1].join(patience())


def test_a_session_that_ends_with_its_worker_is_ended_as_it_was_asked_to_be(company):
    workers = company()
    _, channel = workers.channel()
    threads = [answering(channel, b'{"is":{"id":"a"}}\n')]
    worker = workers.peers.find("a")[0]
    threads[0].join(patience())
    workers.peers.find = lambda _: (worker, {"id": "a"})
    threads.append(answering(channel, b""))
    assert workers.view.give("a", {"type": "End"}, 1.0) == {"done": True}
    threads[1].join(patience())


def test_half_a_character_and_a_number_beyond_all_bounds_do_not_keep_a_message_or_a_session_away(company):
    workers, shown = company(), Shown("a")
    workers.worker(shown)
    shown.open["a"]["model"] = "gpt\ud83d"
    assert workers.view.session("a")["model"] == "gpt?"
    assert workers.view.give("a", {"type": "End", "code": 10**30, "reason": "\ud83d"}, 1.0) == {"done": True}
    assert shown.given[0][1]["reason"] == "?"


def test_a_request_for_which_there_is_no_thread_is_not_taken(company, monkeypatch):
    workers = company()
    workers.worker(Shown("a"))

    def no_room(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(view_server.threading.Thread, "start", no_room)
        assert workers.view.sessions() == []
    assert workers.view.session("a")


def test_a_request_that_nobody_waits_for_any_more_is_not_done(company):
    workers, shown = company(SHORT), Shown("a")
    number, channel = workers.channel()
    request = {"ask": "give", "id": "a", "message": {"type": "End"}, "timeout": 1.0}
    workers.peers._workers[number].ask(request, patience()).__exit__(None, None, None)
    server = ViewServer(shown, channel)
    server.start()
    workers.peers.timeout = patience()
    assert workers.view.sessions() == [{"id": "a", "state": "idle", "worker": number}]
    server.close()  # waits for what is under way
    assert shown.given == []


def test_a_worker_that_is_stopped_for_long_is_not_sent_requests_without_end(company):
    workers = company(0)
    workers.channel()
    before = descriptors()
    for _ in range(2000):
        assert workers.view.sessions() == []
    assert descriptors() == before


def test_a_request_beyond_those_that_are_answered_at_once_is_refused_in_words(company, monkeypatch):
    monkeypatch.setattr(view_server, "_ROOM", {"give": 1})
    workers, shown = company(), Shown("a")
    workers.worker(shown)
    shown.go_on.clear()
    first = threading.Thread(target=workers.view.give, args=("a", {"type": "End"}, patience()))
    first.start()
    assert shown.asked.acquire(timeout=patience())
    with pytest.raises(SessionError, match="ask again"):
        workers.view.give("a", {"type": "End"}, 1.0)
    shown.go_on.set()
    first.join(patience())
    assert workers.view.give("a", {"type": "End"}, 1.0) == {"done": True}


def test_requests_beyond_all_bounds_are_not_taken(company, monkeypatch):
    monkeypatch.setattr(view_server, "_MOST", 0)
    workers = company()
    workers.worker(Shown("a"))
    assert workers.view.sessions() == []


def test_a_request_that_makes_no_sense_is_logged_and_ends_nothing(company, caplog):
    workers, shown = company(), Shown("a")
    number, _ = workers.worker(shown)
    worker = workers.peers._workers[number]
    with worker.ask({"ask": "session", "id": {}}, patience()) as question:
        question.socket.settimeout(patience())
        assert b"internal_error" in question.socket.recv(1000)
    assert "could not be answered" in caplog.text
    assert workers.view.session("a")


def test_a_hundred_scrapes_and_streams_leave_no_descriptor_and_no_thread(company, monkeypatch):
    monkeypatch.setattr(view_server, "_ROOM", {})
    for bound in ("_ROOM_FOR_OTHERS", "_MOST"):  # a thread that has answered may not have been counted out yet
        monkeypatch.setattr(view_server, bound, 1000)
    workers, shown = company(), Shown("a", turns=1)
    workers.worker(shown)
    workers.worker(Shown("b", turns=1))
    before, deadline = descriptors(), time.monotonic() + patience()
    for _ in range(100):
        assert workers.view.counts() == {"turns": 2}
        assert len(workers.view.sessions()) == 2
        stream = shown.streams["a"] = Stream()
        workers.view.events("a").close()
        assert stream.is_closed.wait(patience())
    while descriptors() > before:  # threads are looked at after each test
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_a_worker_that_ends_ends_its_streams_and_what_is_being_answered(company):
    workers, shown = company(), Shown("a")
    _, server = workers.worker(shown)
    events = workers.view.events("a")
    server.close()
    assert list(events) == []
    assert shown.streams["a"].is_closed.is_set()


def test_last_figures_that_cannot_be_counted_are_no_obstacle_to_the_end(company, caplog):
    workers, shown = company(), Shown("a")
    number, server = workers.worker(shown)
    shown.counts = lambda: {}["missing"]
    server.close()
    workers.peers.ended(number)
    assert "The last figures could not be handed over" in caplog.text
    assert workers.view.counts() == {}


def test_a_worker_whose_parent_has_ended_ends_all_the_same(company):
    workers, shown = company(), Shown("a", turns=3)
    number, server = workers.worker(shown)
    workers.peers.ended(number)
    server.close()
    assert workers.view.counts() == {}


def test_a_stream_of_a_session_that_ends_meanwhile_or_of_a_worker_that_does_not_answer_is_none(company):
    workers, shown = company(), Shown("a")
    workers.worker(shown)
    shown.events = lambda _: None
    assert workers.view.events("a") is None
    go_on = threading.Event()
    shown.events = lambda _: go_on.wait(patience()) and None
    workers.view._wait = SHORT
    with pytest.raises(SessionError, match="Worker 1, which has the session, gives no answer: it does not answer"):
        workers.view.events("a")
    go_on.set()


def test_a_worker_is_not_asked_while_this_process_has_no_room_for_a_socket(company, monkeypatch):
    workers, shown = company(), Shown("a")
    workers.worker(shown)

    def no_room():
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as full:
        full.setattr(remote_view.socket, "socketpair", no_room)
        assert workers.view.sessions() == []
    assert workers.view.session("a")
