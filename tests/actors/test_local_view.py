"""What operators see of the sessions of a process: real sockets, and the simulator in the process."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime

import pytest
from websocket import create_connection

import actors.local_view
from actors.inspection import snapshots
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience


def url(system, path):
    host, port = system.address
    return f"ws://{host}:{port}{path}"


@pytest.fixture
def system(make_system):
    return make_system()


def test_one_counts_at_a_time_when_several_ask(system, monkeypatch):
    both, alone = threading.Barrier(2), []

    def measured():
        try:
            both.wait(0.05)
        except threading.BrokenBarrierError:
            alone.append(True)
            both.reset()
        return {}

    monkeypatch.setattr(system.view, "_gauges", measured)
    asking = [threading.Thread(target=system.view.counts) for _ in range(2)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(patience())
    assert alone == [True, True]


@pytest.fixture
def talking(system):
    """A client whose agent tells a long story."""
    with TerminalClient(url(system, "/openai"), timeout=patience()) as client:
        client.send("Settings", agent={"think": {"prompt": "Be brief."}})
        assert client.wait_for("SettingsApplied")
        client.send("InjectUserMessage", content="Tell me a long story about a long journey.")
        assert client.wait_for("AgentStartedSpeaking")
        yield client


def until(look):
    """Look again until there is something, and return it."""
    deadline = time.monotonic() + patience()
    while not (found := look()):
        assert time.monotonic() < deadline
    return found


def only(system):
    (session,) = system.view.sessions()
    return session


def test_a_session_says_what_it_does_and_what_waits_for_what(system, talking):
    talking.send("UpdatePrompt", prompt="Whisper.")
    name = only(system)["id"]
    session = until(lambda: one if (one := system.view.session(name))["waiting"] else None)
    assert (session["state"], session["turns"], session["open_calls"]) == ("in progress", 1, [])
    (waiting,) = session["waiting"]
    assert waiting["message"] == "UpdatePrompt"
    assert waiting["reason"] == f"the end of a response ({session['response']})"
    assert waiting["for"] >= 0
    assert session["link"]["number"] == 1
    assert session["link"]["state"] == "open"


def test_the_list_of_sessions_has_the_longest_wait_of_each_and_its_link(system, talking):
    assert (only(system)["longest_wait"], only(system)["waiting"]) == (None, 0)
    for prompt in ("Whisper.", "Shout."):
        talking.send("UpdatePrompt", prompt=prompt)
    session = until(lambda: one if (one := only(system))["waiting"] == 2 else None)
    first = min(one["request"] for one in system.view.session(session["id"])["waiting"])
    assert (session["longest_wait"]["request"], session["longest_wait"]["message"]) == (first, "UpdatePrompt")
    assert session["longest_wait"]["reason"].startswith("the end of a response (resp")
    assert session["link"] == {"number": 1, "state": "open"}
    assert 0 <= session["age"] < patience()


def test_a_session_says_who_its_client_is_and_since_when(system, talking):  # noqa: ARG001 - it is there
    session = only(system)
    assert session["dialect"] == "component"
    assert session["client"] == {"identity": "", "address": "127.0.0.1", "path": "/openai"}
    assert session["began"].endswith("Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(session["began"])).total_seconds()) < patience()


def test_what_is_shown_of_a_session_is_json_and_holds_nothing_that_was_said(system, talking):
    talking.send("UpdatePrompt", prompt="Whisper.")
    text = json.dumps([only(system), system.view.session(only(system)["id"])])
    for said in ("Whisper", "brief", "journey"):
        assert said not in text


def test_a_session_that_is_not_open_is_none(system):
    assert system.view.session("no such session") is None


def test_responses_that_a_realtime_client_has_asked_for_are_shown_while_they_wait(system):
    link = create_connection(url(system, "/v1/realtime"), timeout=patience())
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Tell me a long story."}]}
    for event in (
        {"type": "conversation.item.create", "item": item},
        {"type": "response.create"},
        {"type": "response.create"},
    ):
        link.send(json.dumps(event))
    while json.loads(link.recv())["type"] != "response.created":
        pass
    name = only(system)["id"]
    session = until(lambda: one if (one := system.view.session(name))["state"] == "in progress" else None)
    assert session["unanswered"] == []
    (waiting,) = session["waiting"]
    assert waiting["message"] == "response.create"
    assert waiting["reason"] == f"the end of a response ({session['response']})"
    link.close()


def test_sessions_that_do_not_answer_are_shown_all_the_same_and_cost_one_deadline(system, talking):  # noqa: ARG001
    running = system._parts.sessions.open
    (live,) = running.values()
    until(live.coordinator.actor_inbox.try_claim)  # nobody runs it
    try:
        asked = snapshots({str(number): live for number in range(1000)}, 0.0, lambda: 0.0)
        left_waiting = len(live.coordinator.actor_inbox.waiting())
    finally:
        live.coordinator.actor_inbox.release()
    assert asked == dict.fromkeys(map(str, range(1000)))
    assert left_waiting == 50


def test_a_session_that_does_not_answer_is_shown_as_far_as_it_is_known(system, talking, monkeypatch):  # noqa: ARG001
    (live,) = system._parts.sessions.open.values()
    monkeypatch.setattr(actors.local_view, "_ANSWER_WITHIN", 0.0)
    until(live.coordinator.actor_inbox.try_claim)  # nobody runs it
    try:
        session = system.view.session(only(system)["id"])
    finally:
        live.coordinator.actor_inbox.release()
    assert (session["state"], session["turns"], session["link"]["state"]) == ("no answer", 1, None)
    assert session["link"]["number"] == 1


def test_a_proxy_without_place_is_not_ready(make_system):
    system = make_system(server__max_sessions="1")
    assert system.view.unready() == []
    with TerminalClient(url(system, "/openai"), timeout=patience()) as client:
        client.send("Settings", agent={})
        assert client.wait_for("SettingsApplied")
        assert system.view.unready() == ["full"]
        assert system.view.counts()["sessions_open"] == 1
        system.drain()
        assert system.view.unready() == ["draining"]
