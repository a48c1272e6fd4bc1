"""Who may make which request to the ops listener."""

from __future__ import annotations

import logging

import pytest

MESSAGES = "/sessions/s1/messages"
TOKEN = "Bearer correct-horse-battery-staple"
UPDATE = {"type": "UpdatePrompt", "prompt": "Be brief."}


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8081",
        "LOCALHOST.",
        "a.localhost:1",
        "127.0.0.1:8081",
        "127.9.9.9",
        "[::1]:8081",
        "[::1]",
    ],
)
def test_a_request_is_answered_when_its_host_is_a_loopback_name(ops, host):
    assert ops.get("/sessions", Host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8081", "localhost.evil.example", "10.0.0.1", "[::2]", "", "localhost, evil.example",
     "localhost:port", "::1", "localhost@evil.example", "0.0.0.0"],  # noqa: S104
)  # fmt: skip
def test_a_request_is_refused_when_its_host_leads_here_under_another_name(ops, host):
    answer = ops.get("/sessions", Host=host)
    assert (answer.status_code, answer.json["error"]["code"]) == (421, "unknown_host")
    assert "ops.hosts" in answer.json["error"]["message"]


@pytest.mark.parametrize("host", ["ops.example", "ops.example:9000", "OPS.example.", "proxy.example:8443", "[fd00::7]"])
def test_a_request_is_answered_when_its_host_is_configured(make_ops, host):
    ops = make_ops(names=("ops.example", "proxy.example:8443", "[fd00::7]"))
    assert ops.get("/sessions", Host=host, Authorization=TOKEN).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Host": "ops.example"}, {"Via": "1.1 a"}, {"Forwarded": "for=10.0.0.1"}, {"X_Forwarded_For": "127.0.0.1"}],
)
def test_a_token_is_asked_of_who_comes_through_a_proxy_of_this_machine(make_ops, headers):
    ops = make_ops(names=("ops.example",))
    answers = {ops.get(path, **headers).status_code for path in ("/version", "/metrics", "/sessions/s1/events")}
    assert (answers, ops.get("/readyz", **headers).status_code) == ({401}, 200)


def test_no_token_is_asked_of_who_comes_by_a_name_of_loopback_that_is_configured(make_ops):
    assert make_ops(names=("localhost:9000",)).get("/sessions", Host="localhost:9000").status_code == 200


@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_health_is_told_without_a_host_as_load_balancers_ask(make_ops, method, path, is_local):
    assert make_ops(is_local=is_local).ask(method, path, Host="").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", MESSAGES])
def test_nothing_is_given_without_a_host(ops, path):
    assert ops.post(path, UPDATE, Host="").status_code == 421


def test_health_is_not_told_without_a_host_to_a_page(ops):
    assert ops.get("/healthz", Host="", Origin="http://evil.example").status_code == 403


def test_a_name_with_a_port_admits_no_other_port(make_ops):
    assert make_ops(names=("ops.example:8443",)).get("/sessions", Host="ops.example:1").status_code == 421


def test_a_request_is_answered_when_its_host_is_the_host_that_is_listened_on(make_ops):
    assert make_ops(host="Box.lan").get("/healthz", Host="box.lan:8081").status_code == 200


def test_a_request_is_answered_when_its_host_is_the_address_that_it_came_in_at(make_ops):
    ops = make_ops(host="0.0.0.0", is_local=False)  # noqa: S104
    answer = ops.client.get(
        "/healthz", headers={"Host": "10.1.2.3:8081"}, environ_overrides={"turnstile.local_address": "10.1.2.3"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{"X_Forwarded_Host": "localhost"}, {"Forwarded": "host=localhost;for=127.0.0.1"}])
def test_forwarded_headers_open_nothing(make_ops, headers):
    ops = make_ops(is_local=False)
    assert ops.get("/healthz", Host="evil.example", **headers).status_code == 421
    assert ops.get("/sessions", X_Forwarded_For="127.0.0.1", **headers).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://localhost:8081"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8081, http://evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://localhost:8081", "Sec_Fetch_Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_of_another_site_is_refused(ops, method, headers):
    answer = ops.post(MESSAGES, UPDATE, Host="localhost:8081", **headers) if method == "POST" else ops.ask(
        method, "/sessions", Host="localhost:8081", **headers
    )  # fmt: skip
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "foreign_origin")
    assert ops.view.given == []
    assert not [name for name in answer.headers.keys() if name.startswith("Access-Control-")]  # noqa: SIM118


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_page_of_the_listener_s_own_is_answered(ops, site):
    answer = ops.get("/sessions", Host="localhost:8081", Origin="http://localhost:8081", Sec_Fetch_Site=site)
    assert answer.status_code == 200


def test_a_page_of_a_configured_name_is_answered_when_it_came_by_tls(make_ops):
    ops = make_ops(names=("ops.example",))
    answer = ops.get("/sessions", Host="ops.example", Origin="https://ops.example", Authorization=TOKEN)
    assert answer.status_code == 200


def test_a_form_of_a_foreign_page_is_refused_when_it_looks_like_no_request_of_a_program(ops):
    answer = ops.post(MESSAGES, UPDATE, Origin="https://evil.example", Content_Type="text/plain", Authorization=None)
    assert answer.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_post_is_refused_when_it_is_not_said_to_be_json(ops, kind):
    answer = ops.post(MESSAGES, UPDATE, Content_Type=kind)
    assert (answer.status_code, answer.json["error"]["code"]) == (415, "not_json")
    assert answer.headers["Accept"] == "application/json"


def test_a_post_is_taken_when_its_type_names_the_character_set(ops):
    assert ops.post(MESSAGES, UPDATE, Content_Type="application/json; charset=utf-8").status_code == 200


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "no_token"),
        ("Bearer wrong", "wrong_token"),
        ("Bearer ", "wrong_token"),
        ("Basic correct-horse-battery-staple", "wrong_token"),
        ("correct-horse-battery-staple", "wrong_token"),
        ("Bearer corr\xe9ct", "wrong_token"),
    ],
)
def test_a_post_is_refused_on_loopback_too_when_it_has_not_the_token(ops, authorization, code):
    answer = ops.post(MESSAGES, UPDATE, Authorization=authorization)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert ops.view.given == []


def test_a_token_is_asked_for_all_but_health_when_others_can_connect(make_ops):
    ops = make_ops(is_local=False)
    free = {path: ops.get(path).status_code for path in ("/healthz", "/readyz")}
    paths = ("/version", "/metrics", "/sessions", "/sessions/s1", "/sessions/s1/events", "/no/such/path")
    asked = {path: ops.get(path).status_code for path in paths}
    assert (set(free.values()), set(asked.values())) == ({200}, {401})
    assert ops.get("/sessions", Authorization="bearer correct-horse-battery-staple").status_code == 200


def test_wrong_tokens_are_counted_and_logged_once_a_minute_and_never_shown(ops, caplog):
    caplog.set_level(logging.DEBUG)
    for _ in range(3):
        ops.post(MESSAGES, UPDATE, Authorization="Bearer sesame-open-sesame")
    ops.clock.now = 61.0
    ops.post(MESSAGES, UPDATE, Authorization="Bearer sesame-open-sesame")
    assert ops.guard.wrong_tokens == 4
    assert [record.getMessage() for record in caplog.records] == [
        "1 requests to the ops listener had a wrong token",
        "3 requests to the ops listener had a wrong token",
    ]
