"""The page of the ops listener: who gets its files."""

from __future__ import annotations

import pytest

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
    framed = OPENED | {"Sec_Fetch_Dest": "iframe"}
    loaded = OPENED | {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"}
    assert [ops.get("/", **headers).status_code for headers in (framed, loaded)] == [403, 403]
    assert ops.ask("POST", "/", b"{}", Content_Type="application/json", **OPENED).status_code == 403


def test_the_page_and_its_files_may_be_shown_nowhere_else(ops):
    policy = ops.get("/").headers["Content-Security-Policy"]
    assert {"default-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))


@pytest.mark.parametrize(
    "path", ["/page/", "/page/none.js", "/page/../guard.py", "/page/%2e%2e/guard.py", "/page/a/b.js"]
)
def test_nothing_but_the_files_of_the_page_is_answered(ops, path):
    assert ops.get(path).status_code == 404


def test_a_wrong_token_is_refused_where_none_is_asked_for(ops):
    assert ops.get("/version", Authorization="Bearer wrong").json["error"]["code"] == "wrong_token"
    assert ops.get("/version", Authorization="Basic d2hvOndobw==").status_code == 200
    assert ops.get("/healthz", Authorization="Bearer wrong").status_code == 200
