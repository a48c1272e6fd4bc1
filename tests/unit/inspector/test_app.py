"""What the ops listener answers."""

from __future__ import annotations

import logging
import threading

import pytest
from werkzeug import Response
from werkzeug.exceptions import BadRequest
from werkzeug.test import Client

from turnstile.errors import SessionError
from turnstile.inspector.app import MESSAGE_BYTES, OpsApp, Route
from turnstile.inspector.resources import STREAMS
from turnstile.testing import patience

GIVE = "/sessions/s1/messages"
UPDATE = {"type": "UpdatePrompt", "prompt": "Be brief."}


def test_health_is_good_as_long_as_the_process_does_its_work(ops):
    assert (ops.get("/healthz").status_code, ops.get("/healthz").json) == (200, {"status": "ok"})
    ops.is_alive = False
    answer = ops.get("/healthz")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "frozen")


def test_readiness_names_the_reasons_when_no_client_should_come(ops):
    assert ops.get("/readyz").json == {"ready": True, "reasons": []}
    ops.view.reasons = ["draining", "full"]
    answer = ops.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"ready": False, "reasons": ["draining", "full"]})


def test_a_proxy_that_is_frozen_is_not_ready(ops):
    ops.is_alive = False
    assert (ops.get("/readyz").status_code, ops.get("/readyz").json["reasons"]) == (503, ["frozen"])


def test_the_version_is_told(ops):
    assert ops.get("/version").json["version"] == "1.2.3"


def test_metrics_are_those_of_the_view_in_prometheus_own_type(ops):
    answer = ops.get("/metrics")
    assert (answer.data, answer.content_type) == (b"turns 7\n", "text/plain; version=1.0.0")


