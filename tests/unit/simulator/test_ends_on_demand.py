"""Links that end on demand, outages, and what each link keeps of what it was told."""

from __future__ import annotations

import pytest

from turnstile.ports import LinkFailed, LinkReady, UpstreamTarget
from turnstile.protocol.frames import Closed
from turnstile.simulator.faults import Faults, SentEvent
from turnstile.simulator.outages import Outage
from turnstile.simulator.scenario import Call, Expect, Reply, Step
from turnstile.simulator.simulator import Simulator
from turnstile.testing import ManualTimers, RecordingInbox

STORY = Step(Expect(), Reply("one two three four five six seven eight nine ten"))
CALL = Step(Expect("text"), Reply(calls=(Call("f"),)))
TEXT = {"output_modalities": ["text"]}
DELTA = "response.output_text.delta"


def _message(role, text, **fields):
    content = [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
    return {"type": "message", "role": role, "content": content, **fields}


@pytest.mark.parametrize(("lifetime", "shown"), [(2.5, 1_780_000_002.5), (7, 1_780_000_007), (90.7, 1_780_000_090)])
def test_a_session_shows_when_it_expires_whatever_its_lifetime(player, lifetime, shown):
    client = player(lifetime=lifetime)
    assert client.of("session.created")[0]["session"]["expires_at"] == shown
    client.advance(lifetime - 0.1)
    assert client.session.closing is None
    client.advance(0.2)
    assert client.session.closing.code == 1001


def test_a_session_expires_on_demand_as_by_itself(player):
    client = player()
    client.advance(1)
    client.session.expire(client.now)
    client.advance(0.1)
    assert client.seen[-1]["error"]["code"] == "session_expired"
    assert client.session.closing == Closed(1001, "Your session hit the maximum duration of 60 minutes.")
    client.session.expire(client.now)
    assert client.advance(1) == []


def test_a_link_ends_behind_an_event_of_the_servers(player):
    client = player(STORY, faults=Faults(disconnect_at=SentEvent(DELTA, 3), disconnect_code=1006))
    client.send("response.create", response=TEXT)
    client.advance(5)
    assert client.kinds[-1] == DELTA
    assert client.kinds.count(DELTA) == 3
    assert client.session.closing == Closed(1006, "disconnected on demand")
    assert client.log.responses[0].status == "in_progress"


def test_a_link_ends_at_once_on_demand_and_what_was_due_is_lost(player):
    client = player()
    client.say("Hi")
    client.session.disconnect(client.now)
    assert client.advance(1) == []
    assert client.session.closing == Closed(1006, "disconnected on demand")
    client.session.disconnect(client.now, 1011)
    assert client.session.closing.code == 1006


def test_a_link_ends_behind_the_next_event_of_a_type_on_demand(player):
    client = player(STORY)
    client.ask("hi", **TEXT)
    client.session.disconnect(client.now, 1011, behind="response.created")
    client.advance(1)
    assert client.session.closing is None
    client.send("response.create", response=TEXT)
    client.advance(5)
    assert client.kinds[-1] == "response.created"
    assert client.session.closing.code == 1011


def test_nothing_is_sent_behind_the_end_in_one_moment(player):
    client = player(STORY, faults=Faults(disconnect_at=SentEvent("response.done")))
    client.send("response.create", response=TEXT)
    client.advance(5)
    assert client.kinds[-1] == "response.done"  # and no rate_limits.updated


def test_the_first_event_is_late_on_demand_and_answers_behind_it(player):
    client = player(faults=Faults(opening_delay=1.5), created=False)
    client.send("session.update", session={"type": "realtime", "instructions": "x"})
    client.advance(1.4)
    assert client.seen == []
    client.advance(0.2)
    assert client.kinds == ["session.created", "session.updated"]


def test_the_conversation_is_kept_in_order_with_the_models_items(player):
    client = player(STORY)
    client.say("first", id="a")
    client.ask("second", **TEXT)
    client.send("conversation.item.create", item=_message("system", "zero", id="z"), previous_item_id="root")
    client.advance(0.1)
    client.session.end()
    items = client.session.conversation
    assert [(item.role, item.text) for item in items] == [
        ("system", "zero"),
        ("user", "first"),
        ("user", "second"),
        ("assistant", "one two three four five six seven eight nine ten"),
    ]
    assert [item.id for item in items[:2]] == ["z", "a"]


def test_the_latest_input_audio_is_kept_on_demand(player):
    client = player()
    client.hear(bytes(960))
    assert client.session.input_audio == b""
    client.log.keep_audio = 1000
    client.hear(bytes(range(250)) * 4, frame=500)
    client.hear(b"ab")
    assert client.session.input_audio == (bytes(range(250)) * 4)[2:] + b"ab"
    assert client.log.audio_bytes == 1962


def test_a_call_whose_output_was_deleted_is_open_again(player):
    client = player(CALL)
    done = client.ask("go", **TEXT)
    client.advance(0.1)
    output = {"type": "function_call_output", "call_id": done["output"][0]["call_id"], "output": "x", "id": "o1"}
    client.send("conversation.item.create", item=output)
    client.send("conversation.item.delete", item_id="o1")
    client.send("conversation.item.create", item={**output, "id": "o2"})
    client.advance(0.1)
    assert "error" not in client.kinds
    assert client.session.conversation[-1].id == "o2"


def test_a_restored_conversation_is_answered_from_the_last_item_of_the_model_on(player):
    client = player()
    for item in (_message("user", "old"), _message("assistant", "reply"), _message("user", "new")):
        client.send("conversation.item.create", item=item)
    done = client.ask("newer", **TEXT)
    assert done["output"][0]["content"][0]["text"].startswith("You said: new newer.")


def test_a_restored_call_is_answered_by_its_late_output(player):
    client = player()
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}
    for item in (_message("user", "go"), call, {"type": "function_call_output", "call_id": "call_1", "output": "hail"}):
        client.send("conversation.item.create", item=item)
    client.send("response.create", response=TEXT)
    assert client.until("response.output_text.done")["text"].startswith("The answer of f is: hail.")


