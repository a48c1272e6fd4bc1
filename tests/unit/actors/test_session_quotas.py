"""The places of clients' sessions: taken, given back once, and counted by a parent for all its workers."""

from __future__ import annotations

from collections import Counter
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.session_quotas import SessionQuotas
from turnstile.config import QuotasSection
from turnstile.server.parent_quotas import CountedByParent
from turnstile.server.quota_counting import CountedHere
from turnstile.server.quotas import Claimant, QuotaCounter
from turnstile.server.requests import Rejection
from turnstile.server.worker_quotas import WorkerQuotas

ENDED = "; try again when one has ended."


def section(**quotas):
    return QuotasSection.model_validate(quotas)


def taken(quotas, identity="web", address="192.0.2.1"):
    outcomes = []
    quotas.take(identity, address, outcomes.append)
    (outcome,) = outcomes
    return outcome


def here(**quotas):
    return SessionQuotas(section(**quotas), CountedHere(lambda: 0.0))


@pytest.mark.parametrize(
    ("quotas", "words", "seconds"),
    [
        ({"identity_sessions": 1}, f"quotas.identity_sessions: 1 session at once for web{ENDED}", "5"),
        ({"identity_starts": 1}, "quotas.identity_starts: 1 session a minute for web; try again in 60 s.", "60"),
        ({"address_sessions": 1}, f"quotas.address_sessions: 1 session at once from 192.0.2.1{ENDED}", "5"),
        ({"address_starts": 1}, "quotas.address_starts: 1 session a minute from 192.0.2.1; try again in 60 s.", "60"),
    ],
)  # fmt: skip
def test_a_client_past_a_quota_is_told_which_one_how_much_it_is_and_when_to_try_again(quotas, words, seconds):
    quotas = here(**quotas)
    assert not isinstance(taken(quotas), Rejection)
    assert taken(quotas) == Rejection(429, f"{words}\n", {"Retry-After": seconds}, words.partition(":")[0])


def test_a_place_that_is_given_back_twice_is_given_back_once():
    quotas = here(identity_sessions=2)
    give_back = taken(quotas)
    taken(quotas)
    give_back()
    give_back()
    assert not isinstance(taken(quotas), Rejection)
    assert taken(quotas).status == 429


def test_sessions_that_began_without_quotas_count_when_there_are_some():
    quotas = here()
    first, second = taken(quotas), taken(quotas)
    first()
    quotas.change(section(identity_sessions=2))
    third = taken(quotas)
    assert taken(quotas).status == 429
    second()
    third()
    assert not isinstance(taken(quotas), Rejection)


def test_sessions_that_count_are_given_back_when_there_is_no_quota_any_more():
    quotas = here(identity_sessions=1)
    first = taken(quotas)
    quotas.change(section())
    second = taken(quotas)
    first()
    second()
    quotas.change(section(identity_sessions=1))
    assert not isinstance(taken(quotas), Rejection)


@pytest.mark.parametrize("names", [("a" * 200, "a" * 199 + "b"), ("\ud800", "\ud801"), ("é", "è")])
def test_names_that_are_long_or_odd_are_told_apart_and_shown_on_one_line(names):
    quotas = here(identity_sessions=1)
    for name in names:
        assert not isinstance(taken(quotas, name), Rejection)
        rejection = taken(quotas, f"{name}")
        assert rejection.status == 429
        assert len(rejection.text) < 200


class Loop:
    """Calls at once, and in time when it is told to."""

    def __init__(self):
        self.timers = []

    def call_soon(self, call):
        call()

    def call_later(self, delay, call):
        timer = SimpleNamespace(delay=delay, call=call)
        timer.cancel = partial(self.timers.remove, timer)
        self.timers.append(timer)
        return timer

    def fire(self):
        timer = self.timers.pop(0)
        timer.call()


class Link:
    """Takes lines to the part of a parent that counts for one worker; it answers when it is told to."""

    def __init__(self, counter):
        self.parent = WorkerQuotas(counter)
        self.lines = []
        self.unsent = 0

    def send(self, line):
        self.lines.append(line)

    def pass_on(self):
        while self.lines:
            answer = self.parent.answer(self.lines.pop(0))
            if answer:
                self.receive(answer)


class Worker:
    """One worker, which shows the sessions that it has."""

    def __init__(self, counter, quotas):
        self.loop, self.link = Loop(), Link(counter)
        self.quotas = SessionQuotas(quotas, CountedByParent(self.link, self.loop))
        self.open, self.refused = [], []

    def take(self, claimant):
        def outcome(place):
            if isinstance(place, Rejection):
                self.refused.append(place)
            else:
                self.open.append((claimant, place))

        self.quotas.take(*claimant, outcome)

    def end(self, number):
        if self.open:
            _, give_back = self.open.pop(number % len(self.open))
            give_back()


@pytest.fixture
def counter():
    return QuotaCounter(lambda: 0.0)


WEB = Claimant("web", "192.0.2.1")


