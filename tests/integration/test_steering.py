"""Operators steer running sessions of either dialect: real sockets, and the simulator in the process."""

from __future__ import annotations

import json
import threading
import time

import pytest
from websocket import ABNF, create_connection

from turnstile.embed.function_schema import host_functions
from turnstile.simulator.faults import Faults, RefusedEvent
from turnstile.testing import RecordingInbox, patience
from turnstile.translate.host_overrides import HostOverrides

STORY = "Tell me a long story about a long journey."
DONE = {"done": True}


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


@pytest.fixture
def make_system(start_proxy):
    """Make started proxies; a setting is given as ``limits__close_timeout``."""

    def make(**flags):
        named = {name.replace("__", "."): value for name, value in flags.items()}
        return start_proxy({"limits.close_timeout": "0.1", **named}).system

    return make


@pytest.fixture
def system(make_system):
    return make_system()


class Client:
    """A client over a socket, which keeps what it is sent."""

    def __init__(self, system, path):
        host, port = system.address
        self.link = create_connection(f"ws://{host}:{port}{path}", timeout=patience())
        self.heard = []
        self.closed = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close(timeout=patience())
        self.link.shutdown()

    def say(self, kind, **fields):
        self.link.send(json.dumps({"type": kind, **fields}))

    def hears(self, kind, **fields):
        """Wait for an event of this type, with these fields."""
        while True:
            opcode, data = self.link.recv_data()
            if opcode == ABNF.OPCODE_CLOSE:
                self.closed = (int.from_bytes(data[:2], "big"), data[2:].decode())
                return None
            if opcode == ABNF.OPCODE_TEXT:
                event = json.loads(data)
                self.heard.append(event)
                if event["type"] == kind and all(event.get(name) == value for name, value in fields.items()):
                    return event

    def told(self, kind):
        return [event for event in self.heard if event["type"] == kind]


class VoiceAgentClient(Client):
    def __init__(self, system, **agent):
        super().__init__(system, "/openai")
        self.say("Settings", agent=agent)
        self.hears("SettingsApplied")

    def begins_a_story(self):
        self.say("InjectUserMessage", content=STORY)
        self.hears("AgentStartedSpeaking")


class RealtimeClient(Client):
    def __init__(self, system, path="/v1/realtime"):
        super().__init__(system, path)
        self.hears("session.created")

    def begins_a_story(self):
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": STORY}]}
        self.say("conversation.item.create", item=item)
        self.say("response.create")
        self.hears("response.output_audio.delta")


DIALECTS = pytest.mark.parametrize("client_of", [VoiceAgentClient, RealtimeClient])


def until(look):
    """Look again until there is something, and return it."""
    deadline = time.monotonic() + patience()
    while not (found := look()):
        assert time.monotonic() < deadline
    return found


class Operator:
    """Steers the only session of a proxy."""

    def __init__(self, system):
        self.view = system.view
        (session,) = until(self.view.sessions)
        self.id = session["id"]

    def give(self, kind, **fields):
        return self.view.give(self.id, {"type": kind, **fields}, patience())

    def begins_to_give(self, kind, **fields):
        """Give a message on a thread of its own; return what waits for the outcome."""
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(self.give(kind, **fields)), daemon=True)
        thread.start()

        def outcome():
            thread.join(patience())
            return outcomes[0]

        return outcome

    def waits_for(self, message_is_held):
        """Wait until the session holds what is asked for."""
        until(lambda: [one for one in self.session()["waiting"] if message_is_held(one)])

    def session(self):
        return self.view.session(self.id)


def in_force(system):
    (snapshot,) = system.inspect(patience()).values()
    return snapshot.state.in_force


