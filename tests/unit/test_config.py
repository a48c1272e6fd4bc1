import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from turnstile.config import (
    LEGACY_ENV,
    OPENAI_URL,
    SIMULATOR,
    Config,
    default_toml,
    env_name,
    explain,
    load_config,
    notices,
    settings,
    taken_over,
    upstream_target,
)
from turnstile.errors import ConfigError
from turnstile.protocol.addressing import Address
from turnstile.protocol.upstreams import KINDS
from turnstile.testing import patience

CONFIG = Path(__file__).parents[2] / "config"
KEY = "sk-nobody-may-see-this"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in os.environ:
        if name in LEGACY_ENV or (name.upper().startswith("TURNSTILE_") and not name.startswith("TURNSTILE_TEST_")):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path):
    def write(text, name="turnstile.toml"):
        file = tmp_path / name
        file.write_text(text)
        return file

    return write


def complaint(*files, **flags):
    """The one line that refuses a configuration; double underscores in flags stand for dots."""
    with pytest.raises(ConfigError) as caught:
        load_config(files, {name.replace("__", "."): value for name, value in flags.items()})
    words = caught.value.problem.description
    assert "\n" not in words
    assert words.endswith(".")
    return words


# What there is.


@pytest.mark.parametrize(("given", "key"), [(" made-up\n", "made-up"), ("", None), ("  ", None)])
def test_a_key_is_taken_without_the_space_around_it_and_nothing_is_none(given, key):
    found = load_config(flags={"upstream.api_key": given}).upstream.api_key
    assert (found and found.get_secret_value()) == key


@pytest.mark.parametrize(
    "networks", ["10.0.0.0/8,fd00::/8", '["10.0.0.0/8", "fd00::/8"]', "10.0.0.0/8, fd00::/8,10.0.0.5,::1", "0.0.0.0/0"]
)
def test_trusted_proxies_are_networks_and_addresses(networks):
    assert load_config(flags={"server.trusted_proxies": networks}).server.trusted_proxies


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("10.0.0.5/8", "'10.0.0.5/8' is not the first address of its network; write 10.0.0.0/8 or 10.0.0.5."),
        ("proxy.internal", "'proxy.internal' is no network and no address; write one such as 10.0.0.0/8, 10.0.0.5"),
        ("10.0.0.0/33", "'10.0.0.0/33' is no network and no address"),
        ("10.0.0.1,10.0.0.1:80", "'10.0.0.1:80' is no network and no address"),
        ("::ffff:10.0.0.5", "'::ffff:10.0.0.5' is of IPv4, written as IPv6; write 10.0.0.5/32"),
        ("::ffff:10.0.0.0/104", "'::ffff:10.0.0.0/104' is of IPv4, written as IPv6; write 10.0.0.0/8"),
    ],
)
def test_what_is_no_network_is_named_with_the_fix(network, words):
    assert complaint(server__trusted_proxies=network).startswith(f"server.trusted_proxies (the command line): {words}")


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_trust_in_everybody_is_worth_a_notice(network):
    words = f"server.trusted_proxies: {network} is everybody: any client can name another address as its own"
    assert words in notices(load_config(flags={"server.trusted_proxies": f"10.0.0.0/8,{network}"}))


def test_default_toml_in_the_repository_is_the_one_that_the_code_gives():
    assert (CONFIG / "default.toml").read_text() == default_toml()


def test_default_toml_is_printed_when_the_package_is_run():
    command = [sys.executable, "-m", "turnstile.config"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=CONFIG.parent, timeout=patience())
    assert result.stdout == default_toml()


@pytest.mark.parametrize(("path", "description", "default"), list(settings()), ids=lambda value: str(value)[:40])
def test_a_setting_is_described_and_shown_with_its_default_and_its_variable(path, description, default):
    assert description.endswith(".")
    section, name = path.split(".")
    text = default_toml().partition(f"\n[{section}]\n")[2].partition("\n[")[0]
    assert f"# {description}" in text
    assert f"# Environment: {env_name(path)}" in text
    shown = tomllib.loads(default_toml())[section].get(name)
    assert shown == (list(default) if isinstance(default, tuple) else default)


@pytest.mark.parametrize("line", ["# Bounds: at least 0, at most 65535.", '# One of: "server", "proxy".'])
def test_default_toml_says_what_may_be_set(line):
    assert line in default_toml()


