"""A Realtime client's conversation outlives its link, over real sockets: it notices nothing but what is lost."""

from __future__ import annotations

import base64
import json
import threading
import time

import pytest
from links import heard, say
from websocket import create_connection

from actors.timers import TimerThread
from turnstile.simulator.faults import NO_FAULTS, Faults, Pace, SentEvent
from turnstile.simulator.quirks import Quirks
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

BETA = ["OpenAI-Beta: realtime=v1"]


@pytest.fixture
def start(start_proxy):
    """Start a proxy before a simulator whose first link has these faults; return the proxy and its client."""
    timers = TimerThread()
    clients = []

    def start(faults=NO_FAULTS, *, header=(), **options):
        simulator = Simulator(
            clock=time.monotonic,
            timers=timers,
            faults=lambda number: NO_FAULTS if number else faults,
            pace=Pace(step=0.001),
            **options,
        )
        proxy = start_proxy(simulator=simulator)
        client = create_connection(proxy.url("/v1/realtime"), timeout=patience(), header=list(header))
        clients.append(client)
        return simulator, client

    yield start
    for client in clients:
        client.shutdown()
    assert timers.stop(patience())


def all_until(client, is_last):
    """Receive until an event that is the last; return all."""
    events = [json.loads(client.recv())]
    while not is_last(events[-1]):
        events.append(json.loads(client.recv()))
    return events


def wait_until(is_so):
    """Wait until it is so with the simulator."""
    pause, patient_until = threading.Event(), time.monotonic() + patience()
    while not is_so():
        assert time.monotonic() < patient_until
        pause.wait(0.005)


def is_done(event):
    return event["type"] == "response.done"


def says(client, item_id, text):
    """Put the user's words in, and ask for a response; return what comes until it is done."""
    content = [{"type": "input_text", "text": text}]
    say(client, "conversation.item.create", item={"id": item_id, "type": "message", "role": "user", "content": content})
    say(client, "response.create")
    return all_until(client, is_done)


def kinds(events):
    return [event["type"] for event in events]


def conversation(simulator):
    """The items on the latest link, but for the note."""
    items = simulator.links.open[-1].session.conversation
    return [(item.id, item.role, item.text) for item in items if item.role != "system"]


def breaks(simulator, client):
    """End the link, and wait until another is in use."""
    simulator.links.open[-1].disconnect()
    say(client, "session.update", event_id="mine", session={"type": "realtime", "instructions": "Be brief."})
    events = all_until(client, lambda event: event["type"] == "session.updated")
    return [event for event in events if event["type"] != "rate_limits.updated"]


def test_a_loss_between_two_turns_is_not_noticed(start):
    simulator, client = start()
    created = heard(client, "session.created")
    says(client, "item_1", "I am Ada.")
    before = conversation(simulator)
    (updated,) = breaks(simulator, client)
    assert updated["session"]["id"] == created["session"]["id"]
    assert conversation(simulator) == before
    assert len(simulator.logs) == 2


def test_a_response_that_dies_with_its_link_is_ended_and_made_again(start):
    simulator, client = start(Faults(disconnect_at=SentEvent("response.output_audio.delta"), disconnect_code=1006))
    heard(client, "session.created")
    dead = says(client, "item_1", "I am Ada.")
    assert (dead[-1]["response"]["status"], dead[-1]["response"]["usage"]) == ("cancelled", None)
    (began,) = [event["response"]["id"] for event in dead if event["type"] == "response.created"]
    assert dead[-1]["response"]["id"] == began
    again = all_until(client, is_done)
    assert again[0]["type"] == "response.created"
    assert again[-1]["response"]["status"] == "completed"
    assert again[-1]["response"]["id"] != began
    assert not {"error", "session.created", "session.updated"} & {*kinds(dead), *kinds(again)}
    assert [event for event in again if event.get("item", {}).get("id") == "item_1"] == []
    assert [item_id for item_id, role, _ in conversation(simulator) if role == "user"] == ["item_1"]


