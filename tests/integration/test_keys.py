"""The mode `keys`: who has a key gets in, and who has none is told why."""

from __future__ import annotations

import io
import logging
import re

import pytest
from websocket import WebSocketBadStatusException, create_connection

from actors.script import ScriptedSession
from turnstile.auth.client_keys import new_key
from turnstile.auth.key_file import add_key, remove_keys
from turnstile.config import load_config
from turnstile.errors import ConfigError, SessionError
from turnstile.terminal.talk import talk
from turnstile.testing import patience


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.txt"


@pytest.fixture
def key(file):
    return add_key(file, "web")[0]


@pytest.fixture
def guarded(start_proxy, file, key):
    """A proxy that asks for the key."""
    assert key
    return start_proxy({"auth.mode": "keys", "auth.keys_file": str(file)})


def reload(proxy, **flags):
    base = {"server.port": "0", "upstream.url": "simulator:"}
    proxy.system.reload(
        load_config(flags={**base, **{name.replace("__", "."): value for name, value in flags.items()}})
    )


def connect(proxy, path="/openai", **options):
    return create_connection(proxy.url(path), timeout=patience(), **options)


def refusal(proxy, path="/openai", **options):
    """Return the status, the words and the headers that a client is refused with."""
    with pytest.raises(WebSocketBadStatusException) as caught:
        connect(proxy, path, **options)
    error = caught.value
    return error.status_code, error.resp_body.decode().strip(), error.resp_headers


@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse", "/v1/realtime"])
def test_a_client_with_a_key_gets_in_in_every_dialect(guarded, key, path):
    for options in (
        {"header": {"Authorization": f"Bearer {key}"}},
        {"header": {"authorization": f"token {key}"}},
        {"header": {"api-key": key}},
    ):
        connect(guarded, path, **options).close()
    connect(guarded, f"{path}?token={key}").close()


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["token", "KEY"], "token"),
        (["bearer", "KEY"], "bearer"),
        (["realtime", "openai-insecure-api-key.KEY"], "realtime"),
    ],
)
def test_a_browsers_key_is_not_the_subprotocol_that_is_chosen(guarded, key, offered, chosen):
    link = connect(guarded, subprotocols=[word.replace("KEY", key) for word in offered])
    assert link.getsubprotocol() == chosen
    assert key not in str(link.getheaders())
    link.close()


def test_who_sends_no_key_is_told_how(guarded):
    status, words, headers = refusal(guarded)
    assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="turnstile"')
    assert words.startswith('This proxy asks for a key: send it as "Authorization: Bearer KEY"')


def test_who_sends_a_wrong_key_is_told_and_the_key_is_not_repeated(guarded):
    wrong = new_key()
    status, words, headers = refusal(guarded, header={"Authorization": f"Bearer {wrong}"})
    assert (status, words) == (401, "The key is not known here, or is not valid any more.")
    assert wrong not in str(headers)


def test_who_sends_two_keys_is_told(guarded, key):
    assert refusal(guarded, f"/openai?token={new_key()}", header={"Authorization": f"Bearer {key}"})[0] == 400


def test_a_revoked_key_opens_nothing_more_and_open_sessions_stay(guarded, key, file):
    link = connect(guarded, header={"Authorization": f"Bearer {key}"})
    remove_keys(file, "web")
    connect(guarded, header={"Authorization": f"Bearer {key}"}).close()  # until the file is read anew
    reload(guarded, auth__mode="keys", auth__keys_file=str(file))
    assert refusal(guarded, header={"Authorization": f"Bearer {key}"})[0] == 401
    link.send('{"type": "Settings", "agent": {}}')
    assert "SettingsApplied" in link.recv()
    link.close()


def test_a_key_that_is_added_opens_from_the_next_reload_on_and_the_one_before_it_too(guarded, key, file):
    newer, _ = add_key(file, "web")
    assert refusal(guarded, header={"Authorization": f"Bearer {newer}"})[0] == 401
    reload(guarded, auth__mode="keys", auth__keys_file=str(file))
    for good in (key, newer):
        connect(guarded, header={"Authorization": f"Bearer {good}"}).close()


def test_a_file_that_cannot_be_read_changes_nothing(guarded, key, file):
    file.write_text(f"{file.read_text()}nonsense\n")
    with pytest.raises(ConfigError, match=r"auth.keys_file: .*keys.txt, line 2: write "):
        reload(guarded, auth__mode="keys", auth__keys_file=str(file), server__max_sessions="1")
    assert guarded.system.config.server.max_sessions != 1
    connect(guarded, header={"Authorization": f"Bearer {key}"}).close()


def test_the_start_fails_without_a_file(start_proxy, file):
    with pytest.raises(ConfigError, match=r"auth.keys_file: .*keys.txt: cannot be read"):
        start_proxy({"auth.mode": "keys", "auth.keys_file": str(file)})
    with pytest.raises(ConfigError, match=r"auth.keys_file: is not set, and auth.mode = .keys. needs it"):
        start_proxy({"auth.mode": "keys"})


def test_a_conversation_in_the_terminal_sends_the_key_of_the_environment(guarded, key, monkeypatch):
    said = io.StringIO()
    monkeypatch.setenv("TURNSTILE_KEY", key)
    assert talk(guarded.url(), "Be brief.", ["/quit"], said, patience())
    monkeypatch.setenv("TURNSTILE_KEY", new_key())
    assert not talk(guarded.url("/openai?token=made-up"), "Be brief.", ["/quit"], said, patience())
    assert not talk(guarded.url(), "Be brief.", ["/quit"], said, patience())
    *_, different, wrong = said.getvalue().splitlines()
    refused = f"{guarded.url()} refused the handshake: it answered"
    assert different == f"{refused} 400: The request has several different keys: send one of them."
    assert wrong == (
        f"{refused} 401: The key is not known here, or is not valid any more. "
        "It does not take the key in TURNSTILE_KEY."
    )


def test_a_scripted_session_sends_its_key(guarded, key):
    with ScriptedSession(guarded.url(), key=key, timeout=patience()) as session:
        session.configure(prompt="Be brief.", text_only=True)
    wrong = new_key()
    with pytest.raises(SessionError, match=r"refused: ws://.*/openai: it answered 401: The key is not known") as caught:
        ScriptedSession(f"{guarded.url()}?token={wrong}", timeout=patience())
    assert wrong not in str(caught.value)


def test_the_log_says_whose_session_begins_and_ends_and_from_where(guarded, key, caplog):
    caplog.set_level(logging.INFO)
    link = connect(guarded, "/v1/realtime", header={"Authorization": f"Bearer {key}"})
    assert "session.created" in link.recv()
    link.close()
    guarded.system.stop(patience())
    said = [record for record in caplog.records if record.name == "turnstile.access"]
    assert [record.event for record in said] == ["session began", "session ended"]
    assert {(record.dialect, record.identity, record.address) for record in said} == {("realtime", "web", "127.0.0.1")}
    assert key not in caplog.text


def test_the_log_says_from_where_a_client_without_a_name_is(proxy, caplog):
    caplog.set_level(logging.INFO)
    link = connect(proxy, "/v1/realtime")
    assert "session.created" in link.recv()
    link.close()
    proxy.system.stop(patience())
    assert re.search(r"session began session=\w+ address=127\.0\.0\.1 dialect=realtime path=/v1/realtime", caplog.text)
