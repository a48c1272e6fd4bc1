"""What fails in one session stays there, and is told in words."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest

from actors.client import ClientActor
from actors.coordinator import SessionCoordinatorActor
from actors.upstream import UpstreamActor
from turnstile.protocol.frames import TextFrame
from turnstile.session.client_requests import UserMessageGiven
from turnstile.session.effects import SendItem
from turnstile.simulator.faults import Faults
from turnstile.testing import patience

SETTINGS = {"agent": {"think": {"prompt": "Be brief."}}}


def configured(proxy, path="/openai"):
    dialogue = proxy.dialogue(path)
    dialogue.send("Settings", **SETTINGS)
    assert dialogue.wait_for("SettingsApplied")
    return dialogue


def closing(dialogue):
    """Wait for the close, and return its words."""
    dialogue.wait_until(lambda: None)
    return dialogue.closed


@pytest.mark.parametrize(
    ("actor", "kind"),
    [(ClientActor, TextFrame), (SessionCoordinatorActor, UserMessageGiven), (UpstreamActor, SendItem)],
    ids=["client", "coordinator", "upstream"],
)
def test_an_exception_in_an_actor_ends_its_session_with_an_error_and_no_other(proxy, monkeypatch, actor, kind, caplog):
    take_it = actor.handlers[kind]

    def take(self, message):
        if "boom" in repr(message):
            raise RuntimeError("boom")
        return take_it(self, message)

    monkeypatch.setitem(actor.handlers, kind, take)
    with configured(proxy) as other, configured(proxy) as dialogue:
        dialogue.send("InjectUserMessage", content="boom")
        assert dialogue.wait_for("Error")["code"] == "internal_error"
        assert closing(dialogue) == "1011 internal error"
        assert proxy.system.wait_until_empty(patience(), but=1)
        other.send("InjectUserMessage", content="Hello.")
        assert other.wait_for("AgentDone")
    assert proxy.system.wait_until_empty(patience())
    assert "boom" in caplog.text
    assert repr(proxy.system.simulator) == "<Simulator, 0 sessions open>"
    assert len(proxy.system.simulator.sessions) == 2


def test_an_upstream_that_cannot_be_reached_is_said_to_the_client(start_proxy):
    flags = {
        "upstream.url": "ws://127.0.0.1:1/v1/realtime",
        "upstream.kind": "compatible",
        "upstream.reconnect_for": "0",
    }
    with start_proxy(flags).dialogue() as dialogue:
        dialogue.send("Settings", **SETTINGS)
        error = dialogue.wait_for("Error")
        assert error["code"] == "upstream_unreachable"
        assert "127.0.0.1:1" in error["description"]
        assert closing(dialogue) == "1014 upstream_unreachable"


def test_an_upstream_that_refuses_the_key_at_the_door_is_said_to_the_client(start_proxy):
    class Refusal(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(401)

        def log_message(self, *_):
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Refusal) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.server_address[1]
        proxy = start_proxy({"upstream.url": f"ws://127.0.0.1:{port}/v1/realtime", "upstream.api_key": "sk-made-up"})
        with proxy.dialogue() as dialogue:
            dialogue.send("Settings", **SETTINGS)
            error = dialogue.wait_for("Error")
        server.shutdown()
        thread.join()
    assert error["code"] == "upstream_refused"
    assert "sk-made-up" not in error["description"]


def test_a_key_that_is_refused_after_the_handshake_is_said_to_the_client(start_proxy):
    proxy = start_proxy()
    proxy.system.simulator.faults = Faults(refused_key=True)
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", **SETTINGS)
        assert dialogue.wait_for("Error")["code"] == "invalid_api_key"
        assert closing(dialogue).startswith("1011")


BOTH_PROFILES = pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse"])


@BOTH_PROFILES
def test_first_settings_that_cannot_be_read_end_the_session_with_words(proxy, path):
    with proxy.dialogue(path) as dialogue:
        dialogue.send("Settings", agent={"think": {"functions": "weather"}})
        error = dialogue.wait_for("Error")
        assert error["code"] == "invalid_message"
        assert error["description"].startswith("Settings: agent.think.functions: must be a list")
        assert closing(dialogue) == "1008 invalid_message"
    assert proxy.system.wait_until_empty(patience())


@BOTH_PROFILES
def test_first_settings_that_upstream_refuses_end_the_session_with_words(proxy, path):
    with proxy.dialogue(path) as dialogue:
        managed = {"id": "pmpt_1", "variables": {"x" * 65: "too long a name"}}
        dialogue.send("Settings", agent={"think": {"managedPrompt": managed}})
        assert dialogue.wait_for("Error")["code"] == "string_above_max_length"
        assert closing(dialogue) == "1008 string_above_max_length"
    assert proxy.system.wait_until_empty(patience())


@BOTH_PROFILES
def test_later_settings_that_are_refused_do_not_end_the_session(proxy, path):
    with proxy.dialogue(path) as dialogue:
        dialogue.send("Settings", **SETTINGS)
        dialogue.send("Settings", agent="an id")
        assert dialogue.wait_for("SettingsApplied")
        dialogue.send("Settings", agent={"think": {"managedPrompt": {"id": "p", "variables": {"x" * 65: "1"}}}})
        dialogue.send("InjectUserMessage", content="Hello.")
        assert dialogue.wait_for("AgentAudioDone")
        faults = [*dialogue.received("Error"), *dialogue.received("Warning")]
    assert [fault["code"] for fault in faults] == ["invalid_message", "string_above_max_length"]


@BOTH_PROFILES
def test_a_lost_link_is_replaced_and_the_session_goes_on(start_proxy, path):
    proxy = start_proxy({"session.retry_delay": "0.01"})
    proxy.system.simulator.faults = lambda number: Faults(disconnect_after_responses=1 if number == 0 else None)
    with configured(proxy, path) as dialogue:
        dialogue.send("InjectUserMessage", content="Hello.")
        assert dialogue.wait_for("Warning")["code"] == "upstream_lost"
        assert dialogue.wait_for("Warning", 2)["code"] == "upstream_restored"
        lost, restored = (warning["description"] for warning in dialogue.received("Warning"))
        assert "the conversation goes on" in lost
        assert "2 items of the conversation" in restored
        dialogue.send("UpdatePrompt", prompt="Rhyme.")
        dialogue.send("InjectUserMessage", content="Again.")
        assert dialogue.wait_for("PromptUpdated")
        assert dialogue.wait_until(lambda: _answer_to(dialogue, "Again."))
        assert dialogue.received("Error") == []
    assert proxy.system.simulator.logs[1].responses[0].started["instructions"] == "Be brief.\n\nRhyme."


def _answer_to(dialogue, words):
    said = dialogue.received("ConversationText")
    return next((text for text in said if text["role"] == "assistant" and words in text["content"]), None)


def test_a_client_that_vanishes_leaves_no_session(proxy):
    dialogue = configured(proxy)
    dialogue._connection._socket.sock.shutdown(socket.SHUT_RDWR)
    dialogue.close()
    assert proxy.system.wait_until_empty(patience())


def test_what_upstream_sends_that_cannot_be_read_is_dropped(proxy, caplog):
    with configured(proxy) as dialogue:
        connection = proxy.system.simulator.links.all[0]._connection
        for nonsense in (
            b"{",
            b"[]",
            b'{"type": "response.created"}',
            b'{"type": "error", "error": 3}',
            b'{"type": "new"}',
        ):
            connection.send_text(nonsense)
            connection.flush()
        dialogue.send("InjectUserMessage", content="Hello.")
        assert dialogue.wait_for("AgentDone")
    assert "cannot be read" in caplog.text