def test_default_toml_changes_nothing_when_it_is_loaded():
    assert load_config([CONFIG / "default.toml"]).model_dump() == Config().model_dump()


@pytest.mark.parametrize("file", sorted(CONFIG.glob("*.toml")), ids=lambda file: file.name)
def test_a_file_of_the_repository_loads(file):
    load_config([file])


# Where a value comes from.


def test_a_file_wins_over_the_default(write):
    assert load_config([write("[server]\nport = 1111")]).server.port == 1111


def test_a_later_file_wins_over_an_earlier_one_where_both_speak(write):
    first = write('[server]\nport = 1111\nhost = "first"', "first.toml")
    second = write("[server]\nport = 2222", "second.toml")
    server = load_config([first, second]).server
    assert (server.host, server.port) == ("first", 2222)


def test_the_originals_environment_wins_over_a_file(write, monkeypatch):
    monkeypatch.setenv("OPENAI_PROXY_PORT", "3333")
    assert load_config([write("[server]\nport = 1111")]).server.port == 3333


def test_our_environment_wins_over_the_originals(monkeypatch):
    monkeypatch.setenv("OPENAI_PROXY_PORT", "3333")
    monkeypatch.setenv("TURNSTILE_SERVER__PORT", "4444")
    assert load_config().server.port == 4444


def test_a_flag_wins_over_everything(write, monkeypatch):
    monkeypatch.setenv("OPENAI_PROXY_PORT", "3333")
    monkeypatch.setenv("TURNSTILE_SERVER__PORT", "4444")
    assert load_config([write("[server]\nport = 1111")], {"server.port": "5555"}).server.port == 5555


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OPENAI_REALTIME_URL", "wss://example.com/v1/realtime", "wss://example.com/v1/realtime"),
        ("OPENAI_PROXY_PORT", "9000", 9000),
        ("LOG_LEVEL", "DEBUG", "debug"),
        ("LOG_LEVEL", "warn", "warning"),
        ("OPENAI_PROXY_CLIENT_JSON_PASSTHROUGH", "true", True),
        ("OPENAI_PROXY_CLIENT_JSON_PASSTHROUGH", "1", True),
    ],
)
def test_a_variable_of_the_original_is_taken(monkeypatch, name, value, expected):
    monkeypatch.setenv(name, value)
    section, setting = LEGACY_ENV[name].split(".")
    assert getattr(getattr(load_config(), section), setting) == expected


