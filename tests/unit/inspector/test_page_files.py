"""The page of the ops listener: who gets its files."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from turnstile.inspector import page_files

PAGE = ["/", "/page/main.js", "/page/style.css"]
OPENED = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


@pytest.mark.parametrize("path", PAGE)
def test_the_page_asks_for_no_token(make_ops, path):
    ops = make_ops(is_local=False, host="192.0.2.1")
    assert ops.get(path, Host="192.0.2.1").status_code == 200
    assert ops.get(path, Host="192.0.2.1", Authorization="Bearer wrong").status_code == 200
    assert ops.get("/sessions", Host="192.0.2.1").status_code == 401


@pytest.mark.parametrize("path", PAGE)
def test_the_page_is_refused_when_its_host_is_unknown(ops, path):
    assert ops.get(path, Host="evil.example").status_code == 421


def test_the_page_may_be_opened_by_a_link_of_another_site_and_nothing_else(ops):
    assert ops.get("/", **OPENED).status_code == 200
    assert ops.get("/sessions", **OPENED).status_code == 403
    framed = [OPENED | {"Sec_Fetch_Dest": kind} for kind in ("iframe", "frame", "object", "embed", "")]
    loaded = [OPENED | {"Sec_Fetch_Mode": mode, "Sec_Fetch_Dest": "script"} for mode in ("no-cors", "cors")]
    assert {ops.get("/", **headers).status_code for headers in framed + loaded} == {403}
    assert [ops.ask(method, "/", **OPENED).status_code for method in ("HEAD", "OPTIONS")] == [403, 403]
    assert ops.ask("POST", "/", b"{}", Content_Type="application/json", **OPENED).status_code == 403


def test_the_page_and_its_files_may_be_shown_nowhere_else(ops):
    policy = ops.get("/").headers["Content-Security-Policy"]
    assert {"default-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))


@pytest.mark.parametrize(
    "path",
    [
        "/page/../sessions", "/page/%2e%2e/sessions", "/page/..%2fsessions", "/page//sessions", "/sessions/", "/.",
        "/page/sessions", "/;/sessions", "/page/main.js/../../sessions", "/sessions?/page/",
    ],
)  # fmt: skip
def test_no_path_leads_past_the_token(make_ops, path):
    ops = make_ops(is_local=False, host="192.0.2.1")
    answer = ops.get(path, Host="192.0.2.1")
    assert answer.status_code in {401, 404}
    assert b"idle" not in answer.data


def test_the_page_is_told_with_head_and_options_and_takes_nothing(make_ops):
    ops = make_ops(is_local=False, host="192.0.2.1")
    head, options = (ops.ask(method, "/", Host="192.0.2.1") for method in ("HEAD", "OPTIONS"))
    assert (head.status_code, head.data, options.headers["Allow"]) == (200, b"", "GET, HEAD, OPTIONS")
    assert ops.ask("POST", "/", b"{}", Host="192.0.2.1").status_code == 401
    assert ops.post("/", {}, Host="192.0.2.1").status_code == 405
    assert ops.ask("PUT", "/page/main.js", b"{}", Host="192.0.2.1").status_code == 405


@pytest.mark.parametrize("path", PAGE)
def test_no_answer_of_the_page_is_kept_by_a_cache_or_shared_with_the_window_that_opened_it(ops, path):
    headers = ops.get(path).headers
    assert (headers["Cache-Control"], headers["Cross-Origin-Opener-Policy"]) == ("no-store", "same-origin")
    assert (headers["X-Content-Type-Options"], headers["Cross-Origin-Resource-Policy"]) == ("nosniff", "same-origin")


def test_no_file_of_the_page_asks_for_what_is_not_below_its_address():
    """A server in front of the listener may serve it at a prefix."""
    room = files("turnstile.inspector").joinpath("page")
    texts = {file.name: file.read_text() for file in room.iterdir()}
    found = {name: re.findall(r"""(?:["'`]|url\()/[a-z].*""", text) for name, text in texts.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_what_lies_beside_the_files_of_the_page_is_no_part_of_it(make_ops, monkeypatch, tmp_path):
    room = tmp_path / "page"
    (room / "__pycache__").mkdir(parents=True)
    for name in ("index.html", "main.js", "main.js~", "README"):
        (room / name).write_text("<p>")
    monkeypatch.setattr(page_files, "files", lambda _: tmp_path)
    ops = make_ops()
    answers = [ops.get(path).status_code for path in ("/", "/page/main.js", "/page/main.js~", "/page/README")]
    assert answers == [200, 200, 404, 404]


@pytest.mark.parametrize(
    "path", ["/page/", "/page/none.js", "/page/../guard.py", "/page/%2e%2e/guard.py", "/page/a/b.js"]
)
def test_nothing_but_the_files_of_the_page_is_answered(ops, path):
    assert ops.get(path).status_code == 404


def test_a_wrong_token_is_refused_where_none_is_asked_for(ops):
    assert ops.get("/version", Authorization="Bearer wrong").json["error"]["code"] == "wrong_token"
    assert ops.get("/version", Authorization="Basic d2hvOndobw==").status_code == 200
    assert ops.get("/healthz", Authorization="Bearer wrong").status_code == 200