def test_a_restored_assistant_item_has_text_and_no_audio_and_is_not_truncated(player):
    client = player()
    spoken = {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Hi"}]}
    assert client.error("conversation.item.create", item=spoken)["param"] == "item.content[0].type"
    client.send("conversation.item.create", item=_message("assistant", "Hi", id="a"))
    client.advance(0.1)
    error = client.error("conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=0)
    assert error["message"] == "Only model output audio messages can be truncated"


def test_an_id_of_more_than_32_characters_is_refused(player):
    error = player().error("conversation.item.create", item=_message("user", "Hi", id="x" * 33))
    assert (error["code"], error["param"]) == ("string_above_max_length", "item.id")


# Of a simulator.


@pytest.fixture
def timers():
    return ManualTimers()


def _simulator(timers, **options):
    return Simulator(clock=timers.clock, timers=timers, wall_clock=lambda: 1000.0, **options)


def _connect(simulator):
    inbox = RecordingInbox()
    simulator.connect(UpstreamTarget("simulator:"), inbox)
    return inbox


@pytest.mark.parametrize(("status", "code"), [(None, "upstream_unreachable"), (503, "upstream_refused")])
def test_no_link_is_opened_in_an_outage(timers, status, code):
    simulator = _simulator(timers)
    simulator.outages.begin(Outage(2.0, status))
    for _ in range(2):
        (failed,) = _connect(simulator).messages
        assert isinstance(failed, LinkFailed)
        assert (failed.problem.code, failed.retryable) == (code, True)
        timers.advance(1.0)
    assert isinstance(_connect(simulator).messages[0], LinkReady)
    assert simulator.links.knocks == [0.0, 1.0, 2.0]
    simulator.shut_down()


def test_all_open_links_can_be_ended_together(timers):
    simulator = _simulator(timers)
    inboxes = [_connect(simulator) for _ in range(3)]
    timers.advance(1.0)
    for link in simulator.links.open:
        link.disconnect()
    assert [inbox.messages[-1] for inbox in inboxes] == [Closed(1006, "disconnected on demand")] * 3
    assert simulator.links.open == []
    assert len(simulator.links.all) == 3
    assert timers.pending == 0


def test_one_link_expires_on_demand_and_the_others_go_on(timers):
    simulator = _simulator(timers, lifetime=lambda number: 100.0 + number)
    inboxes = [_connect(simulator) for _ in range(2)]
    timers.advance(1.0)
    simulator.links.open[0].expire()
    timers.advance(1.0)
    assert [isinstance(inbox.messages[-1], Closed) for inbox in inboxes] == [True, False]
    assert simulator.sessions[1].settings["expires_at"] == 1101
    simulator.shut_down()


@pytest.mark.parametrize(("retry_after", "headers"), [(None, {}), (2.5, {"Retry-After": "2.5"})])
def test_an_outage_asks_to_wait_where_it_is_told_so(retry_after, headers):
    assert Outage(1.0, 429, retry_after).headers == headers