def test_the_key_is_taken_from_the_originals_variable(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert load_config().upstream.api_key.get_secret_value() == KEY


def test_the_certificate_is_taken_from_the_originals_variables(monkeypatch):
    monkeypatch.setenv("OPENAI_PROXY_TLS_CERT_PATH", "/tls/crt")
    monkeypatch.setenv("OPENAI_PROXY_TLS_KEY_PATH", "/tls/key")
    server = load_config().server
    assert (server.tls_cert_file, server.tls_key_file) == (Path("/tls/crt"), Path("/tls/key"))


def test_an_empty_variable_of_the_original_says_nothing(monkeypatch):
    for name in LEGACY_ENV:
        monkeypatch.setenv(name, "")
    assert load_config().model_dump() == Config().model_dump()


def test_every_variable_of_the_original_stands_for_a_setting():
    assert set(LEGACY_ENV.values()) <= {path for path, *_ in settings()}


def test_the_key_of_talk_is_no_setting(monkeypatch):
    monkeypatch.setenv("TURNSTILE_KEY", "ts_made-up")
    assert load_config().server.port == 8080


def test_a_variable_of_the_tests_is_no_setting(monkeypatch):
    monkeypatch.setenv("TURNSTILE_TEST_PATIENCE", "3")
    assert load_config().model_dump() == Config().model_dump()


@pytest.mark.parametrize("value", ["a, b", '["a", "b"]'])
def test_a_list_is_taken_from_a_variable_and_from_a_flag(monkeypatch, value):
    assert load_config(flags={"upstream.models": value}).upstream.models == ("a", "b")
    monkeypatch.setenv("TURNSTILE_UPSTREAM__MODELS", value)
    assert load_config().upstream.models == ("a", "b")


# What is refused.


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("server.port", "99999", "server.port (the command line): input should be less than or equal to 65535, not "),
        ("server.prot", "1", "server.prot (the command line): is not a setting; did you mean server.port."),
        ("zzz.qqq", "1", "zzz: is not a setting; python -m turnstile.config prints all."),
        ("upstream.kind", "gemini", "upstream.kind (the command line): input should be 'openai', 'openai-beta', "),
        ("upstream.url", "https://example.com", "use wss:// instead of https://"),
        ("upstream.url", "http://example.com", "use ws:// instead of http://"),
        ("upstream.url", "ftp://example.com", 'is not a WebSocket address; use wss://host/path, or "simulator:"'),
        ("upstream.url", "wss:///path", "is not a WebSocket address"),
        ("upstream.url", "wss://example.com:99999/", "has a host or a port that is none; use wss://host/path"),
        ("upstream.url", "wss://example.com:0/", "has port 0"),
        ("upstream.model", "", "upstream.model (the command line): string should have at least 1 character"),
        ("server.component_path", "openai", 'is not a path; it must start with "/"'),
        ("server.component_path", "/a?b", "is not a path"),
        ("server.component_path", "/v1/agent/converse", "realtime_paths: must differ"),
        ("server.tls_key_file", "/key", "tls_cert_file and tls_key_file: give both or none"),
        ("limits.low_water_bytes", "300000", "low_water_bytes: must be less than high_water_bytes"),
        ("log.level", "loud", "log.level (the command line): input should be 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_its_setting_and_the_fix(flag, value, words):
    refused = complaint(**{flag: value})
    assert words in refused
    assert refused.startswith(flag.split(".")[0])


def test_the_number_of_further_mistakes_is_told_when_there_are_several():
    assert complaint(server__port="x", session__max_held="0").endswith(", not 'x'. 1 more.")


@pytest.mark.parametrize(
    "url", [f"wss://me:{KEY}@host/x", f"wss://host/x?api-key={KEY}", f"wss://host/x?a=b&API_KEY={KEY}"]
)
def test_a_key_in_the_address_is_refused_and_not_repeated(url):
    words = complaint(upstream__url=url)
    assert "contains credentials; put them into api_key" in words
    assert KEY not in words


@pytest.mark.parametrize("url", [f"wss://me:{KEY}/x@host/", f"wss://me:{KEY}@ho\u2100st/", f"wss://[{KEY}/"])
def test_no_part_of_an_address_that_is_malformed_is_repeated(url):
    for setting in ("upstream.url", "auth.ask_url", "auth.jwt_keys"):
        words = complaint(**{setting: url})
        assert words.startswith(f"{setting} (the command line): ")
        assert KEY not in words


@pytest.mark.parametrize(
    ("section", "setting", "value"),
    [
        ("upstream", "api_key", f'["{KEY}"]'),
        ("upstream", "organization", f'["{KEY}"]'),
        ("auth", "ask_url", f'["https://me:{KEY}@a.example/"]'),
        ("auth", "mode", f'"{KEY}"'),
        ("log", "level", f'{{ level = "{KEY}" }}'),
    ],
)
def test_a_key_where_none_belongs_is_refused_and_not_repeated(write, section, setting, value):
    words = complaint(write(f"[{section}]\n{setting} = {value}"))
    assert words.startswith(f"{section}.{setting} (")
    assert KEY not in words


@pytest.mark.parametrize("key", ["made up", "m\u00e4de-up", "made\nup", "made\tup"])
def test_a_key_that_no_header_can_have_is_refused_and_not_repeated(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assert complaint() == (
        "upstream.api_key (OPENAI_API_KEY): may have no spaces, and no characters beyond ASCII; copy it anew."
    )


def test_a_list_that_begins_as_json_and_is_none_is_refused_with_both_forms():
    assert complaint(upstream__models="[a, b]") == (
        'upstream.models (the command line): is no list; write ["a", "b"], or a,b.'
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TURNSTILE_SERVER__PROT", "TURNSTILE_SERVER__PORT"),
        ("TURNSTILE_SERVR__PORT", "TURNSTILE_SERVER__PORT"),
        ("TURNSTILE_SERVER_PORT", "TURNSTILE_SERVER__PORT"),
        ("TURNSTILE_SERVER__PORT__X", "TURNSTILE_SERVER__PORT"),
        ("TURNSTILE_UPSTREAM", "TURNSTILE_UPSTREAM__URL"),
    ],
)
def test_a_variable_that_no_setting_has_is_refused_with_the_nearest(monkeypatch, name, meant):
    monkeypatch.setenv(name, "1")
    assert complaint() == f"{name}: is not a setting; did you mean {meant}."


def test_a_refused_value_is_traced_to_its_variable(monkeypatch):
    monkeypatch.setenv("OPENAI_PROXY_PORT", "http")
    assert complaint().startswith("server.port (OPENAI_PROXY_PORT): ")


def test_a_refused_value_is_traced_to_its_file(write):
    file = write("[server]\nport = -1")
    assert complaint(file) == f"server.port ({file}): input should be greater than or equal to 0, not -1."


@pytest.mark.parametrize("setting", ["session.max_duration", "quotas.session_minutes", "server.drain_timeout"])
def test_a_time_without_end_is_refused(setting):
    words = complaint(**{setting: "inf"})
    assert words == f"{setting} (the command line): input should be a finite number, not 'inf'."


def test_a_setting_outside_of_its_section_is_refused_with_where_it_belongs(write):
    assert complaint(write("port = 1")) == "port: is not a setting; did you mean server.port."


def test_a_section_that_is_a_value_is_refused(write):
    assert complaint(write("server = 1")) == "server: is a section; write [server] and its settings below."


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path):
    file = tmp_path / "none.toml"
    assert complaint(file) == f"{file}: cannot be read: No such file or directory."


@pytest.mark.parametrize("content", [b"[server", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused_in_words(tmp_path, content):
    file = tmp_path / "odd.toml"
    file.write_bytes(content)
    assert complaint(file).startswith(f"{file}: is not valid TOML: ")


def test_a_file_that_is_nested_too_deeply_is_refused_in_words(tmp_path):
    file = tmp_path / "deep.toml"
    file.write_text("a = " + "[" * 100_000)
    assert complaint(file) == f"{file}: is nested too deeply: write at most 3 levels."


# What it comes to.


def test_the_simulator_answers_when_there_is_no_key():
    assert load_config().upstream_url == SIMULATOR


def test_openai_answers_when_there_is_a_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert load_config().upstream_url == OPENAI_URL


def test_a_client_may_name_the_models_that_the_operator_allows():
    config = load_config(flags={"upstream.model": "our-deployment", "upstream.models": "gpt-realtime*"})
    assert config.serves_model("our-deployment")
    assert config.serves_model("gpt-realtime-mini")
    assert not config.serves_model("gpt-4o")


def target(model=None, **upstream):
    return upstream_target(load_config(flags={f"upstream.{name}": value for name, value in upstream.items()}), model)


def test_openai_gets_the_model_in_the_query_and_a_bearer_token():
    there = target(api_key=KEY, organization="org-1", project="proj-1")
    assert there.url == f"{OPENAI_URL}?model=gpt-realtime"
    assert there.headers == {
        "Authorization": f"Bearer {KEY}",
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
    }


def test_the_model_that_the_client_named_goes_before_the_one_in_the_address():
    url = f"{OPENAI_URL}?model=in-the-address"
    assert target(url=url).url == url
    assert target(url=url, model="named").url == f"{OPENAI_URL}?model=named"


@pytest.mark.parametrize(
    ("address", "query"),
    [
        (Address(call_id="rtc_1"), "call_id=rtc_1"),
        (Address(call_id="rtc_1&model=x"), "call_id=rtc_1%26model%3Dx"),
        (Address(intent="transcription"), "intent=transcription"),
    ],
)
def test_a_call_or_an_intent_is_asked_for_without_a_model(address, query):
    config = load_config(flags={"upstream.url": f"{OPENAI_URL}?model=in-the-address"})
    assert upstream_target(config, None, address).url == f"{OPENAI_URL}?{query}"


def test_azure_gets_the_deployment_as_model_and_its_own_header():
    url = "wss://mine.openai.azure.com/openai/v1/realtime"
    there = target(url=url, kind="azure", api_key=KEY)
    assert there.url == f"{url}?model=gpt-realtime"
    assert (there.headers, there.is_beta) == ({"api-key": KEY}, False)


def test_azures_preview_path_gets_the_deployment_by_its_name():
    url = "wss://mine.openai.azure.com/openai/realtime?api-version=2024-10-01-preview"
    there = target(url=url, kind="azure-preview", api_key=KEY)
    assert there.url == f"{url}&deployment=gpt-realtime"
    assert (there.headers, there.is_beta) == ({"api-key": KEY}, True)


def test_an_api_of_the_beta_is_asked_for_it():
    there = target(url="wss://example.com/v1/realtime", kind="openai-beta", api_key=KEY)
    assert there.headers == {"Authorization": f"Bearer {KEY}", "OpenAI-Beta": "realtime=v1"}
    assert there.is_beta


@pytest.mark.parametrize(
    ("kind", "url", "words"),
    [
        ("azure", "wss://a.example/openai/realtime?api-version=1", 'use kind = "azure-preview"'),
        (
            "azure-preview",
            "wss://a.example/openai/v1/realtime",
            "has no api-version in its query; add one",
        ),
        ("azure", "", 'is needed for kind = "azure"'),
        ("compatible", "", 'is needed for kind = "compatible"'),
    ],
)
def test_an_address_that_is_not_of_its_kind_stops_the_start(kind, url, words):
    flags = {"upstream.kind": kind, "upstream.url": url, "upstream.api_key": KEY}
    with pytest.raises(ConfigError, match=re.escape(words)) as raised:
        load_config(flags=flags)
    assert "upstream.url" in str(raised.value) or "upstream: url" in str(raised.value)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("url", [OPENAI_URL, f"{OPENAI_URL}?model=gpt-realtime", ""])
def test_the_beta_at_openai_is_noticed(url):
    config = load_config(flags={"upstream.kind": "openai-beta", "upstream.url": url, "upstream.api_key": KEY})
    assert 'use kind = "openai"' in " ".join(notices(config))


BEARER = {"Authorization": f"Bearer {KEY}"}
EXAMPLES = {
    "openai": (f"{OPENAI_URL}?model=gpt-realtime", BEARER),
    "openai-beta": (
        "wss://realtime.example.com/v1/realtime?model=gpt-4o-realtime-preview",
        {**BEARER, "OpenAI-Beta": "realtime=v1"},
    ),
    "azure": (
        "wss://YOUR-RESOURCE.openai.azure.com/openai/v1/realtime?model=YOUR-DEPLOYMENT",
        {"api-key": KEY},
    ),
    "azure-preview": (
        "wss://YOUR-RESOURCE.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=YOUR-DEPLOYMENT",
        {"api-key": KEY},
    ),
    "compatible": ("wss://realtime.example.com/v1/realtime?model=their-model", BEARER),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_example_file_which_leads_to_its_address_with_its_headers(kind, monkeypatch):
    monkeypatch.setenv("TURNSTILE_UPSTREAM__API_KEY", KEY)
    config = load_config([CONFIG / f"{kind}.toml"])
    there = upstream_target(config, None)
    assert config.auth.mode == "none"
    assert config.upstream.kind == kind
    assert (there.url, there.headers, there.is_beta) == (*EXAMPLES[kind], KINDS[kind].is_beta)
    assert urlsplit(there.url).path == KINDS[kind].paths[0]
    assert list(notices(config)) == []


def test_a_compatible_api_gets_no_header_without_a_key():
    there = target(url="ws://127.0.0.1:9/v1/realtime", kind="compatible")
    assert there.url == "ws://127.0.0.1:9/v1/realtime?model=gpt-realtime"
    assert there.headers == {}


def test_the_simulator_is_told_the_model_too():
    assert target().url.startswith(SIMULATOR)


def test_the_key_is_in_no_repr(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    config = load_config()
    assert KEY not in repr(config) + str(config) + repr(upstream_target(config, None)) + explain(config)


def test_the_target_names_what_clients_must_not_learn():
    there = target(api_key=KEY, organization="org-1", project="proj-1")
    assert there.secrets == (KEY, "org-1", "proj-1")
    assert target(url="ws://127.0.0.1:9/v1/realtime", kind="compatible").secrets == ()


def test_explain_says_where_it_listens_and_connects_when_nothing_is_set():
    assert explain(load_config()).splitlines() == [
        "Listens on ws://127.0.0.1:8080/v1/agent/converse (Deepgram Voice Agent clients)",
        "       and ws://127.0.0.1:8080/openai (the React component)",
        "       and ws://127.0.0.1:8080/v1/realtime (clients of the Realtime API)",
        "       and ws://127.0.0.1:8080/realtime (clients of the Realtime API)",
        "Connects to simulator: (openai, model gpt-realtime, without a key)",
        "Responses to spoken turns are created by the API",
        "Shows its sessions to this machine on http://127.0.0.1:8081; whoever has the token steers them",
        "All settings have their defaults",
        "Warning: the simulator answers, since OPENAI_API_KEY is not set (if that is meant: upstream.url=simulator:)",
    ]


def test_explain_says_what_the_ops_listener_does():
    assert "Has no ops listener\n" in explain(load_config(flags={"ops.port": "0"}))
    everywhere = {"ops.host": "0.0.0.0"}  # noqa: S104
    words = explain(load_config(flags=everywhere))
    assert "Shows its sessions to whoever has the token on http://0.0.0.0:8081; whoever has the token steers" in words
    assert "Warning: ops.host: other machines can connect to http://0.0.0.0:8081, where the token" in words
    assert "Warning: ops" not in explain(load_config(flags={**everywhere, "ops.port": "0"}))


@pytest.mark.parametrize("token", ["sixteen-or-more!", " from-a-file-with-its-end\n"])
def test_a_token_of_the_ops_listener_is_taken_as_it_is_meant(token):
    assert load_config(flags={"ops.token": token}).ops.token.get_secret_value() == token.strip()


def test_an_empty_token_is_none():
    assert load_config(flags={"ops.token": ""}).ops.token is None


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("ops.token", "fifteen-or-less", r"has 15 characters, and could be guessed: use at least 16, such as `openssl"),
        ("ops.token", "with a space in the middle", r"may have no spaces"),
        ("ops.token", "of-\u00fcnusual-characters", r"may have no spaces, and no characters beyond ASCII"),
        ("ops.hosts", "https://ops.example", r"'https://ops\.example' is not what a Host header has; write a name"),
    ],
)
def test_a_setting_of_the_ops_listener_that_cannot_be_is_named_with_the_fix(setting, value, words):
    with pytest.raises(ConfigError, match=rf"{setting} \(the command line\): {words}") as refused:
        load_config(flags={setting: value})
    assert setting != "ops.token" or value not in str(refused.value)


def test_explain_writes_an_ipv6_address_as_clients_do():
    assert "Listens on ws://[::1]:8080/v1/agent/converse" in explain(load_config(flags={"server.host": "::1"}))


def test_explain_says_what_is_set_and_where_it_came_from(write, monkeypatch):
    file = write('[session]\nturns = "proxy"')
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    lines = explain(load_config([file], {"server.port": "9000"})).splitlines()
    assert "Responses to spoken turns are created by the proxy" in lines
    assert lines[lines.index("Settings that differ from the default:") + 1 :] == [
        "  server.port = 9000 (from the command line)",
        "  upstream.api_key = (secret) (from OPENAI_API_KEY)",
        f'  session.turns = "proxy" (from {file})',
    ]


def test_explain_shows_files_and_tls(tmp_path):
    certificate = tmp_path / "crt"
    certificate.write_text("")
    flags = {"server.tls_cert_file": str(certificate), "server.tls_key_file": str(certificate)}
    words = explain(load_config(flags={**flags, "upstream.url": SIMULATOR}))
    assert "Listens on wss://" in words
    assert f'server.tls_cert_file = "{certificate}"' in words
    assert "Warning" not in words


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"server.client_json_passthrough": "1"}, "server.client_json_passthrough has no effect"),
        ({"upstream.url": OPENAI_URL}, "upstream.api_key is not set"),
        ({"upstream.url": SIMULATOR, "upstream.api_key": KEY}, "upstream.api_key is set, but the simulator answers"),
        (
            {"upstream.session_lifetime": "55"},
            "upstream.session_lifetime is 55, in seconds: links are replaced all the time",
        ),
        (
            {"session.max_conversation_bytes": "900000000"},
            "session.max_conversation_bytes is 900000000, and limits.total_bytes only 1073741824",
        ),
        ({"upstream.ca_file": "/no/such/file"}, "upstream.ca_file: /no/such/file cannot be read"),
        (
            {"session.max_held_bytes": "2097152"},
            "limits.realtime_message_bytes is 23068672, and session.max_held_bytes only 2097152",
        ),
        (
            {"limits.client_message_bytes": "40000000"},
            "limits.client_message_bytes is 40000000, and session.max_held_bytes only 33554432",
        ),
        (
            {"limits.total_bytes": "33554432"},
            "session.max_held_bytes is 33554432, and limits.total_bytes only 33554432",
        ),
        (
            {"quotas.identity_starts": "10", "auth.mode": "none"},
            "quotas.identity_starts has no effect without auth.mode; set that, or quotas.address_starts",
        ),
        ({"quotas.identity_sessions": "10"}, "quotas.identity_sessions has no effect"),
    ],
)
def test_explain_warns_of_what_is_hardly_meant(flags, words):
    config = load_config(flags=flags)
    assert [notice for notice in notices(config) if words in notice]
    assert f"Warning: {words}" in explain(config)