def test_an_event_that_the_link_did_not_answer_goes_again_before_the_response_behind_it(start):
    simulator, client = start(Faults(disconnect_at=SentEvent("input_audio_buffer.cleared"), disconnect_code=1006))
    heard(client, "session.created")
    say(client, "input_audio_buffer.clear")
    content = [{"type": "input_text", "text": "I am Ada."}]
    item = {"id": "item_1", "type": "message", "role": "user", "content": content}
    say(client, "conversation.item.create", item=item)
    say(client, "response.create")
    events = all_until(client, is_done)
    added = [event["item"]["id"] for event in events if event["type"] == "conversation.item.added"]
    assert (len(added), added[0]) == (2, "item_1")  # the user's, and the agent's
    assert kinds(events).count("response.created") == 1
    assert events[-1]["response"]["status"] == "completed"
    assert next(item_id for item_id, *_ in conversation(simulator)) == "item_1"


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(own_item_ids=True)])
def test_the_ids_that_the_client_knows_stay_valid(start, quirks):
    simulator, client = start(quirks=quirks)
    heard(client, "session.created")
    added = [event["item"] for event in says(client, "item_1", "I am Ada.") if event["type"].endswith("item.added")]
    user, agent = (next(item["id"] for item in added if item.get("role") == role) for role in ("user", "assistant"))
    assert kinds(breaks(simulator, client)) == ["session.updated"]
    say(client, "conversation.item.retrieve", item_id=user)
    assert heard(client, "conversation.item.retrieved", "error")["item"]["id"] == user
    content = [{"type": "input_text", "text": "Between."}]
    item = {"type": "message", "role": "user", "content": content}
    say(client, "conversation.item.create", previous_item_id=user, item=item)
    assert heard(client, "conversation.item.added", "error")["previous_item_id"] == user
    assert [text for _, _, text in conversation(simulator)][:2] == ["I am Ada.", "Between."]
    say(client, "conversation.item.delete", item_id=agent)
    assert heard(client, "conversation.item.deleted", "error")["item_id"] == agent
    assert len(conversation(simulator)) == 2


def test_a_restored_item_is_truncated_at_what_was_heard_of_it(start):
    simulator, client = start()
    heard(client, "session.created")
    events = says(client, "item_1", "Tell me a story, please, a long one.")
    agent = next(event["item_id"] for event in events if event["type"] == "response.output_audio.delta")
    ((_, _, whole),) = [item for item in conversation(simulator) if item[0] == agent]
    breaks(simulator, client)
    say(client, "conversation.item.truncate", item_id=agent, content_index=0, audio_end_ms=400)
    answer = heard(client, "conversation.item.truncated", "error")
    assert (answer["item_id"], answer["audio_end_ms"]) == (agent, 400)
    events = says(client, "item_2", "Go on.")
    assert not {"conversation.item.deleted", "error"} & {*kinds(events)}
    ((_, _, cut),) = [item for item in conversation(simulator) if item[0] == agent]
    assert whole.startswith(cut.rstrip())
    assert cut != whole


def test_what_cannot_be_restored_is_said_once(start):
    simulator, client = start()
    heard(client, "session.created")
    detection = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    say(client, "session.update", session=detection)
    heard(client, "session.updated")
    say(client, "input_audio_buffer.append", audio=base64.b64encode(bytes(48_000)).decode())
    say(client, "input_audio_buffer.commit")
    heard(client, "input_audio_buffer.committed")
    say(client, "response.create")
    all_until(client, is_done)
    errors = [event["error"] for event in breaks(simulator, client) if event["type"] == "error"]
    assert [(error["type"], error["code"], error["param"], error["event_id"]) for error in errors] == [
        ("server_error", "not_restored", None, None)
    ]
    assert "without a transcript" in errors[0]["message"]
    assert [event["type"] for event in breaks(simulator, client)] == ["session.updated"]


