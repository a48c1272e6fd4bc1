"""Keys behind an address: when they are fetched, and what is known while they cannot be."""

from __future__ import annotations

import threading

import pytest
from http_service import hang
from jwt_material import entry, key_set

from turnstile.auth.jwt_key_sources import MAX_AGE, PAUSE, FetchedKeys, NoKey
from turnstile.auth.jwt_keys import MOST_BYTES
from turnstile.testing import patience
from turnstile.transports.http.allow_list import parse_address
from turnstile.transports.http.blocking_client import BlockingClient

WAIT = patience()
ONE = key_set(entry("r1"))
TWO = key_set(entry("r1"), entry("r2"))


class Issuer:
    """Keys as one client's authenticator has them; its clock stands still."""

    def __init__(self, url, calls, timeout=WAIT):
        self.now = 1000.0
        self.client = BlockingClient(
            "jwt-keys", "The service", timeout=timeout, max_body_bytes=MOST_BYTES, threads=1, max_waiting=1
        )
        self.keys = FetchedKeys(self.client, parse_address(url), {"RS256"}, calls.soon, lambda: self.now)

    def find(self, kid="r1"):
        """Begin to look for a key; what is found is added to the list."""
        found = []
        self.gone = self.keys.find("RS256", kid, lambda key: found.append(getattr(key, "kid", key)))
        return found


@pytest.fixture
def issue(calls):
    made = []

    def make(url, **options):
        made.append(Issuer(url, calls, **options))
        return made[-1]

    yield make
    for issuer in made:
        issuer.keys.close(WAIT)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("turnstile-jwt-keys")]


def test_nothing_is_fetched_before_a_key_is_needed(serve, issue):
    service = serve(ONE)
    issue(service.url)
    assert service.seen == []


def test_keys_are_fetched_when_the_first_is_needed(serve, issue, calls):
    service = serve(ONE)
    issuer = issue(service.url)
    first, second = issuer.find(), issuer.find()
    assert first == second == []
    calls.make_next()
    assert first == second == ["r1"]
    assert issuer.find() == ["r1"]
    (asked,) = service.seen
    assert (asked.method, asked.path, asked.body) == ("GET", "/path?v=1", b"")


def test_a_key_that_is_not_known_is_looked_for_once_in_a_while(serve, issue, calls):
    service = serve(ONE)
    issuer = issue(service.url)
    issuer.find()
    calls.make_next()
    assert [issuer.find(f"made up {number}") for number in range(100)] == [[NoKey.UNKNOWN]] * 100
    assert len(service.seen) == 1
    issuer.now += PAUSE
    waiting = [issuer.find(f"made up {number}") for number in range(100)]
    calls.make_next()
    assert waiting == [[NoKey.UNKNOWN]] * 100
    assert len(service.seen) == 2


def test_a_new_key_is_found_as_soon_as_the_issuer_has_it(serve, issue, calls):
    published = [ONE]
    service = serve(answer=lambda _: (200, {}, published[-1]))
    issuer = issue(service.url)
    issuer.find()
    calls.make_next()
    published.append(TWO)
    issuer.now += PAUSE
    found = issuer.find("r2")
    assert issuer.find("r1") == ["r1"]  # a key that is known waits for nothing
    calls.make_next()
    assert found == ["r2"]


def test_a_key_that_the_issuer_withdraws_counts_no_longer_once_the_set_is_old(serve, issue, calls):
    published = [TWO]
    service = serve(answer=lambda _: (200, {}, published[-1]))
    issuer = issue(service.url)
    issuer.find()
    calls.make_next()
    published.append(ONE)
    issuer.now += MAX_AGE - 1
    assert issuer.find("r2") == ["r2"]
    issuer.now += 1
    found = issuer.find("r2")
    calls.make_next()
    assert found == [NoKey.UNKNOWN]


def test_keys_stay_in_use_while_the_address_is_down(serve, issue, calls, caplog):
    answers = [(200, {}, ONE)]
    service = serve(answer=lambda _: answers[-1])
    issuer = issue(service.url)
    issuer.find()
    calls.make_next()
    answers.append((500, {}, b""))
    for _ in range(3):
        issuer.now += MAX_AGE
        found = issuer.find()
        calls.make_next()
        assert found == ["r1"]
    words = (
        "auth.jwt_keys: no keys could be fetched, those that are known stay in use: The service answered 500, not 200"
    )
    assert [line.partition(": name")[0] for line in caplog.messages] == [words]
    answers.append((200, {}, TWO))
    issuer.now += PAUSE
    assert issuer.find("r2") == [NoKey.UNKNOWN]  # nobody waits for what has just failed
    calls.make_next()
    assert issuer.find("r2") == ["r2"]
    assert caplog.messages[1:] == ["auth.jwt_keys: the keys are there again"]


