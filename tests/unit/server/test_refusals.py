from __future__ import annotations

import pytest

from turnstile.server.refusals import FIRST_INTERVAL, LONGEST_INTERVAL, NAMED_ADDRESSES, Refusals

KEY = "sk-proj-abcdefghijklmnopqrstuvwx0123456789"


class Later:
    """What was asked for later; each interval's end is called by the test."""

    def __init__(self):
        self.delays, self.calls = [], []

    def __call__(self, delay, call):
        self.delays.append(delay)
        self.calls.append(call)

    def pass_interval(self):
        self.calls.pop(0)()


@pytest.fixture
def later():
    return Later()


@pytest.fixture
def refusals(later):
    return Refusals(later)


def _refuse(refusals, times=1, peer="192.0.2.1:50", path="/openai", reason="origin"):
    for _ in range(times):
        refusals.note(peer, path, reason, "403, not from there\n")


def test_one_refusal_is_one_line_with_address_path_and_reason(refusals, later, caplog):
    _refuse(refusals)
    later.pass_interval()
    assert caplog.messages == ["Refused (origin) 192.0.2.1:50 at /openai: 403, not from there"]
    assert later.calls == []
    (record,) = caplog.records
    assert (record.reason, record.address, record.path) == ("origin", "192.0.2.1:50", "/openai")


def test_a_flood_is_logged_when_it_begins_at_each_interval_and_when_it_is_over(refusals, later, caplog):
    _refuse(refusals, 1000)
    later.pass_interval()
    _refuse(refusals, 50, peer="192.0.2.1:51")
    later.pass_interval()
    later.pass_interval()
    assert caplog.messages == [
        "Refused (origin) 192.0.2.1:50 at /openai: 403, not from there",
        "Refused (origin) 999 more within 10 s, the latest 192.0.2.1:50 at /openai: 403, not from there",
        "Refused (origin) 50 more within 20 s, the latest 192.0.2.1:51 at /openai: 403, not from there",
        "Refused (origin) none any more for 40 s, and 1050 before",
    ]
    assert later.calls == []


def test_the_next_refusal_is_logged_at_once_when_a_flood_is_over(refusals, later, caplog):
    _refuse(refusals, 2)
    later.pass_interval()
    later.pass_interval()
    caplog.clear()
    _refuse(refusals)
    assert len(caplog.messages) == 1
    assert later.delays[-1] == FIRST_INTERVAL


def test_the_intervals_grow_and_stay_bounded_while_a_flood_goes_on(refusals, later):
    for _ in range(20):
        _refuse(refusals, 2)
        later.pass_interval()
    assert later.delays[:3] == [10, 20, 40]
    assert max(later.delays) == later.delays[-1] == LONGEST_INTERVAL


def test_a_client_of_another_address_gets_a_line_in_mid_flood_and_a_flood_of_addresses_few(refusals, later, caplog):
    _refuse(refusals, 100)
    for number in range(1000):
        _refuse(refusals, peer=f"198.51.100.{number % 250}:1")
    assert len(caplog.messages) == NAMED_ADDRESSES
    later.pass_interval()
    assert len(caplog.messages) == NAMED_ADDRESSES + 1
    _refuse(refusals, 10)
    assert len(caplog.messages) == NAMED_ADDRESSES + 1


def test_few_addresses_are_remembered_however_many_come(refusals, later):
    for number in range(1000):
        _refuse(refusals, peer=f"10.0.{number // 250}.{number % 250}:1")
        later.pass_interval()
        _refuse(refusals, peer=f"10.1.{number // 250}.{number % 250}:1")
    (flood,) = refusals._floods.values()
    assert len(flood.named) <= 100


def test_two_quiet_addresses_make_no_line_about_a_flood(refusals, later, caplog):
    _refuse(refusals)
    _refuse(refusals, peer="192.0.2.2:1")
    later.pass_interval()
    later.pass_interval()
    assert len(caplog.messages) == 2


def test_refusals_are_counted_by_reason(refusals):
    _refuse(refusals, 3)
    _refuse(refusals, reason="path")
    counts = refusals.counts
    assert counts == {"origin": 3, "path": 1}
    counts.clear()
    assert refusals.counts == {"origin": 3, "path": 1}


def test_each_reason_has_its_own_lines(refusals, caplog):
    _refuse(refusals, 2)
    _refuse(refusals, 2, reason="path")
    assert len(caplog.messages) == 2


def test_what_a_client_wrote_stays_on_one_line_and_short_and_without_its_key(refusals, caplog):
    refusals.note("192.0.2.1:50", f"/a\r\nb/{KEY}\u202e" + "c" * 9000, "path", f"404, {KEY}\n\x1b[31m" + "d" * 9000)
    (line,) = caplog.messages
    assert "\n" not in line
    assert "\x1b" not in line
    assert KEY not in line
    assert len(line) < 1000


def test_a_client_that_asked_for_nothing_has_no_path_in_its_line(refusals, caplog):
    refusals.note("192.0.2.1:50", "", "tls_on_plain_port", "it speaks TLS")
    assert caplog.messages == ["Refused (tls_on_plain_port) 192.0.2.1:50: it speaks TLS"]


@pytest.mark.parametrize("query", ["?key=hunter2", "?hunter2", "#access_token=hunter2"])
def test_a_query_that_a_client_has_encoded_into_its_path_is_not_shown(refusals, caplog, query):
    _refuse(refusals, path=f"/openai{query}")
    assert caplog.messages == ["Refused (origin) 192.0.2.1:50 at /openai…: 403, not from there"]


@pytest.mark.parametrize("before", range(150, 201, 10))
@pytest.mark.parametrize("key", [KEY, f"ts_{'a1' * 22}"])
def test_no_beginning_of_a_key_is_shown_where_a_long_path_is_cut(refusals, caplog, before, key):
    _refuse(refusals, path=f"/{'x' * before}/{key}")
    assert key[:10] not in caplog.text


@pytest.mark.parametrize("space", [" ", "\xa0", "\u3000", "\t"])
def test_a_path_cannot_look_like_more_of_a_line(refusals, caplog, space):
    _refuse(refusals, path=f"/x:{space}Refused{space}(origin){space}203.0.113.7:1{space}at{space}/y")
    (line,) = caplog.messages
    refused, reason, peer, at, _, *answer = line.split()
    assert [refused, reason, peer, at] == ["Refused", "(origin)", "192.0.2.1:50", "at"]
    assert answer == ["403,", "not", "from", "there"]