@pytest.fixture
def keys_file(tmp_path):
    file = tmp_path / "keys.txt"
    file.write_text(f"web sha256:{'0' * 64}\n")
    file.chmod(0o600)
    return file


def test_explain_warns_of_a_file_of_keys_that_others_can_read(keys_file):
    flags = {"upstream.url": SIMULATOR, "auth.mode": "keys", "auth.keys_file": str(keys_file)}
    assert not list(notices(load_config(flags=flags)))
    keys_file.chmod(0o644)
    (exposed,) = notices(load_config(flags=flags))
    assert exposed == f"auth.keys_file: {keys_file} can be read by everybody on this machine: chmod o-rwx {keys_file}"


def test_explain_warns_of_keys_that_nobody_is_asked_for(keys_file):
    flags = {"upstream.url": SIMULATOR, "auth.mode": "none", "auth.keys_file": str(keys_file)}
    assert list(notices(load_config(flags=flags))) == ['auth.keys_file is set, but not used; set auth.mode = "keys"']


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", " has no key; `turnstile key add NAME` makes one"),
        ("web\n", ', line 1: write "NAME sha256:DIGEST", as `turnstile key add NAME` does.'),
    ],
)
def test_explain_warns_of_a_file_of_keys_by_which_nobody_gets_in(keys_file, text, words):
    keys_file.write_text(text)
    flags = {"upstream.url": SIMULATOR, "auth.mode": "keys", "auth.keys_file": str(keys_file)}
    assert list(notices(load_config(flags=flags))) == [f"auth.keys_file: {keys_file}{words}"]


