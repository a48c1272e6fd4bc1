"""Who can reach the proxy: which web sites' pages, and which machines."""

import os
import shlex

import pytest

from turnstile.config import (
    allowed_origins,
    env_name,
    explain,
    hand_on,
    load_config,
    notices,
    require_mode,
    taken_over,
)
from turnstile.config.secret_settings import secret_settings
from turnstile.errors import ConfigError
from turnstile.server.listening import listening_socket

UPSTREAM = {"upstream.url": "wss://api.example.com", "upstream.kind": "compatible"}
ANY = "0.0.0.0"  # noqa: S104 - that all addresses are not taken for loopback is the point
PUBLIC = [ANY, "*", "::", "192.168.1.7", "203.0.113.9", "2001:db8::1", "fe80::1", "::ffff:192.168.1.7"]
MODES = {
    "none": {},
    "keys": {"auth.keys_file": "keys.txt"},
    "jwt": {"auth.jwt_keys": "jwks.json", "auth.jwt_audience": "voice"},
    "ask": {"auth.ask_url": "https://service.example.com"},
}
LOOPBACK = ["127.0.0.1", "127.8.9.1", "127.1", "localhost", "::1", "::ffff:127.0.0.1"]


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


@pytest.mark.parametrize("mode", MODES)
def test_a_name_is_the_listeners_own_where_credentials_are_asked(mode):
    words = refused("http://evil.example:8080", "evil.example:8080", auth__mode=mode, **MODES[mode])
    assert (words is None) == (mode != "none")


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


@pytest.mark.parametrize("host", PUBLIC)
def test_other_machines_are_not_let_in_until_the_operator_says_who_may_connect(host):
    with pytest.raises(ConfigError) as caught:
        require_mode(load_config(flags={**UPSTREAM, "server.host": host}))
    words = caught.value.problem.description
    assert words.startswith("auth.mode: is not set")
    assert "\n" not in words
    for part in (host, "wss://api.example.com", "turnstile key add NAME", "auth.mode=keys", "--set auth.mode=none"):
        assert part in words


@pytest.mark.parametrize("mode", MODES)
def test_other_machines_are_let_in_where_a_mode_is_set(mode):
    require_mode(load_config(flags={**UPSTREAM, "server.host": ANY, "auth.mode": mode, **MODES[mode]}))


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_alone_needs_no_mode(host):
    require_mode(load_config(flags={**UPSTREAM, "server.host": host}))


@pytest.mark.parametrize("flags", [{}, {"upstream.url": "simulator:"}])
def test_the_simulator_needs_no_mode(flags):
    require_mode(load_config(flags={"server.host": ANY, **flags}))


def test_a_host_that_has_no_address_is_left_to_the_listener():
    config = load_config(flags={**UPSTREAM, "server.host": "no-such-name.invalid"})
    require_mode(config)
    with pytest.raises(ConfigError, match="there is no address"):
        listening_socket(config.server.host, 0)


@pytest.mark.parametrize(
    ("flags", "is_said"), [({}, True), ({"auth.mode": "keys"}, False), ({"server.host": "::1"}, False)]
)
def test_it_is_said_at_each_start_that_everybody_may_connect_from_other_machines(flags, is_said):
    config = load_config(flags={**UPSTREAM, "auth.mode": "none", "server.host": ANY, "server.port": "8080", **flags})
    said = 'auth.mode is "none": whoever reaches 0.0.0.0:8080 can use wss://api.example.com'
    assert (said in notices(config)) == is_said


@pytest.mark.parametrize(
    ("flags", "is_said"),
    [
        ({}, True),
        ({"auth.mode": "none"}, True),
        ({"server.origins": "https://app.example.com"}, False),
        ({"auth.mode": "keys"}, False),
        ({"upstream.url": "simulator:"}, False),
    ],
)
def test_it_is_said_at_each_start_that_any_web_page_may_connect_without_credentials(flags, is_said):
    config = load_config(flags={**UPSTREAM, "server.origins": "*", **flags})
    assert any(notice.startswith('server.origins is "*"') for notice in notices(config)) == is_said


