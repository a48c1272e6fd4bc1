"""One session's life: its beginning, its items, its errors, its end."""

from __future__ import annotations

import orjson
import pytest

from turnstile.protocol.frames import Closed
from turnstile.simulator import conversation_items, handshake_errors, response_engine
from turnstile.simulator.faults import Faults, RefusedEvent
from turnstile.simulator.scenario import Call, Expect, Reply, Step

TEXT = {"output_modalities": ["text"]}
CALL = Step(Expect("text"), Reply(calls=(Call("f"),)))


def _called(player):
    """Return a client whose session has made a call, and the call's id."""
    client = player(CALL)
    done = client.ask("go", **TEXT)
    client.advance(0.1)
    return client, done["output"][0]["call_id"]


def _output(call_id, text="done"):
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def test_a_session_begins_with_session_created_and_nothing_else(player):
    client = player(created=False)
    client.advance(10)
    assert client.kinds == ["session.created"]
    session = client.seen[0]["session"]
    assert session["expires_at"] == 1_780_000_000 + 3600
    assert session["model"] == "gpt-realtime"


def test_an_update_is_answered_with_the_whole_session(player):
    client = player()
    event = client.update(instructions="new")
    assert event["type"] == "session.updated"
    assert event["session"] == client.session.settings
    assert event["session"]["instructions"] == "new"
    assert event["session"]["id"] == client.of("session.created")[0]["session"]["id"]


def test_a_bad_field_refuses_the_whole_update(player):
    client = player()
    before = client.session.settings
    fields = {"type": "realtime", "instructions": "new", "bogus_field": 1}
    error = client.error("session.update", event_id="u", session=fields)
    assert error == {
        "type": "invalid_request_error",
        "code": "unknown_parameter",
        "message": "Unknown parameter: 'session.bogus_field'.",
        "param": "session.bogus_field",
        "event_id": "u",
    }
    client.advance(1)
    assert client.session.settings is before
    assert client.kinds[1:] == ["error"]


def test_the_voice_is_locked_once_audio_was_sent(player):
    client = player()
    client.ask("hi", **TEXT)
    assert client.update(audio={"output": {"voice": "ash"}})["type"] == "session.updated"
    client.ask("hi")
    assert client.update(audio={"output": {"voice": "ash"}})["type"] == "session.updated"
    other = {"type": "realtime", "instructions": "new", "audio": {"output": {"voice": "cedar"}}}
    assert client.error("session.update", session=other)["code"] == "cannot_update_voice"
    assert client.session.settings["instructions"] != "new"


def test_the_speed_is_locked_while_a_response_runs(player):
    client = player()
    client.send("response.create")
    faster = {"type": "realtime", "audio": {"output": {"speed": 1.2}}}
    assert client.error("session.update", session=faster)["param"] == "session.audio.output.speed"
    client.until("response.done")
    client.advance(0.1)
    assert client.update(audio={"output": {"speed": 1.2}})["type"] == "session.updated"


def test_an_item_is_added_and_done_at_once(player):
    client = player()
    client.say("hi", id="item_mine")
    added, done = client.advance(0.01)
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert (
        added["item"]
        == done["item"]
        == {
            "id": "item_mine",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_text", "text": "hi"}],
        }
    )
    assert added["previous_item_id"] is None
    assert client.log.items[0][:4] == ("item_mine", "message", "user", "hi")


def test_audio_of_an_item_is_not_shown(player):
    client = player()
    part = {"type": "input_audio", "audio": "AAAA", "transcript": "hi"}
    event = client.answer("conversation.item.create", item={"type": "message", "role": "user", "content": [part]})
    assert event["item"]["content"] == [{"type": "input_audio", "transcript": "hi"}]
    assert client.log.items[0].text == "hi"


