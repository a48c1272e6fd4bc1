"""Who can reach the proxy: which web sites' pages, and which machines."""

import os
import shlex

import pytest

from turnstile.config import allowed_origins, load_config, require_mode, taken_over
from turnstile.errors import ConfigError

UPSTREAM = {"upstream.url": "wss://api.example.com", "upstream.kind": "compatible"}
PUBLIC = ["0.0.0.0", "::", "192.168.1.7", "203.0.113.9", "2001:db8::1", "fe80::1", "::ffff:192.168.1.7"]  # noqa: S104
LOOPBACK = ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in os.environ:
        if name.startswith(("OPENAI_", "TURNSTILE_")) and not name.startswith("TURNSTILE_TEST_"):
            monkeypatch.delenv(name)


def refused(origin, host="127.0.0.1:8080", **flags):
    given = {name.replace("__", "."): value for name, value in flags.items()}
    rejection = allowed_origins(load_config(flags={**UPSTREAM, **given})).rejection({"origin": origin, "host": host})
    return rejection and rejection.text


# Pages.


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:5173", "null"])
def test_a_foreign_page_is_refused(origin):
    assert "The header Origin" in refused(origin)


@pytest.mark.parametrize("listed", ["", "https://app.example.com", "https://app.example.com,http://b.example:8000"])
def test_what_is_shown_to_an_operator_lets_the_page_in_and_keeps_those_that_are_listed(listed):
    flag, assignment = shlex.split(
        refused("https://evil.example", server__origins=listed).partition("list it with ")[2]
    )
    assert flag == "--set"
    path, _, value = assignment.partition("=")
    assert path == "server.origins"
    for origin in ("https://evil.example", *filter(None, listed.split(","))):
        assert refused(origin, server__origins=value) is None


def test_what_is_shown_for_a_page_of_an_ipv6_address_is_one_word_of_a_shell():
    words = refused("http://[2001:db8::1]:5173")
    assert "list it with --set 'server.origins=http://[2001:db8::1]:5173'\n" in words


def test_what_is_shown_for_an_origin_that_is_none_lets_any_in():
    assert refused("null").endswith("or allow any with --set 'server.origins=*'\n")
    assert refused("null", server__origins="*") is None


def test_pages_of_this_machine_may_connect_where_upstream_is_the_simulator():
    assert refused("http://localhost:5173", upstream__url="simulator:") is None
    assert refused("https://evil.example", upstream__url="simulator:") is not None


@pytest.mark.parametrize(("mode", "is_own"), [("none", False), ("keys", True), ("jwt", True), ("ask", True)])
def test_a_name_is_the_listeners_own_where_credentials_are_asked(mode, is_own):
    is_admitted = refused("http://evil.example:8080", "evil.example:8080", auth__mode=mode) is None
    assert is_admitted == is_own


@pytest.mark.parametrize(
    "entry", ["app.example.com", "https://app.example.com/", "https://ada:secret@a.example", "wss://a"]
)
def test_an_entry_that_is_no_origin_is_named_with_the_fix(entry):
    with pytest.raises(ConfigError) as caught:
        load_config(flags={"server.origins": entry})
    words = caught.value.problem.description
    assert words.startswith("server.origins (the command line): '")
    assert words.endswith(
        'is not an origin: write scheme and host, and nothing behind them, such as "https://app.example.com".'
    )
    assert "secret" not in words


def test_origins_are_taken_over_while_the_proxy_runs():
    running = load_config(flags=UPSTREAM)
    result, fixed = taken_over(running, load_config(flags={**UPSTREAM, "server.origins": "https://app.example.com"}))
    assert (result.server.origins, fixed) == (("https://app.example.com",), [])


# Machines.


@pytest.mark.parametrize("address", PUBLIC)
def test_other_machines_are_not_let_in_until_the_operator_says_who_may_connect(address):
    with pytest.raises(ConfigError) as caught:
        require_mode(load_config(flags={**UPSTREAM, "server.host": "voice.example.com"}), address)
    words = caught.value.problem.description
    assert words.startswith("auth.mode: is not set")
    assert "\n" not in words
    for part in ("voice.example.com", "turnstile key add NAME", "auth.mode=keys", "--set auth.mode=none"):
        assert part in words


@pytest.mark.parametrize("mode", ["none", "keys", "jwt", "ask"])
def test_other_machines_are_let_in_where_a_mode_is_set(mode):
    require_mode(load_config(flags={**UPSTREAM, "auth.mode": mode}), "0.0.0.0")  # noqa: S104


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_alone_needs_no_mode(address):
    require_mode(load_config(flags=UPSTREAM), address)


@pytest.mark.parametrize("flags", [{}, {"upstream.url": "simulator:"}])
def test_the_simulator_needs_no_mode(flags):
    require_mode(load_config(flags=flags), "0.0.0.0")  # noqa: S104