# The simulator that nobody asked for.


def simulator_notice(**flags):
    found = [notice for notice in notices(load_config(flags=flags)) if notice.startswith("the simulator answers")]
    assert len(found) < 2
    return found[0] if found else None


def test_the_simulator_that_nobody_asked_for_is_warned_of_with_what_is_missing():
    words = simulator_notice()
    assert "OPENAI_API_KEY is not set" in words
    assert "upstream.url=simulator:" in words
    assert "did you mean" not in words


@pytest.mark.parametrize(
    "name", ["OPENAI_APIKEY", "OPENAI_KEY", "OPEN_AI_API_KEY", "OPENAI_API_TOKEN", "OPNEAI_API_KEY", "openai_api_key"]
)
def test_a_variable_that_nearly_names_the_key_is_named_without_its_value(monkeypatch, name):
    monkeypatch.setenv(name, "sk-nobody-may-see-this")
    words = simulator_notice()
    assert words.endswith(f"; {name} is set, and is not read: did you mean OPENAI_API_KEY?")
    assert "sk-" not in words


@pytest.mark.parametrize(
    "name", ["GEMINI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_ORG_ID", "LOGLEVEL", "OPENAI_API_KEY\x1b"]
)
def test_other_variables_are_not_named(monkeypatch, name):
    monkeypatch.setenv(name, "something")
    assert "did you mean" not in simulator_notice()


def test_an_empty_variable_is_not_named(monkeypatch):
    monkeypatch.setenv("OPENAI_APIKEY", "")
    assert "did you mean" not in simulator_notice()


def test_the_simulator_given_on_purpose_is_not_warned_of(monkeypatch):
    monkeypatch.setenv("OPENAI_APIKEY", "sk-made-up")
    assert simulator_notice(**{"upstream.url": "simulator:"}) is None


# Secrets on the command line.

SECRETS = ("upstream.api_key", "auth.jwt_secret", "auth.token_secret")
SECRET = "made-up-secret-of-more-than-32-characters"


def test_every_secret_is_known():
    assert set(SECRETS) <= set(secret_settings())
    assert "server.port" not in set(secret_settings())


@pytest.mark.parametrize("path", SECRETS)
def test_a_secret_on_the_command_line_is_warned_of_with_the_variable_to_set_instead(path):
    config = load_config(flags={"upstream.url": "wss://api.example.com", path: SECRET})
    said = [notice for notice in notices(config) if notice.startswith(f"{path} is on the command line")]
    assert len(said) == 1
    assert env_name(path) in said[0]
    assert SECRET not in explain(config)


def test_a_secret_in_the_environment_and_no_secret_on_the_command_line_are_not_warned_of(monkeypatch):
    monkeypatch.setenv("TURNSTILE_UPSTREAM__API_KEY", SECRET)
    assert "command line" not in " ".join(notices(load_config(flags={"server.port": "1"})))
    assert "command line" not in " ".join(notices(load_config(flags={"upstream.api_key": ""})))


def test_secrets_are_handed_on_by_the_environment_and_override_it_as_the_command_line_does(monkeypatch):
    monkeypatch.setenv("TURNSTILE_UPSTREAM__API_KEY", "another")
    flags = {"server.port": "9", "upstream.api_key": SECRET, "server.origins": "https://a.example,https://b.example"}
    arguments, environment = hand_on(flags)
    assert arguments == ["--set", "server.port=9", "--set", "server.origins=https://a.example,https://b.example"]
    assert environment == {"TURNSTILE_UPSTREAM__API_KEY": SECRET}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    given = dict(word.split("=", 1) for word in arguments[1::2])
    assert load_config(flags=given).model_dump() == load_config(flags=flags).model_dump()