def test_items_stand_where_they_were_put(player):
    client = player()
    for item_id, previous in (("a", None), ("b", None), ("c", "a"), ("d", "root")):
        item = {"id": item_id, "type": "message", "role": "user", "content": []}
        client.send("conversation.item.create", item=item, previous_item_id=previous)
    client.advance(0.01)
    assert [event["previous_item_id"] for event in client.of("conversation.item.added")] == [None, "a", "a", None]
    assert [item.id for item in client.session._context.conversation.items] == ["d", "a", "c", "b"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"item": {"type": "message", "role": "user", "content": []}, "previous_item_id": "gone"}, "item_not_found"),
        ({"item": {"id": "a", "type": "message", "role": "user", "content": []}}, "item_create_duplicate_item_id"),
        ({"item": _output("call_unknown")}, "invalid_tool_call_id"),
    ],
)
def test_an_item_that_does_not_fit_is_refused(player, fields, code):
    client = player()
    client.say("first", id="a")
    client.advance(0.01)
    assert client.error("conversation.item.create", event_id="i", **fields)["code"] == code
    assert len(client.log.items) == 1


def test_the_id_of_a_deleted_item_can_be_given_again(player):
    client = player()
    client.say("first", id="a")
    client.send("conversation.item.delete", item_id="a")
    client.advance(0.01)
    assert client.kinds[-1] == "conversation.item.deleted"
    item = {"id": "a", "type": "message", "role": "user", "content": []}
    assert client.answer("conversation.item.create", item=item)["type"] == "conversation.item.added"


def test_an_output_is_taken_once_for_each_call(player):
    client, call_id = _called(player)
    added = client.answer("conversation.item.create", item=_output(call_id))
    assert list(added["item"]) == ["id", "type", "call_id", "output"]
    client.advance(0.01)
    assert client.error("conversation.item.create", item=_output(call_id))["code"] == "invalid_tool_call_id"
    assert client.log.items[-1].call_id == call_id


def test_an_output_is_taken_before_the_response_is_done(player):
    client = player(CALL)
    client.say("go")
    client.send("response.create", response=TEXT)
    call_id = client.until("response.function_call_arguments.done")["call_id"]
    client.send("conversation.item.create", item=_output(call_id))
    assert client.until("conversation.item.added")["item"]["call_id"] == call_id
    assert "response.done" not in client.kinds


def test_an_output_does_not_create_a_response(player):
    client, call_id = _called(player)
    client.send("conversation.item.create", item=_output(call_id))
    client.advance(5)
    assert client.kinds.count("response.created") == 1


def test_the_output_is_in_the_answer_that_follows(player):
    client, call_id = _called(player)
    client.send("conversation.item.create", item=_output(call_id, "12 degrees"))
    client.send("response.create", response=TEXT)
    text = client.until("response.output_text.done")["text"]
    assert text.startswith("The answer of f is: 12 degrees.")


def test_a_clients_own_call_can_be_answered(player):
    client = player()
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}
    client.send("conversation.item.create", item=call)
    assert client.answer("conversation.item.create", item=_output("call_1"))["type"] == "conversation.item.added"
    assert [item.text for item in client.log.items] == ["{}", "done"]


def test_an_item_is_retrieved_as_it_is(player):
    client = player()
    done = client.ask("hi", **TEXT)
    client.advance(0.1)
    event = client.answer("conversation.item.retrieve", item_id=done["output"][0]["id"])
    assert event["type"] == "conversation.item.retrieved"
    assert event["item"] == done["output"][0]


@pytest.mark.parametrize("action", ["delete", "retrieve", "truncate"])
def test_an_unknown_item_is_refused(player, action):
    more = {"content_index": 0, "audio_end_ms": 0} if action == "truncate" else {}
    error = player().error(f"conversation.item.{action}", item_id="gone", **more)
    assert error["code"] == f"item_{action}_invalid_item_id"
    assert error["message"].endswith("the item with id 'gone' does not exist.")


def test_truncate_drops_the_transcript(player):
    client = player(Step(Expect(), Reply("a b c")))
    item_id = client.ask("hi")["output"][0]["id"]
    client.advance(0.1)
    place = {"item_id": item_id, "content_index": 0, "audio_end_ms": 150}
    event = client.answer("conversation.item.truncate", **place)
    assert (event["type"], event["audio_end_ms"]) == ("conversation.item.truncated", 150)
    item = client.answer("conversation.item.retrieve", item_id=item_id)["item"]
    assert item["content"] == [{"type": "output_audio", "transcript": None}]
    beyond = client.error("conversation.item.truncate", **{**place, "audio_end_ms": 151})
    assert beyond["message"] == "Audio content of 150ms is already shorter than 151ms"