def test_explain_warns_when_one_session_may_keep_all_others_out():
    smallest = {"upstream.url": SIMULATOR, "session.max_held_bytes": "25165824", "limits.total_bytes": "33554432"}
    assert "limits.total_bytes only" in explain(load_config(flags=smallest))
    assert "Warning" not in explain(load_config(flags={**smallest, "limits.total_bytes": "33554436"}))


@pytest.mark.parametrize("path", ["server.tls_cert_file", "server.tls_key_file", "upstream.ca_file"])
def test_a_file_that_is_named_by_nothing_is_none(path):
    section, name = path.split(".")
    assert getattr(getattr(load_config(flags={path: ""}), section), name) is None


def test_what_may_change_while_the_proxy_runs_is_taken_over_and_the_rest_is_named():
    running = load_config(flags={"server.port": "1", "upstream.model": "a", "session.max_held": "1"})
    read = load_config(
        flags={
            "server.port": "2",
            "server.max_sessions": "7",
            "upstream.model": "b",
            "session.max_held": "2",
            "session.max_held_bytes": "1024",
            "limits.client_message_bytes": "2048",
            "limits.total_bytes": "33554432",
            "limits.high_water_bytes": "131072",
            "auth.mode": "keys",
            "auth.keys_file": "keys.txt",
            "journal.level": "text",
            "journal.directory": "elsewhere",
        }
    )
    result, fixed = taken_over(running, read)
    assert (result.server.port, result.server.max_sessions, result.upstream.model) == (1, 7, "a")
    assert (result.session.max_held, result.limits.client_message_bytes) == (2, 2048)
    assert (result.auth.mode, result.auth.keys_file) == (None, Path("keys.txt"))
    assert fixed == [
        "server.port",
        "upstream.model",
        "auth.mode",
        "session.max_held_bytes",
        "limits.total_bytes",
        "limits.high_water_bytes",
        "journal.directory",
    ]
    assert result.journal.level == "text"


def test_a_configuration_that_is_the_same_changes_nothing():
    config = load_config()
    assert taken_over(config, load_config()) == (config, [])
