"""The prompt of a call is changed while the agent speaks: by the host, and over the ops listener."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import changing_prompt
from actors import ProxySystem, ScriptedSession
from actors.ops_application import ops_server
from turnstile.config import load_config
from turnstile.testing import patience

TOKEN = "correct-horse-battery-staple"
STORY = "Tell me a long story about all the bills that were ever sent to me, and about those who sent them to me."


class Call:
    """A call of Ada's: its client, the host, the ops listener, and what the simulator was told."""

    def __init__(self, proxy, host, ops, caller):
        self.view, self.host, self.ops, self.caller = proxy.view, host, ops, caller
        (self.id,) = [session["id"] for session in self.view.sessions()]
        self.log = proxy.simulator.logs[0]

    def asks(self, text):
        self.caller.say(text)
        return self.caller.wait_for("ConversationText", role="assistant")["content"]

    def changes_while_the_agent_speaks(self, change):
        """Return what the agent says meanwhile, whether the gate held the change until then, and its outcome."""
        self.caller.say(STORY)
        self.caller.wait_for("AgentStartedSpeaking")
        with ThreadPoolExecutor(1) as threads:
            outcome = threads.submit(change)
            reason = self.wait_until_one_is_held()["reason"]
            said = self.caller.wait_for("ConversationText", role="assistant")["content"]
            return said, reason, outcome.result(patience())

    def wait_until_one_is_held(self):
        deadline, never = time.monotonic() + patience(), threading.Event()
        while not (held := self.view.session(self.id)["waiting"]):
            assert time.monotonic() < deadline
            never.wait(0.01)
        return held[0]


@pytest.fixture
def call(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config = load_config(flags={"upstream.url": "simulator:"})
    with (
        ProxySystem(config, listens=False) as proxy,
        changing_prompt.serving(changing_prompt.make_host(proxy, TOKEN)) as host,
        ScriptedSession("ws://{}:{}/calls/ada".format(*host), timeout=patience()) as caller,
    ):
        sock = socket.create_server(("127.0.0.1", 0))
        ops = ops_server(config.ops, proxy.view, proxy.is_alive, sock, TOKEN, is_local=True)
        ops.start()
        caller.configure()
        yield Call(proxy, host, ops.address, caller)
        ops.stop(patience())


@pytest.mark.parametrize("way", ["the host", "the ops listener"])
def test_what_changes_while_the_agent_speaks_is_in_force_for_its_next_answer(call, way):
    def change():
        if way == "the host":
            return changing_prompt.ask(call.host, TOKEN, "POST", "/payments/ada")
        return changing_prompt.add_note(call.ops, TOKEN, call.id, "It is paid: say thanks.")

    said, reason, _ = call.changes_while_the_agent_speaks(change)
    assert reason.startswith("the end of a response")
    assert said == f"You said: {STORY.rstrip('.')}. (My instructions: Collect the bill.)"
    assert "It is paid: say thanks.)" in call.asks("What now?")
    assert (call.log.collisions, call.log.updates_under_way, call.log.broken) == (0, 0, [])


def test_only_the_payment_service_says_what_is_paid_and_only_of_who_is_on_the_phone(call):
    with pytest.raises(RuntimeError, match=r"This is for the payment service\."):
        changing_prompt.ask(call.host, "guessed", "POST", "/payments/ada")
    with pytest.raises(RuntimeError, match=r"grace is not on the phone\."):
        changing_prompt.ask(call.host, TOKEN, "POST", "/payments/grace")


def test_the_payment_service_is_told_when_the_call_ends_before_its_change_is_in_force(call):
    call.caller.say("word " * 3000)
    call.caller.wait_for("AgentStartedSpeaking")
    with ThreadPoolExecutor(1) as threads:
        outcome = threads.submit(changing_prompt.ask, call.host, TOKEN, "POST", "/payments/ada")
        call.wait_until_one_is_held()
        call.caller.close()
        with pytest.raises(RuntimeError, match=r"The session has ended\."):
            outcome.result(patience())
    with pytest.raises(RuntimeError, match=r"ada is not on the phone\."):
        changing_prompt.ask(call.host, TOKEN, "POST", "/payments/ada")


def test_an_answer_that_is_no_json_is_told_by_its_status(call):
    with pytest.raises(RuntimeError, match="404 NOT FOUND"):
        changing_prompt.ask(call.host, TOKEN, "POST", "/nowhere")


def test_the_whole_call_goes_as_the_page_says(reserve_port, monkeypatch, capsys):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    changing_prompt.main(str(reserve_port()))
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.endswith("(My instructions: Collect the bill.)")
    assert second.endswith("(My instructions: It is paid: say thanks.)")
    assert third.endswith("(My instructions: It is paid: say thanks. Offer a discount.)")