@pytest.mark.parametrize("index", [0, 1])
def test_only_audio_of_the_model_can_be_truncated(player, index):
    client = player()
    client.say("hi", id="a")
    client.advance(0.1)
    error = client.error("conversation.item.truncate", item_id="a", content_index=index, audio_end_ms=0)
    assert error["code"] == "unsupported_content_type"


def test_what_is_done_to_a_deleted_item_still_ends_its_response(player):
    client = player(Step(Expect(), Reply("a b c")))
    client.send("response.create", response=TEXT)
    item_id = client.until("response.output_item.added")["item"]["id"]
    client.until("response.output_text.delta")
    client.send("conversation.item.delete", item_id=item_id)
    assert client.until("response.done")["response"]["status"] == "completed"
    assert client.of("conversation.item.done")[0]["previous_item_id"] is None


def test_the_servers_slip_about_the_second_item_is_reproduced(player):
    client = player()
    client.ask("hi", **TEXT)
    client.ask("hi", **TEXT)
    items = [item.id for item in client.session._context.conversation.items]
    done = {event["item"]["id"]: event["previous_item_id"] for event in client.of("conversation.item.done")}
    assert done == {items[0]: None, items[1]: None, items[2]: items[1], items[3]: items[2]}
    added = {event["item"]["id"]: event["previous_item_id"] for event in client.of("conversation.item.added")}
    assert added[items[1]] == items[0]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'"text"', b"[1]"])
def test_what_is_no_json_object_is_refused_and_nothing_ends(player, data):
    client = player()
    client.session.receive(data, client.now)
    error = client.until("error")["error"]
    assert (error["code"], error["event_id"]) == ("invalid_json", None)
    assert client.update(instructions="x")["type"] == "session.updated"


def test_a_binary_frame_is_refused_and_nothing_ends(player):
    client = player()
    client.session.receive_binary(b"\x00\x01", client.now)
    assert client.until("error")["error"]["code"] == "invalid_event"
    assert client.session.closing is None


def test_errors_are_logged_with_their_event(player):
    client = player()
    client.send("nope", event_id="n")
    client.send("session.update", session={"type": "realtime"}, event_id=5)
    assert [rule[::2] for rule in client.log.broken] == [
        ("invalid_value", "nope", False),
        ("invalid_type", "session.update", False),
    ]
    assert client.log.broken[0].event_id == "n"


def test_four_bad_events_in_a_row_leave_the_session_alive(player):
    client = player()
    for _ in range(4):
        client.error("nope")
    assert client.update(instructions="x")["type"] == "session.updated"


def test_answers_come_in_the_order_asked(player):
    client = player()
    client.send("session.update", session={"type": "realtime"})
    client.say("hi")
    client.send("nope")
    client.send("input_audio_buffer.clear")
    client.advance(0.01)
    assert client.kinds[1:] == [
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "error",
        "input_audio_buffer.cleared",
    ]


def test_what_is_due_already_is_due_now(player):
    client = player(created=False)
    client.session.receive(b"{}", 5.0)
    assert client.session.next_due() == 5.0


def test_a_session_expires_after_an_hour(player):
    client = player()
    client.advance(3599.9)
    assert client.session.closing is None
    client.advance(0.2)
    assert client.seen[-1]["error"]["code"] == "session_expired"
    assert client.session.closing == Closed(1001, "Your session hit the maximum duration of 60 minutes.")
    assert client.session.next_due() is None


def test_nothing_is_taken_after_the_end(player):
    client = player(lifetime=1.0)
    client.advance(2)
    client.send("response.create")
    client.session.receive_binary(b"", client.now)
    assert client.advance(1) == []
    assert client.log.received == {}