def test_no_key_is_reachable_before_the_first_fetch_succeeds(serve, issue, calls):
    answers = [(503, {}, b"")]
    service = serve(answer=lambda _: answers[-1])
    issuer = issue(service.url)
    first = issuer.find()
    calls.make_next()
    assert first == [NoKey.UNREACHABLE]
    assert issuer.find() == [NoKey.UNREACHABLE]
    assert len(service.seen) == 1
    answers.append((200, {}, ONE))
    issuer.now += PAUSE
    assert issuer.find() == [NoKey.UNREACHABLE]
    calls.make_next()
    assert issuer.find() == ["r1"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            (302, {"Location": "http://127.0.0.1/"}, b""),
            "The service answered 302, not 200: name the address that it redirects to, if any.",
        ),
        ((200, {}, b"<html>"), 'The service\'s answer is not JSON; a key set is {"keys": [...]}.'),
        ((200, {}, b" " * (MOST_BYTES + 1)), "The service's answer is larger than 65536 bytes."),
        ((200, {"Content-Encoding": "gzip"}, ONE), "The service's answer is compressed, which was not asked for."),
        ((200, {"Content-Length": "9999"}, ONE), "The service gave no complete HTTP answer."),
    ],
)
def test_an_answer_without_keys_is_logged_in_words(serve, issue, calls, caplog, answer, words):
    service = serve(answer=lambda _: answer)
    found = issue(service.url).find()
    calls.make_next()
    assert found == [NoKey.UNREACHABLE]
    assert caplog.messages == [f"auth.jwt_keys: no keys could be fetched, there are none yet: {words}"]
    assert len(service.seen) == 1


def test_an_address_that_does_not_answer_is_given_up(serve_raw, issue, calls, caplog):
    issuer = issue(serve_raw(hang).url, timeout=0.05)
    found = issuer.find()
    calls.make_next()
    assert found == [NoKey.UNREACHABLE]
    assert caplog.messages[0].endswith("The service did not answer within 0.05 s.")


def test_an_error_that_nobody_thought_of_is_an_answer_too(serve, issue, calls, caplog, monkeypatch):
    issuer = issue(serve(ONE).url)
    monkeypatch.setattr(issuer.client, "exchange", lambda *_, **__: {}["no such thing"])
    found = issuer.find()
    calls.make_next()
    assert found == [NoKey.UNREACHABLE]
    assert caplog.messages[0].endswith("It could not be fetched (KeyError).")


def test_a_client_that_goes_is_not_told(serve, issue, calls):
    issuer = issue(serve(ONE).url)
    found = issuer.find()
    issuer.gone()
    calls.make_next()
    assert found == []
    assert issuer.find() == ["r1"]


def held(client):
    """Hold the client's thread; return what lets it go on."""
    is_held, go_on = threading.Event(), threading.Event()
    client.submit(lambda: (is_held.set(), go_on.wait(WAIT)))
    assert is_held.wait(WAIT)
    return go_on


def test_a_fetch_waits_for_the_thread_of_the_one_before(serve, issue, calls):
    issuer = issue(serve(ONE).url)
    go_on = held(issuer.client)
    found = issuer.find()
    go_on.set()
    calls.make_next()
    assert found == ["r1"]


def test_a_fetch_that_waits_is_not_made_once_it_is_closed(serve, issue, calls):
    service = serve(ONE)
    issuer = issue(service.url)
    go_on = held(issuer.client)
    found = issuer.find()
    issuer.keys.close(0)
    go_on.set()
    calls.make_next()
    assert (found, service.seen) == ([NoKey.UNREACHABLE], [])


def test_nothing_is_fetched_any_more_once_it_is_closed(serve, issue):
    service = serve(ONE)
    issuer = issue(service.url)
    issuer.keys.close(0)
    assert issuer.find() == [NoKey.UNREACHABLE]
    assert service.seen == []