def test_a_parent_counts_for_all_workers(counter):
    first, second = (Worker(counter, section(identity_sessions=2)) for _ in range(2))
    for worker in (first, second, first):
        worker.take(WEB)
        worker.link.pass_on()
    assert [len(first.open), len(second.open), len(first.refused)] == [1, 1, 1]
    assert first.loop.timers == []


def test_without_quotas_the_parent_is_told_nothing(counter):
    worker = Worker(counter, section())
    worker.take(WEB)
    worker.end(0)
    assert worker.link.lines == []
    assert worker.loop.timers == []


def test_a_parent_that_does_not_answer_costs_the_client_an_answer_in_words_and_no_place(counter, caplog):
    worker = Worker(counter, section(identity_sessions=1))
    worker.take(WEB)
    worker.take(WEB)
    worker.loop.fire()
    worker.loop.fire()
    assert [(one.status, one.headers) for one in worker.refused] == [(503, {"Retry-After": "5"})] * 2
    worker.link.pass_on()
    assert counter.sessions(WEB) == (0, 0)
    worker.take(WEB)
    worker.link.pass_on()
    assert len(worker.open) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "Clients are rejected: the parent process, which counts for quotas, does not answer",
        "Clients are admitted again: the parent process answers",
    ]


def test_a_parent_whose_answers_all_come_too_late_is_logged_once(counter, caplog):
    worker = Worker(counter, section(identity_sessions=1))
    for _ in range(3):
        worker.take(WEB)
        worker.loop.fire()
        worker.link.pass_on()
    assert len(worker.refused) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "Clients are rejected: the parent process, which counts for quotas, does not answer"
    ]


def test_a_parent_that_reads_nothing_is_asked_nothing_more(counter):
    worker = Worker(counter, section(identity_sessions=1))
    worker.link.unsent = 100_000
    worker.take(WEB)
    assert worker.link.lines == []
    assert [one.status for one in worker.refused] == [503]


def test_what_a_worker_had_is_given_back_when_it_dies(counter):
    worker = Worker(counter, section(identity_sessions=2))
    for _ in range(2):
        worker.take(WEB)
    worker.link.pass_on()
    worker.link.parent.give_all_back()
    assert len(counter) == 0


def test_what_a_worker_has_given_back_is_not_given_back_again_when_it_dies(counter):
    dies, stays = (Worker(counter, section(identity_sessions=2)) for _ in range(2))
    for worker in (dies, stays):
        worker.take(WEB)
        worker.link.pass_on()
    dies.end(0)
    dies.link.pass_on()
    dies.link.parent.give_all_back()
    assert counter.sessions(WEB) == (1, 1)


@pytest.mark.parametrize("line", [b"{}\n", b"[]\n", b"nothing\n", b'["1"]\n', b'[1, ["a"]]\n'])
def test_a_line_that_is_none_of_a_workers_is_refused(counter, line):
    with pytest.raises(ValueError):  # noqa: PT011 - the JSON library's words too
        WorkerQuotas(counter).answer(line)


CLAIMANTS = [Claimant(identity, address) for identity in ("web", "app", "") for address in ("192.0.2.1", "192.0.2.2")]
SECTIONS = [section(), section(identity_sessions=2), section(address_sessions=3, identity_starts=9), section()]
DO = st.tuples(
    st.sampled_from(["take", "take", "take", "end", "pass_on", "pass_on", "give_up", "die", "reload"]),
    st.integers(0, 1),
    st.integers(0, 11),
)


@given(st.lists(DO, min_size=12, max_size=60))
def test_whatever_starts_ends_dies_and_is_reloaded_what_counts_is_what_is_open(steps):
    counter, now = QuotaCounter(lambda: 0.0), SECTIONS[1]
    workers = [Worker(counter, now) for _ in range(2)]
    for what, which, number in steps:
        worker = workers[which]
        if what == "take":
            worker.take(CLAIMANTS[number % len(CLAIMANTS)])
        elif what == "end":
            worker.end(number)
        elif what == "pass_on":
            worker.link.pass_on()
        elif what == "give_up" and worker.loop.timers:
            worker.loop.fire()
        elif what == "die":
            worker.link.parent.give_all_back()
            workers[which] = Worker(counter, now)
        elif what == "reload":
            now = SECTIONS[number % len(SECTIONS)]
            for one in workers:
                one.quotas.change(now)
    for worker in workers:
        worker.link.pass_on()
        worker.quotas.change(SECTIONS[1])
        worker.link.pass_on()
        assert worker.loop.timers == []
    identities, addresses = Counter(), Counter()
    for worker in workers:
        for (identity, address), _ in worker.open:
            identities[identity] += bool(identity)
            addresses[address] += 1
    for claimant in CLAIMANTS:
        assert counter.sessions(claimant) == (identities[claimant.identity], addresses[claimant.address])
    for worker in workers:
        for _ in range(len(worker.open)):
            worker.end(0)
        worker.link.pass_on()
    assert all(counter.sessions(claimant) == (0, 0) for claimant in CLAIMANTS)