def test_metrics_are_made_for_one_request_at_a_time(ops):
    both, alone = threading.Barrier(2), []

    def make(_):
        try:
            both.wait(0.05)
        except threading.BrokenBarrierError:
            alone.append(True)
            both.reset()
        return b""

    ops.resources._exposition = make
    asking = [threading.Thread(target=ops.get, args=("/metrics",)) for _ in range(2)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(patience())
    assert alone == [True, True]


def test_sessions_are_listed_and_shown(ops):
    assert ops.get("/sessions").json == {"sessions": [{"id": "s1", "state": "idle"}]}
    assert ops.get("/sessions/s1").json == {"id": "s1", "state": "idle"}


@pytest.mark.parametrize("path", ["/sessions/s2", "/sessions/s2/events"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_session_that_is_not_open_is_not_found(ops, path, method):
    answer = ops.ask(method, path)
    assert answer.status_code == 404
    assert method == "HEAD" or answer.json["error"]["code"] == "unknown_session"


@pytest.mark.parametrize(
    "path", ["/session", "/sessions/", "/sessions//events", "/sessions/s1/", "/%2e%2e/etc", "/\xff"]
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_what_is_not_there_is_not_found(ops, path, method):
    answer = ops.ask(method, path)
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("DELETE", "/sessions/s1", "GET, HEAD, OPTIONS"),
        ("GET", GIVE, "OPTIONS, POST"),
        ("TRACE", "/metrics", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_refused_with_those_that_are_answered(ops, method, path, allow):
    answer = ops.post(path, UPDATE) if method == "POST" else ops.ask(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    assert allow in answer.json["error"]["message"]


def test_options_tells_what_is_answered(ops):
    answer = ops.ask("OPTIONS", "/sessions")
    assert (answer.status_code, answer.headers["Allow"], answer.data) == (204, "GET, HEAD, OPTIONS", b"")


def test_options_tells_health_and_readiness_which_haproxy_asks_for_so(ops):
    ops.is_alive, ops.view.reasons = False, ["full"]
    assert {ops.ask("OPTIONS", path).status_code for path in ("/healthz", "/readyz")} == {503}


@pytest.mark.parametrize("path", ["/healthz", "/sessions", "/metrics", "/sessions/s1/events"])
def test_head_tells_of_a_resource_without_its_body(ops, path):
    answer = ops.ask("HEAD", path)
    assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/no/such/path"])
def test_each_answer_keeps_to_itself_what_it_shows(ops, path):
    headers = ops.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    policy = {"default-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"}
    assert set(headers["Content-Security-Policy"].split("; ")) == policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers


def test_a_failure_is_logged_and_its_details_are_not_shown(ops, caplog):
    ops.view.failure = RuntimeError("the inner works")
    answer = ops.get("/sessions")
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "internal_error")
    assert "inner works" not in answer.text
    assert "inner works" in caplog.text


def test_what_cannot_be_said_now_is_answered_with_the_reason(ops):
    ops.view.failure = SessionError("worker_silent", "Worker 2 does not answer: ask again.")
    answer = ops.get("/sessions")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json["error"] == {"code": "worker_silent", "message": "Worker 2 does not answer: ask again."}


def test_a_message_is_given_to_its_session_and_answered_when_it_is_in_force(ops, caplog):
    caplog.set_level(logging.INFO)
    answer = ops.post(GIVE, UPDATE)
    assert (answer.status_code, answer.json) == (200, {"done": True})
    assert ops.view.given == [("s1", UPDATE, 30.0)]
    ops.post(GIVE, {"type": "the merger\nsession ended"})
    assert caplog.messages == [
        "session steered session=s1 message_type=UpdatePrompt asker=192.0.2.9 outcome=done",
        "session steered session=s1 message_type=unknown asker=192.0.2.9 outcome=done",
    ]
    assert "Be brief" not in caplog.text


@pytest.mark.parametrize(
    ("code", "status"), [("timeout", 504), ("invalid_message", 422), ("voice_locked", 409), ("session_ended", 409)]
)
def test_a_message_that_is_not_in_force_is_answered_with_why(ops, code, status):
    ops.view.outcome = {"done": False, "code": code, "description": "voice: stays."}
    answer = ops.post(GIVE, UPDATE)
    assert (answer.status_code, answer.json) == (status, {"error": {"code": code, "message": "voice: stays."}})


def test_a_message_waits_as_long_as_the_request_says(ops):
    ops.post(f"{GIVE}?timeout=2.5", UPDATE)
    assert ops.view.given[0][2] == 2.5


@pytest.mark.parametrize("timeout", ["soon", "-1", "301", "nan", "inf"])
def test_a_timeout_that_is_none_is_refused(ops, timeout):
    answer = ops.post(f"{GIVE}?timeout={timeout}", UPDATE)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "invalid_timeout")
    assert ops.view.given == []


def test_a_message_to_no_session_is_not_found(ops):
    assert ops.post("/sessions/s2/messages", UPDATE).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"NaN"])
def test_a_body_that_is_not_json_is_refused(ops, body):
    answer = ops.post(GIVE, body)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("message", [[], 1, None, {}, {"type": 7}, {"type": None}])
def test_a_message_without_a_type_is_refused(ops, message):
    answer = ops.post(GIVE, message)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid_message")
    assert ops.view.given == []


def test_a_body_that_is_too_large_is_refused(ops):
    answer = ops.post(GIVE, b'{"type": "' + b"x" * MESSAGE_BYTES + b'"}')
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")


def test_what_a_page_of_its_own_cannot_read_is_refused_like_the_rest(ops):
    def page(_):
        raise BadRequest("half a form")

    client = Client(OpsApp([*ops.resources.routes(), Route("/page", "GET", page)], ops.guard), Response)
    answer = client.get("/page")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_request")
    assert "half a form" in answer.json["error"]["message"]
    assert client.get("/version").status_code == 200


def test_a_stream_tells_each_line_of_the_journal_and_the_end_of_the_session(ops):
    answer = ops.get("/sessions/s1/events")
    assert answer.content_type == "text/event-stream"
    ops.view.journals[0].put(b'{"at": 1}', b'{"at": 2}')
    ops.view.journals[0].end()
    parts = b"".join(answer.iter_encoded()).split(b"\n\n")
    assert parts[0].startswith(b":")
    assert parts[1:] == [b'id: 1\ndata: {"at": 1}', b'id: 2\ndata: {"at": 2}', b"event: end\ndata: {}", b""]


def test_a_stream_shows_that_it_lives_when_nothing_happens_for_long(ops):
    parts = ops.get("/sessions/s1/events").iter_encoded()
    next(parts)
    ops.view.journals[0].put(b"", b"first")
    assert next(parts) == b"id: 1\ndata: first\n\n"
    ops.clock.now = 15.0
    ops.view.journals[0].put(b"")
    assert next(parts) == b": still here\n\n"
    ops.clock.now = 29.0
    ops.view.journals[0].put(b"", b"second")
    assert next(parts).startswith(b"id: 2")


def test_a_stream_does_not_tell_that_the_session_has_ended_when_only_the_listener_stops(ops):
    parts = ops.get("/sessions/s1/events").iter_encoded()
    next(parts)
    ops.resources.close()
    assert (list(parts), ops.view.journals[0].is_closed.is_set()) == ([], True)


def test_a_stream_that_begins_while_the_listener_stops_ends_at_once(ops):
    ops.resources.close()
    assert len(list(ops.get("/sessions/s1/events").iter_encoded())) == 1


def test_streams_are_bounded_and_one_that_ends_makes_room(ops):
    answers = [ops.get("/sessions/s1/events") for _ in range(STREAMS)]
    refused = ops.get("/sessions/s1/events")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    answers[0].close()
    answers[0].close()  # a second time makes no more room
    assert [ops.get("/sessions/s1/events").status_code for _ in range(2)] == [200, 503]


@pytest.mark.parametrize(
    ("failure", "status"), [(SessionError("too_many_streams", "16 streams are open."), 503), (RuntimeError("no"), 500)]
)
def test_a_stream_that_cannot_begin_takes_no_room(ops, failure, status):
    ops.view.failure = failure
    assert {ops.get("/sessions/s1/events").status_code for _ in range(STREAMS + 1)} == {status}
    ops.view.failure = None
    assert ops.get("/sessions/s2/events").status_code == 404
    assert [ops.get("/sessions/s1/events").status_code for _ in range(STREAMS)] == [200] * STREAMS
