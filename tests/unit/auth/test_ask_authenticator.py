"""Asking a service on this machine about clients: what it does not decide in time, and in order, admits nobody."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from http_service import hang

from turnstile.auth.ask_authenticator import AskAuthenticator
from turnstile.auth.ask_wire import MOST_BYTES
from turnstile.auth.identity import Identity
from turnstile.server.requests import Rejection, UpgradeRequest
from turnstile.testing import patience
from turnstile.transports.http.allow_list import parse_address
from turnstile.transports.http.blocking_client import BlockingClient
from turnstile.transports.http.network import resolve_name

WAIT = patience()
YES = b'{"identity": "alice"}'
REQUEST = UpgradeRequest("/openai", {}, {"authorization": "Bearer k3y-of-mine"}, "192.0.2.7:1234", ())


@pytest.fixture
def make(calls):
    made = []

    def make(url, *, timeout=WAIT, threads=16, headers=("authorization",), token=None, resolve=resolve_name):
        client = BlockingClient(
            "ask",
            "The service",
            timeout=timeout,
            max_body_bytes=MOST_BYTES,
            threads=threads,
            max_waiting=0,
            resolve=resolve,
        )
        made.append(AskAuthenticator(client, parse_address(url), headers, token, calls.soon))
        return made[-1]

    yield make
    for authenticator in made:
        authenticator.close(WAIT)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("turnstile-ask")]


def ask(authenticator, calls, request=REQUEST):
    """Return what is decided."""
    decided = []
    assert authenticator.authenticate(request, decided.append)
    assert decided == []  # never at once: it has not been asked here
    calls.make_next()
    (outcome,) = decided
    return outcome


def undecided(outcome):
    """Return the words in the log of a rejection that tells the client nothing of the service."""
    assert isinstance(outcome, Rejection)
    assert (outcome.status, outcome.headers["Retry-After"], outcome.reason) == (503, "5", "ask")
    assert outcome.text == "The service that decides about clients gave no answer; try again later.\n"
    return outcome.logged


def test_the_service_is_asked_by_a_post_with_json(serve, make, calls):
    service = serve(YES)
    assert ask(make(service.url, token="sesame"), calls) == Identity("alice")
    (asked,) = service.seen
    assert (asked.method, asked.path) == ("POST", "/path?v=1")
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Authorization"] == "Bearer sesame"
    assert json.loads(asked.body) == {
        "path": "/openai",
        "address": "192.0.2.7",
        "headers": {"authorization": "Bearer k3y-of-mine"},
        "credential": "k3y-of-mine",
    }


def test_a_key_is_not_shown_unless_its_header_is_named(serve, make, calls):
    service = serve(YES)
    ask(make(service.url, headers=("cookie",)), calls)
    (asked,) = service.seen
    assert "Authorization" not in asked.headers
    assert json.loads(asked.body) == {"path": "/openai", "address": "192.0.2.7", "headers": {}}


def test_a_key_of_another_scheme_is_shown_as_it_is(serve, make, calls):
    service = serve(YES)
    request = UpgradeRequest("/openai", {}, {"authorization": "Basic abc="}, "192.0.2.7:1", ())
    assert ask(make(service.url), calls, request) == Identity("alice")
    assert json.loads(service.seen[0].body)["headers"] == {"authorization": "Basic abc="}


def test_a_client_with_two_keys_is_not_asked_about(serve, make):
    service, decided = serve(YES), []
    request = UpgradeRequest("/openai", {"token": "another"}, REQUEST.headers, "192.0.2.7:1", ())
    assert make(service.url).authenticate(request, decided.append) is None
    assert (decided[0].status, service.seen) == (400, [])


def test_a_refusal_of_the_service_is_the_clients_and_shows_no_key(serve, make, calls):
    service = serve(b"k3y-of-mine has expired", 403, {"Content-Type": "text/plain"})
    outcome = ask(make(service.url), calls)
    assert (outcome.status, outcome.text) == (403, "*** has expired\n")


def test_credentials_of_another_scheme_are_not_shown_in_a_refusal_either(serve, make, calls):
    service = serve(b"Who is dXNlcjpwYXNz?", 401, {"Content-Type": "text/plain"})
    request = UpgradeRequest("/openai", {}, {"authorization": "Basic  dXNlcjpwYXNz"}, "192.0.2.7:1", ())
    assert ask(make(service.url), calls, request).text == "Who is ***?\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, {}, b"Traceback"), "The service answered 500; 200, 401, 403 and 429 are answers."),
        ((302, {"Location": "/elsewhere"}, b""), "The service answered 302; 200, 401, 403 and 429 are answers."),
        ((200, {}, b"yes"), "The service's answer is not JSON."),
        ((200, {}, b'{"identity": "a", "voice": 7}'), "The service's answer: voice: must be text, not int."),
        ((200, {}, b'{"identity": "a"' + b" " * MOST_BYTES + b"}"), "The service's answer is larger than 65536 bytes."),
        ((200, {"Content-Encoding": "gzip"}, YES), "The service's answer is compressed, which was not asked for."),
        ((200, {"Content-Length": "99"}, YES), "The service gave no complete HTTP answer."),
    ],
)
def test_an_answer_that_is_no_decision_admits_nobody(serve, make, calls, answer, words):
    service = serve(answer=lambda _: answer)
    assert undecided(ask(make(service.url), calls)) == f"auth.ask_url: {words}"
    assert len(service.seen) == 1  # neither another time nor elsewhere


def dribble(sock):
    """Answer so slowly that each byte is in time and the whole is not."""
    sock.recv(1 << 16)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    pause = threading.Event()
    while True:
        sock.sendall(b" ")
        pause.wait(0.01)


def dribble_head(sock):
    sock.recv(1 << 16)
    pause = threading.Event()
    while True:
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        pause.wait(0.01)


@pytest.mark.parametrize("talk", [hang, dribble, dribble_head])
def test_a_service_that_does_not_answer_in_time_admits_nobody(serve_raw, make, calls, talk):
    authenticator = make(serve_raw(talk).url, timeout=0.1)
    assert undecided(ask(authenticator, calls)) == "auth.ask_url: The service did not answer within 0.1 s."


def test_a_name_that_is_not_resolved_in_time_admits_nobody(make, calls):
    done = threading.Event()
    authenticator = make("http://decider.example/", timeout=0.05, resolve=lambda *_: done.wait(WAIT) or [])
    assert undecided(ask(authenticator, calls)) == "auth.ask_url: The service did not answer within 0.05 s."
    done.set()


def test_a_service_that_is_not_there_admits_nobody(make, calls):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        authenticator = make(f"http://127.0.0.1:{unused.getsockname()[1]}/")
        assert undecided(ask(authenticator, calls)) == "auth.ask_url: The service's host cannot be reached."


def test_a_service_that_speaks_no_tls_admits_nobody(serve, make, calls):
    url = serve(YES).url.replace("http:", "https:")
    assert undecided(ask(make(url), calls)).startswith("auth.ask_url: There is no secure connection")


def test_an_error_that_nobody_thought_of_admits_nobody(serve, make, calls, monkeypatch):
    monkeypatch.setattr(BlockingClient, "exchange", lambda *_, **__: {}["no such thing"])
    assert undecided(ask(make(serve(YES).url), calls)) == "auth.ask_url: The service could not be asked (KeyError)."


def test_one_client_more_than_may_wait_is_rejected_at_once(serve_raw, make):
    reached = threading.Semaphore(0)

    def talk(sock):
        reached.release()
        hang(sock)

    authenticator, decided = make(serve_raw(talk).url), []
    waiting = [authenticator.authenticate(REQUEST, decided.append) for _ in range(16)]
    for _ in range(16):
        assert reached.acquire(timeout=WAIT)
    assert decided == []
    assert authenticator.authenticate(REQUEST, decided.append) is None
    (rejection,) = decided
    assert (rejection.status, rejection.headers, rejection.reason) == (503, {"Retry-After": "1"}, "ask_full")
    assert rejection.logged.startswith("auth.ask_concurrent: ")
    for go in waiting:
        go()


def test_a_client_that_goes_ends_its_question_and_frees_its_place(serve_raw, make):
    reached, ended = threading.Event(), threading.Event()

    def talk(sock):
        reached.set()
        hang(sock)
        ended.set()

    authenticator, decided = make(serve_raw(talk).url, threads=1), []
    go = authenticator.authenticate(REQUEST, decided.append)
    assert reached.wait(WAIT)
    go()
    assert ended.wait(WAIT)
    authenticator.close(WAIT)  # waits for its thread, which would be busy until the deadline
    assert decided == []


def test_nobody_is_asked_about_once_it_is_closed(serve, make):
    service, decided = serve(YES), []
    authenticator = make(service.url)
    authenticator.close(0)
    assert authenticator.authenticate(REQUEST, decided.append) is None
    assert (decided[0].status, decided[0].logged, service.seen) == (503, "", [])