def test_speech_that_the_client_had_not_committed_is_said_to_be_lost(start):
    simulator, client = start()
    heard(client, "session.created")
    say(client, "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    heard(client, "session.updated")
    say(client, "input_audio_buffer.append", audio=base64.b64encode(bytes(48_000)).decode())
    say(client, "conversation.item.retrieve", item_id="item_0")
    heard(client, "error")
    errors = [event["error"] for event in breaks(simulator, client) if event["type"] == "error"]
    assert [(error["type"], error["code"]) for error in errors] == [("server_error", "turn_lost")]


def test_a_client_of_the_beta_notices_as_little(start):
    simulator, client = start(
        Faults(disconnect_at=SentEvent("response.output_audio.delta"), disconnect_code=1006), header=BETA
    )
    heard(client, "session.created")
    dead = says(client, "item_1", "I am Ada.")
    assert dead[-1]["response"]["status"] == "cancelled"
    again = all_until(client, is_done)
    assert again[-1]["response"]["status"] == "completed"
    assert not {"error", "session.created", "session.updated"} & {*kinds(dead), *kinds(again)}
    assert len(simulator.logs) == 2


def test_a_renewal_between_two_turns_is_not_noticed(start):
    simulator, client = start(lifetime=lambda number: 3600 if number else 2)
    created = heard(client, "session.created")
    says(client, "item_1", "I am Ada.")
    wait_until(lambda: len(simulator.logs) > 1 and len(simulator.links.open) == 1)
    say(client, "conversation.item.retrieve", item_id="item_1")
    assert heard(client, "conversation.item.retrieved", "error")["item"]["id"] == "item_1"
    events = says(client, "item_2", "Who am I?")
    assert not {"error", "session.created", "session.updated", "conversation.item.deleted"} & {*kinds(events)}
    added = (event["item"]["id"] for event in events if event["type"] == "conversation.item.added")
    assert next(added) == "item_2"
    assert [item_id for item_id, role, _ in conversation(simulator) if role == "user"] == ["item_1", "item_2"]
    say(client, "session.update", session={"type": "realtime", "instructions": "Be brief."})
    assert heard(client, "session.updated")["session"]["id"] == created["session"]["id"]


def offers_weather(client):
    """Have the agent know of a function."""
    heard(client, "session.created")
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
    say(client, "session.update", session={"type": "realtime", "tools": [tool]})
    heard(client, "session.updated")


def answer_to(call):
    return {"type": "function_call_output", "call_id": call["call_id"], "output": "hail"}


@pytest.mark.parametrize("last", ["response.function_call_arguments.done", "response.output_item.done"])
def test_a_call_whose_link_is_lost_behind_its_arguments_is_told_in_each_way_and_answered_once(start, last):
    simulator, client = start(Faults(disconnect_at=SentEvent(last), disconnect_code=1006))
    offers_weather(client)
    events = says(client, "item_1", "What is the weather in Paris?")
    (call,) = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert (events[-1]["response"]["status"], events[-1]["response"]["output"]) == ("completed", [call])
    say(client, "conversation.item.create", item=answer_to(call))
    say(client, "response.create")
    (reply,) = all_until(client, is_done)[-1]["response"]["output"]
    assert (reply["type"], reply["status"]) == ("message", "completed")
    assert [item.call_id for item in simulator.links.open[0].session.conversation if item.call_id] == [
        call["call_id"],
        call["call_id"],
    ]


def test_a_call_whose_link_is_lost_before_its_arguments_are_complete_is_asked_again(start):
    lost = Faults(disconnect_at=SentEvent("response.function_call_arguments.delta"), disconnect_code=1006)
    _, client = start(lost)
    offers_weather(client)
    events = says(client, "item_1", "What is the weather in Paris?")
    assert "response.output_item.done" not in kinds(events)
    (cut,) = events[-1]["response"]["output"]
    assert (events[-1]["response"]["status"], cut["status"]) == ("cancelled", "incomplete")
    (call,) = all_until(client, is_done)[-1]["response"]["output"]
    assert (call["type"], call["status"]) == ("function_call", "completed")
    assert call["call_id"] != cut["call_id"]
    say(client, "conversation.item.create", item=answer_to(call))
    say(client, "response.create")
    assert all_until(client, is_done)[-1]["response"]["output"][0]["type"] == "message"


def test_a_call_is_answered_on_another_link(start):
    simulator, client = start()
    offers_weather(client)
    (call,) = says(client, "item_1", "What is the weather in Paris?")[-1]["response"]["output"]
    assert kinds(breaks(simulator, client)) == ["session.updated"]
    say(client, "conversation.item.create", item=answer_to(call))
    say(client, "response.create")
    events = all_until(client, is_done)
    assert "error" not in kinds(events)
    assert events[-1]["response"]["status"] == "completed"
    assert [item.call_id for item in simulator.links.open[0].session.conversation if item.call_id] == [
        call["call_id"],
        call["call_id"],
    ]