def test_a_refused_connection_says_why_and_ends(player):
    client = player(created=False, rejection=handshake_errors.invalid_model("gpt-nope"))
    client.send("response.create")
    client.advance(1)
    assert client.kinds == ["error"]
    assert client.session.closing == Closed(4000, "invalid_request_error.invalid_model")


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("echoes", [True, False])
def test_an_event_is_refused_on_demand(player, nth, echoes):
    fault = RefusedEvent("session.update", nth, code=None, echoes=echoes)
    client = player(faults=Faults(refused=(fault,)))
    for number in range(2):
        client.send("session.update", session={"type": "realtime"}, event_id=f"u{number}")
    client.advance(0.01)
    kinds = ["session.updated", "session.updated"]
    kinds[nth - 1] = "error"
    assert client.kinds[1:] == kinds
    error = client.of("error")[0]["error"]
    assert (error["type"], error["code"]) == ("server_error", None)
    assert error["event_id"] == (f"u{nth - 1}" if echoes else None)
    assert client.log.broken[0].injected
    assert client.log.updates_applied == 1


def test_an_injected_collision_is_not_counted_as_one(player):
    code = "conversation_already_has_active_response"
    client = player(faults=Faults(refused=(RefusedEvent("response.create", code=code),)))
    assert client.error("response.create")["code"] == code
    assert client.log.collisions == 0


def test_the_log_counts_what_came_and_went(player):
    client = player()
    client.ask("hi", **TEXT)
    assert client.log.received == {"conversation.item.create": 1, "response.create": 1}
    assert client.log.sent["response.done"] == 1
    assert sum(client.log.sent.values()) == len(client.seen)


def test_ids_look_like_the_apis(player):
    client = player(CALL)
    done = client.ask("go")
    assert done["id"].startswith("resp_")
    assert len(done["id"]) == len("resp_") + 21
    assert len(done["output"][0]["call_id"]) == len("call_") + 16
    assert len({event["event_id"] for event in client.seen}) == len(client.seen)


def test_the_same_seed_and_the_same_client_give_the_same_frames(player):
    def frames():
        client = player()
        client.ask("hi")
        return orjson.dumps(client.seen)

    assert frames() == frames()


def test_of_a_long_conversation_the_oldest_items_are_forgotten(player, monkeypatch):
    monkeypatch.setattr(conversation_items, "_MOST_ITEMS", 3)
    client = player()
    for number in range(5):
        client.send("conversation.item.create", item=_message(f"i{number}"))
    client.send("conversation.item.retrieve", item_id="i1")
    client.send("conversation.item.retrieve", item_id="i2")
    client.advance(1)
    assert [event["type"] for event in client.seen[-2:]] == ["error", "conversation.item.retrieved"]


def test_of_a_large_conversation_the_oldest_items_are_forgotten_and_the_new_one_stays(player, monkeypatch):
    monkeypatch.setattr(conversation_items, "_MOST_BYTES", 20_000)
    client = player()
    for number in range(10):
        client.send("conversation.item.create", item=_message(f"i{number}", "x" * 6000), previous_item_id="root")
        assert client.session._context.conversation.bytes < 20_000
    client.send("conversation.item.retrieve", item_id="i9")
    client.advance(1)
    assert client.seen[-1]["type"] == "conversation.item.retrieved"


def test_so_many_responses_outside_of_the_conversation_run_at_once_and_no_more(player):
    client = player()
    for _ in range(101):
        client.send("response.create", response={"conversation": "none", **TEXT})
    client.advance(30)
    assert client.kinds.count("response.done") == 100
    assert [rule.code for rule in client.log.broken] == ["rate_limit_exceeded"]
    client.send("response.create", response={"conversation": "none", **TEXT})
    client.advance(30)
    assert client.kinds.count("response.done") == 101


def test_what_responses_have_answered_is_forgotten_with_the_items(player, monkeypatch):
    monkeypatch.setattr(response_engine, "_MOST_ANSWERED", 3)
    client = player()
    for number in range(5):
        given = [{"type": "message", "role": "user", "id": f"i{number}", "content": []}]
        client.send("response.create", response={"conversation": "none", "input": given, **TEXT})
        client.advance(10)
    assert len(client.session._responses._answered) <= 3


def _message(item_id, text="x"):
    return {"type": "message", "role": "user", "id": item_id, "content": [{"type": "input_text", "text": text}]}