@DIALECTS
def test_an_added_prompt_a_new_voice_and_new_functions_are_in_force_when_they_are_answered(system, client_of):
    with client_of(system):
        operator = Operator(system)
        assert operator.give("UpdateThink", think={"prompt": "Rhyme.", "functions": [{"name": "look_up"}]}) == DONE
        assert operator.give("UpdatePrompt", prompt="Be brief.") == DONE
        assert operator.give("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "ash"}}) == DONE
        session = in_force(system)
        assert session["instructions"] == "Rhyme.\n\nBe brief."
        assert session["audio"]["output"]["voice"] == "ash"
        assert [tool["name"] for tool in session["tools"]] == ["look_up"]


@DIALECTS
def test_what_an_operator_gives_in_mid_response_waits_for_its_end(system, client_of):
    with client_of(system) as client:
        client.begins_a_story()
        operator = Operator(system)
        outcome = operator.begins_to_give("UpdatePrompt", prompt="Be brief.")
        operator.waits_for(lambda one: one["request"] < 0 and one["reason"].startswith("the end of a response"))
        assert in_force(system).get("instructions") is None
        assert outcome() == DONE
        assert in_force(system)["instructions"] == "Be brief."


@DIALECTS
def test_a_message_is_not_in_force_in_time_while_a_response_runs(system, client_of):
    with client_of(system) as client:
        client.begins_a_story()
        operator = Operator(system)
        outcome = system.view.give(operator.id, {"type": "UpdatePrompt", "prompt": "Be brief."}, 0.0)
        assert (outcome["done"], outcome["code"]) == (False, "timeout")
        assert operator.give("UpdatePrompt", prompt="Please.") == DONE
        assert in_force(system)["instructions"] == "Be brief.\n\nPlease."


def test_a_voice_agent_client_is_told_nothing_of_an_operators_update(system):
    with VoiceAgentClient(system) as client:
        assert Operator(system).give("UpdatePrompt", prompt="Be brief.") == DONE
        client.say("InjectUserMessage", content="Hello")
        client.hears("AgentAudioDone")
        assert client.told("PromptUpdated") == []


def test_a_realtime_client_is_shown_the_session_that_an_operator_has_changed(system):
    with RealtimeClient(system) as client:
        assert Operator(system).give("UpdateThink", think={"prompt": "Rhyme."}) == DONE
        assert client.hears("session.updated")["session"]["instructions"] == "Rhyme."


def test_a_realtime_client_gets_one_answer_for_its_own_update_beside_an_operators(system):
    with RealtimeClient(system) as client:
        client.begins_a_story()
        client.say("session.update", session={"type": "realtime", "instructions": "Sing."})
        operator = Operator(system)
        operator.waits_for(lambda one: one["message"] == "session.update")
        assert operator.give("UpdatePrompt", prompt="Be brief.") == DONE
        client.say("conversation.item.create", item={"type": "message", "role": "user", "content": []}, event_id="last")
        client.hears("conversation.item.added")
        assert [event["session"]["instructions"] for event in client.told("session.updated")] == ["Sing.\n\nBe brief."]


def test_a_users_message_of_an_operators_is_shown_to_a_voice_agent_client_and_answered(system):
    with VoiceAgentClient(system) as client:
        assert Operator(system).give("InjectUserMessage", content="What is two and two?") == DONE
        client.hears("AgentAudioDone")
        said = [(event["role"], event["content"]) for event in client.told("ConversationText")]
        assert said[0] == ("user", "What is two and two?")
        assert said[1][0] == "assistant"


def test_a_users_message_of_an_operators_is_shown_to_a_realtime_client_and_answered(system):
    with RealtimeClient(system) as client:
        assert Operator(system).give("InjectUserMessage", content="What is two and two?") == DONE
        added = client.hears("conversation.item.added")
        assert added["item"]["content"][0]["text"] == "What is two and two?"
        assert client.hears("response.done")["response"]["status"] == "completed"
        assert client.told("error") == []


@DIALECTS
def test_an_agents_message_of_an_operators_is_said_when_the_response_is_over(system, client_of):
    with client_of(system) as client:
        client.begins_a_story()
        outcome = Operator(system).give("InjectAgentMessage", message="We close at nine.", behavior="queue")
        assert outcome == DONE


def test_an_agents_message_is_refused_while_a_turn_runs(system):
    with VoiceAgentClient(system) as client:
        client.begins_a_story()
        outcome = Operator(system).give("InjectAgentMessage", message="We close at nine.")
        assert (outcome["done"], outcome["code"]) == (False, "injection_refused")


@DIALECTS
def test_a_voice_that_comes_too_late_is_refused_and_stays_out_of_the_clients_updates(system, client_of):
    with client_of(system) as client:
        client.begins_a_story()
        operator = Operator(system)
        outcome = operator.give("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "ash"}})
        assert (outcome["done"], outcome["code"]) == (False, "voice_locked")
        if client_of is RealtimeClient:
            client.say("session.update", session={"type": "realtime", "instructions": "Sing."})
            client.hears("session.updated")
            assert client.told("error") == []


@DIALECTS
def test_a_client_hears_nothing_of_an_operators_voice_that_comes_too_late_while_both_wait(system, client_of):
    with client_of(system) as client:
        client.begins_a_story()
        operator = Operator(system)
        outcome = operator.begins_to_give("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "ash"}})
        operator.waits_for(lambda one: one["request"] < 0)
        if client_of is RealtimeClient:
            client.say("session.update", session={"type": "realtime", "instructions": "Sing."})
            assert client.hears("session.updated")["session"]["instructions"] == "Sing."
        else:
            client.say("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "coral", "speed": 1.2}})
            client.hears("SpeakUpdated")
            assert [warning["code"] for warning in client.told("Warning")] == ["host_decides"]
        assert outcome()["code"] == "voice_locked"
        assert client.told("error") == client.told("Error") == []


@DIALECTS
def test_functions_that_upstream_refuses_stay_out_of_the_clients_updates(system, client_of):
    place = 2 if client_of is VoiceAgentClient else 1
    refusal = RefusedEvent("session.update", place, "invalid_value", "invalid_request_error")
    system.simulator.faults = Faults(refused=(refusal,))
    with client_of(system) as client:
        operator = Operator(system)
        outcome = operator.give("UpdateThink", think={"functions": [{"name": "look_up"}]})
        assert outcome == {"done": False, "code": "invalid_value", "description": "Refused on demand."}
        if client_of is RealtimeClient:
            client.say("session.update", session={"type": "realtime", "instructions": "Sing."})
            assert client.hears("session.updated")["session"]["instructions"] == "Sing."
        else:
            client.say("UpdateThink", think={"prompt": "Sing.", "functions": [{"name": "mine"}]})
            client.hears("ThinkUpdated")
        assert client.told("error") == client.told("Error") == []
        assert "look_up" not in [tool["name"] for tool in in_force(system).get("tools", [])]


def test_an_operators_functions_are_the_clients_to_answer_beside_its_own(system):
    with VoiceAgentClient(system, think={"functions": [{"name": "mine"}]}):
        assert Operator(system).give("UpdateThink", think={"functions": [{"name": "look_up"}]}) == DONE
        assert [tool["name"] for tool in in_force(system)["tools"]] == ["mine", "look_up"]
        assert in_force(system)["endpoints"] == {}
        assert Operator(system).give("UpdateThink", think={"functions": []}) == DONE
        assert [tool["name"] for tool in in_force(system)["tools"]] == ["mine"]


@DIALECTS
def test_a_call_of_an_operators_function_goes_to_the_client(system, client_of):
    with client_of(system) as client:
        operator = Operator(system)
        assert operator.give("UpdateThink", think={"functions": [{"name": "look_up"}]}) == DONE
        assert operator.give("InjectUserMessage", content="Please look_up this.") == DONE
        if client_of is VoiceAgentClient:
            (call,) = client.hears("FunctionCallRequest")["functions"]
            assert (call["name"], call["client_side"]) == ("look_up", True)
            assert until(lambda: operator.session()["open_calls"]) == [call["id"]]
        else:
            assert client.hears("response.function_call_arguments.done")["name"] == "look_up"


def test_the_functions_of_a_host_stay_its_own(system):
    connection, session = system.connect(
        RecordingInbox(), overrides=HostOverrides(functions=host_functions([get_weather]))
    )
    connection.send_text(b'{"type": "Settings", "agent": {}}')
    connection.flush()
    session.wait_for("SettingsApplied", patience())
    operator = Operator(system)
    outcome = operator.give("UpdateThink", think={"functions": [{"name": "get_weather"}]})
    assert outcome == {
        "done": False,
        "code": "invalid_function",
        "description": "functions[0].name: 'get_weather' is the host's own function; give yours another name.",
    }
    assert operator.give("UpdateThink", think={"functions": [{"name": "look_up"}]}) == DONE
    session.update(prompt="new").result(patience())
    assert [tool["name"] for tool in in_force(system)["tools"]] == ["look_up", "get_weather"]
    assert in_force(system)["instructions"] == "new"
    assert list(in_force(system)["endpoints"]) == ["get_weather"]


def test_what_is_given_before_the_settings_comes_with_them(system):
    with Client(system, "/openai") as client:
        operator = Operator(system)
        assert operator.give("UpdateThink", think={"functions": [{"name": "look_up"}]}) == DONE
        added = operator.begins_to_give("UpdatePrompt", prompt="Be brief.")
        said = operator.begins_to_give("InjectUserMessage", content="Hello")
        client.say("Settings", agent={"think": {"prompt": "Rhyme."}})
        client.hears("SettingsApplied")
        assert added() == DONE
        assert said() == DONE
        assert in_force(system)["instructions"] == "Rhyme.\n\nBe brief."
        assert [tool["name"] for tool in in_force(system)["tools"]] == ["look_up"]


def test_more_than_fits_in_a_prompt_does_not_wait_for_the_settings(system):
    with Client(system, "/openai") as client:
        operator = Operator(system)
        added = operator.begins_to_give("UpdatePrompt", prompt="Be brief.")
        refused = operator.give("UpdatePrompt", prompt="x" * (256 * 1024 + 1))
        assert (refused["done"], refused["code"]) == (False, "too_many_held")
        client.say("Settings", agent={})
        client.hears("SettingsApplied")
        assert added() == DONE
        assert in_force(system)["instructions"] == "Be brief."


@DIALECTS
def test_an_operator_ends_a_session(system, client_of):
    with client_of(system) as client:
        operator = Operator(system)
        assert operator.give("End", code=4001, reason="moved") == DONE
        client.hears("nothing")
        assert client.closed == (4001, "moved")
        assert operator.give("UpdatePrompt", prompt="Be brief.") is None


@DIALECTS
def test_what_waits_when_the_client_leaves_fails(system, client_of):
    with client_of(system) as client:
        client.begins_a_story()
        operator = Operator(system)
        outcome = operator.begins_to_give("UpdatePrompt", prompt="Be brief.")
        operator.waits_for(lambda one: one["request"] < 0)
        client.link.close(timeout=patience())
        assert outcome() == {"done": False, "code": "session_ended", "description": "The session has ended."}


def test_what_is_given_is_in_force_on_the_link_after_one_that_was_lost(make_system):
    system = make_system(upstream__reconnect_for="30")
    system.simulator.faults = Faults(disconnect_after_responses=1)
    with VoiceAgentClient(system) as client:
        operator = Operator(system)
        client.begins_a_story()
        outcome = operator.begins_to_give("UpdatePrompt", prompt="Be brief.")
        client.hears("Warning", code="upstream_restored")
        assert outcome() == DONE
        assert in_force(system)["instructions"] == "Be brief."


def test_operators_and_the_host_steer_one_session_together(system):
    connection, session = system.connect(RecordingInbox())
    connection.send_text(b'{"type": "Settings", "agent": {}}')
    connection.flush()
    session.wait_for("SettingsApplied", patience())
    operator = Operator(system)
    outcomes = [operator.begins_to_give("UpdatePrompt", prompt=f"Rule {number}.") for number in range(5)]
    said = session.say("Hello")
    assert [outcome() for outcome in outcomes] == [DONE] * 5
    said.result(patience())
    assert {f"Rule {number}." for number in range(5)} == set(in_force(system)["instructions"].split("\n\n"))


def test_what_is_given_to_a_session_that_drains_is_done_before_it_ends(system):
    with VoiceAgentClient(system) as client:
        client.begins_a_story()
        operator = Operator(system)
        outcome = operator.begins_to_give("UpdatePrompt", prompt="Be brief.")
        operator.waits_for(lambda one: one["request"] < 0)
        system.drain()
        assert outcome() == DONE
        client.hears("nothing")
        assert client.closed == (1001, "shutting down")


def test_more_than_a_session_may_hold_is_refused(make_system):
    system = make_system(session__max_held="1")
    with VoiceAgentClient(system) as client:
        client.begins_a_story()
        operator = Operator(system)
        outcome = operator.begins_to_give("UpdatePrompt", prompt="Be brief.")
        operator.waits_for(lambda one: one["request"] < 0)
        assert operator.give("UpdatePrompt", prompt="Be long.")["code"] == "too_many_held"
        assert outcome() == DONE


def test_a_transcription_session_says_what_it_cannot(system):
    with RealtimeClient(system, "/v1/realtime?intent=transcription") as client:
        operator = Operator(system)
        for given in (
            {"type": "UpdatePrompt", "prompt": "Be brief."},
            {"type": "UpdateThink", "think": {"prompt": "Rhyme."}},
            {"type": "InjectUserMessage", "content": "Hello"},
        ):
            outcome = operator.view.give(operator.id, given, patience())
            assert (outcome["done"], outcome["code"]) == (False, "not_supported")
        assert operator.give("End") == DONE
        client.hears("nothing")
        assert client.closed == (1000, "")


def test_a_message_that_is_not_valid_names_the_field(system):
    with VoiceAgentClient(system):
        outcome = Operator(system).give("UpdatePrompt", prompt=5)
        assert outcome["code"] == "invalid_message"
        assert outcome["description"] == "UpdatePrompt: prompt: must be text, not 5."


def test_what_is_given_while_another_link_takes_over_is_in_force_on_it(make_system):
    system = make_system(upstream__session_lifetime="0.4")
    with VoiceAgentClient(system):
        operator = Operator(system)
        number = 0
        while operator.session()["link"]["number"] < 3:
            number += 1
            assert operator.give("UpdateThink", think={"prompt": f"Rule {number}."}) == DONE
        assert in_force(system)["instructions"] == f"Rule {number}."


def test_a_session_that_joins_a_call_is_steered_as_any_other(system):
    with RealtimeClient(system, "/v1/realtime?call_id=rtc_1") as client:
        assert Operator(system).give("UpdateThink", think={"prompt": "Rhyme."}) == DONE
        assert client.hears("session.updated")["session"]["instructions"] == "Rhyme."
        assert len(client.told("session.updated")) == 1
