"""The realtime dialect: what the gate holds becomes a request, everything else passes."""

from __future__ import annotations

import json
import logging

import pytest

from actors.dialects.realtime import RealtimeDialect
from actors.messages import AudioEvent
from turnstile.errors import ClientProtocolError, Problem
from turnstile.protocol import realtime
from turnstile.protocol.frames import TextFrame
from turnstile.session.awaited import Awaited
from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, EventGiven, LinkWanted
from turnstile.session.effects import Answered
from turnstile.translate.host_overlay import HostOverlay
from turnstile.translate.host_overrides import HostFunction, HostOverrides

PROBLEM = Problem("invalid_value", "No.")


@pytest.fixture
def dialect():
    return RealtimeDialect("gpt-realtime", is_beta=False)


def read(dialect, kind, **fields):
    (told,) = dialect.read(json.dumps({"type": kind, **fields}).encode())
    return told


def words(told):
    return [json.loads(frame.data) for frame in told if isinstance(frame, TextFrame)]


def test_the_link_is_wanted_at_once(dialect):
    assert list(dialect.opening()) == [LinkWanted("gpt-realtime")]
    assert not dialect.has_binary_audio


def test_an_update_is_a_request_without_the_type(dialect):
    request = read(dialect, "session.update", session={"type": "realtime", "instructions": "Rhyme."})
    assert isinstance(request, ConfigRequested)
    assert request.patch == {"instructions": "Rhyme."}


def test_a_type_that_is_another_is_upstreams_to_refuse(dialect):
    assert read(dialect, "session.update", session={"type": "transcription"}).patch == {"type": "transcription"}


@pytest.mark.parametrize("response", [None, {}, {"conversation": "auto", "metadata": {"a": "1"}}])
def test_a_response_is_a_request(dialect, response):
    request = read(dialect, "response.create", response=response)
    assert isinstance(request, AgentMessageGiven)
    assert (request.response, request.behavior) == (response or {}, "queue")


@pytest.mark.parametrize(
    ("kind", "fields", "awaits"),
    [
        ("response.create", {"response": {"conversation": "none"}}, Awaited("response", "mine")),
        ("response.cancel", {}, Awaited("ended", "mine")),
        ("response.cancel", {"response_id": "resp_1"}, Awaited("ended", "mine", "resp_1")),
    ],
)
def test_what_waits_for_nothing_passes_at_once(dialect, kind, fields, awaits):
    passed = read(dialect, kind, event_id="mine", **fields)
    assert passed == EventGiven(passed.event, at_once=True, awaits=awaits)
    assert json.loads(passed.event) == {"type": kind, "event_id": "mine", **fields}


@pytest.mark.parametrize(
    ("kind", "fields", "param"),
    [
        ("response.create", {"response": "x"}, "response"),
        ("response.create", {"response": {"metadata": "x"}}, "response.metadata"),
        ("session.update", {"session": "x"}, "session"),
    ],
)
def test_a_gated_event_of_another_shape_is_refused_with_its_name_and_field(dialect, kind, fields, param):
    (error,) = words([read(dialect, kind, event_id="mine", **fields)])
    assert error["type"] == "error"
    assert error["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_type",
        "message": f"Invalid type for '{param}': expected an object, but got a string instead.",
        "param": param,
        "event_id": "mine",
    }


def test_an_event_without_a_type_is_refused_with_its_name(dialect):
    (error,) = words(dialect.read(b'{"event_id": "mine"}'))
    assert (error["error"]["code"], error["error"]["event_id"]) == ("invalid_event", "mine")


@pytest.mark.parametrize(
    ("audio", "left"),
    [
        (None, {}),
        ({"input": None}, {}),
        ({"input": None, "output": {"voice": "ash"}}, {"audio": {"output": {"voice": "ash"}}}),
        ({"input": {"turn_detection": None}}, {"audio": {"input": {"turn_detection": None}}}),
    ],
)
def test_what_of_the_audio_is_null_is_not_given(dialect, audio, left):
    assert read(dialect, "session.update", session={"audio": audio}).patch == left


@pytest.mark.parametrize(
    ("kind", "awaits"),
    [
        ("conversation.item.create", Awaited("item", "mine", "item_1")),
        ("conversation.item.delete", Awaited("deleted", "mine", "item_1")),
        ("conversation.item.retrieve", Awaited("retrieved", "mine", "item_1")),
        ("conversation.item.truncate", Awaited("truncated", "mine", "item_1")),
        ("of.the.future", None),
    ],
)
def test_everything_else_passes_in_its_order_with_what_answers_it(dialect, kind, awaits):
    passed = read(dialect, kind, event_id="mine", session=7, item_id="item_1", item={"id": "item_1"})
    assert passed == EventGiven(passed.event, event_id="mine", awaits=awaits)


def test_the_answer_to_an_item_is_known_by_its_kind(dialect):
    item = {"type": "function_call_output", "call_id": "call_1", "output": "hail"}
    passed = read(dialect, "conversation.item.create", event_id="mine", item=item)
    assert passed.awaits == Awaited("item", "mine", kind="function_call_output", call_id="call_1")
    assert passed.call_id == "call_1"


def test_an_event_without_a_name_is_given_one(dialect):
    names = {json.loads(read(dialect, "of.the.future").event)["event_id"] for _ in range(2)}
    assert len(names) == 2


def test_appends_go_the_way_of_audio(dialect):
    passed = read(dialect, "input_audio_buffer.append", event_id="mine", audio="AAAA")
    assert isinstance(passed, AudioEvent)
    assert json.loads(passed.event)["audio"] == "AAAA"


@pytest.mark.parametrize("audio", ["AAAA", "A\\/AA", "no base64"])
def test_an_append_without_a_name_gets_one_however_it_is_written(dialect, audio):
    (passed,) = dialect.read(b'{"type":"input_audio_buffer.append","audio":"%s"}' % audio.encode())
    event = json.loads(passed.event)
    assert event["event_id"].startswith("ts_unnamed_")
    assert event["audio"] == audio.replace("\\/", "/")


@pytest.mark.parametrize(
    ("kind", "awaits"),
    [("input_audio_buffer.commit", Awaited("committed", "mine")), ("input_audio_buffer.clear", None)],
)
def test_what_is_about_the_audio_before_it_follows_it(dialect, kind, awaits):
    passed = read(dialect, kind, event_id="mine")
    assert passed == EventGiven(passed.event, event_id="mine", follows_audio=True, awaits=awaits)


@pytest.mark.parametrize(("frame", "code"), [(b"{", "invalid_json"), (b"[]", "invalid_event")])
def test_what_is_no_event_is_refused(dialect, frame, code):
    with pytest.raises(ClientProtocolError) as refused:
        list(dialect.read(frame))
    assert refused.value.problem.code == code


def test_a_binary_frame_is_answered_by_an_error(dialect):
    assert words(dialect.binary())[0]["error"]["code"] == "invalid_event"


@pytest.mark.parametrize("code", ["upstream_lost", "turn_lost", "not_restored"])
def test_what_is_lost_with_a_link_is_a_fault_of_the_servers(dialect, code):
    (error,) = words([dialect.problem(Problem(code, "It is gone."), fatal=False)])
    assert error["type"] == "error"
    assert error["error"] == {
        "type": "server_error",
        "code": code,
        "message": "It is gone.",
        "param": None,
        "event_id": None,
    }


def test_the_session_is_told_when_it_is_created_and_after_each_update(dialect):
    assert words(dialect.shown({"session": {"id": "s"}}))[0]["type"] == "session.created"
    request = read(dialect, "session.update", session={})
    assert words(dialect.shown({"session": {"id": "s", "a": 1}})) == []
    (updated,) = words(dialect.answer(Answered(request.ref)))
    assert (updated["type"], updated["session"]) == ("session.updated", {"id": "s", "a": 1})


def test_what_of_an_update_is_not_in_force_is_an_error_ahead_of_the_session_for_the_rest(dialect):
    request = read(dialect, "session.update", event_id="mine", session={"instructions": "Rhyme."})
    error, updated = words(dialect.answer(Answered(request.ref, shortfalls=(PROBLEM,))))
    assert (error["type"], error["error"]["event_id"], error["error"]["code"]) == ("error", "mine", PROBLEM.code)
    assert updated["type"] == "session.updated"


def test_the_session_that_is_created_is_told_as_upstream_told_it(dialect):
    event = {"type": "session.created", "event_id": "event_of_upstream", "session": {"id": "s"}, "new": 1}
    assert words(dialect.shown(event)) == [event]


def test_the_sessions_id_stays_on_another_link(dialect):
    list(dialect.shown({"type": "session.created", "session": {"id": "first", "expires_at": 1}}))
    assert words(dialect.shown({"type": "session.created", "session": {"id": "second", "expires_at": 2}})) == []
    request = read(dialect, "session.update", session={})
    list(dialect.shown({"type": "session.updated", "session": {"id": "second", "expires_at": 2, "a": 1}}))
    (updated,) = words(dialect.answer(Answered(request.ref)))
    assert updated["session"] == {"id": "first", "expires_at": 2, "a": 1}


def test_a_session_is_told_of_once_whatever_is_known_of_it(dialect):
    (created,) = words(dialect.shown({"type": "session.created", "session": {}}))
    assert (created["type"], created["session"]) == ("session.created", {})
    assert created["event_id"]
    assert words(dialect.shown({"type": "session.created", "event_id": "late", "session": {"id": "s"}})) == []


@pytest.mark.parametrize("is_shared", [False, True])
def test_what_another_client_configures_is_told_where_the_session_is_shared(is_shared):
    dialect = RealtimeDialect(None, is_beta=False, is_shared=is_shared)
    list(dialect.shown({"type": "session.created", "session": {"id": "s"}}))
    theirs = {"type": "session.updated", "event_id": "event_2", "session": {"id": "s", "instructions": "x"}}
    assert words(dialect.shown(theirs)) == ([theirs] if is_shared else [])


def test_an_update_of_its_own_is_told_once_where_the_session_is_shared():
    dialect = RealtimeDialect(None, is_beta=False, is_shared=True)
    list(dialect.shown({"type": "session.created", "session": {"id": "s"}}))
    request = read(dialect, "session.update", session={})
    assert words(dialect.shown({"type": "session.updated", "session": {"id": "s"}})) == []
    assert [told["type"] for told in words(dialect.answer(Answered(request.ref)))] == ["session.updated"]


@pytest.mark.parametrize(("named", "notes"), [("gpt-realtime", 0), ("gpt-realtime-2", 1), ({"odd": 1}, 1), (None, 0)])
def test_another_model_in_an_update_is_left_out_and_noted_once(dialect, caplog, named, notes):
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            request = read(dialect, "session.update", session={"model": named, "instructions": "Rhyme."})
            assert request.patch == {"instructions": "Rhyme."}
    assert caplog.text.count("names the model") == notes


def test_an_update_that_is_refused_is_answered_by_an_error_of_its_name(dialect):
    request = read(dialect, "session.update", session={}, event_id="mine")
    (error,) = words(dialect.answer(Answered(request.ref, PROBLEM, in_force=False)))
    assert error["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "No.",
        "param": None,
        "event_id": "mine",
    }


def test_a_response_that_begins_is_no_answer_and_one_that_does_not_is_an_error(dialect):
    assert words(dialect.answer(Answered(read(dialect, "response.create").ref))) == []
    refused = Answered(read(dialect, "response.create", event_id=7).ref, PROBLEM, in_force=False)
    assert words(dialect.answer(refused))[0]["error"]["event_id"] is None


OWN = {
    "type": "error",
    "event_id": "event_7",
    "error": {"type": "server_error", "code": None, "message": "Sorry.", "x": 1},
}


def test_upstreams_own_error_is_told_as_it_is_under_the_clients_name(dialect):
    request = read(dialect, "session.update", session={}, event_id="mine")
    event = {**OWN, "error": {**OWN["error"], "event_id": "ts_4"}}
    refused = Answered(request.ref, Problem("server_error", "Sorry.", error_event=event), in_force=False)
    assert words(dialect.answer(refused)) == [{**OWN, "error": {**OWN["error"], "event_id": "mine"}}]


def test_upstreams_own_error_about_nothing_of_the_clients_is_told_unchanged(dialect):
    problem = Problem("server_error", "Sorry.", error_event=OWN)
    assert words([dialect.problem(problem, fatal=False)]) == [OWN]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("internal_error", "server_error"),
        ("upstream_closed", "server_error"),
        ("update_stalled", "server_error"),
        ("x", "invalid_request_error"),
    ],
)
def test_a_problem_is_an_error_event(dialect, code, kind):
    (error,) = words([dialect.problem(Problem(code, "No."), fatal=True)])
    assert (error["error"]["type"], error["error"]["code"]) == (kind, code)


def test_a_client_of_the_beta_speaks_and_is_spoken_to_in_its_words():
    dialect = RealtimeDialect(None, is_beta=True)
    assert read(dialect, "session.update", session={"modalities": ["text"]}).patch == {"output_modalities": ["text"]}
    (created,) = words(dialect.shown({"session": {"output_modalities": ["audio"]}}))
    assert created["session"] == {"modalities": ["audio", "text"]}


@pytest.mark.parametrize("conversation", ["auto", "none"])
def test_what_the_host_decides_holds_for_single_responses_too(conversation):
    dialect = RealtimeDialect(None, is_beta=False, host=HostOverlay(HostOverrides(prompt="Rhyme.")))
    told = read(dialect, "response.create", response={"conversation": conversation, "instructions": "mine"})
    response = told.response if conversation == "auto" else json.loads(told.event)["response"]
    assert response == {"conversation": conversation}


def test_a_session_ends_when_upstream_refuses_what_the_host_decides():
    dialect = RealtimeDialect(None, is_beta=False, host=HostOverlay(HostOverrides(session={"instructions": "Rhyme."})))
    _, asked = dialect.opening()
    (end,) = dialect.answer(Answered(asked.ref, PROBLEM, in_force=False))
    assert (end.code, end.problem) == (1008, PROBLEM)


def test_the_field_of_ours_beside_those_of_the_api_is_not_the_clients(dialect):
    frame = read(dialect, "session.update", event_id="mine", session={"endpoints": {"a": {}}, "instructions": "b"})
    error = json.loads(frame.data)["error"]
    assert (error["code"], error["event_id"]) == ("unknown_parameter", "mine")
    assert "session.endpoints" in error["message"]


def test_tools_that_upstream_has_refused_do_not_come_back_with_what_the_host_decides():
    function = HostFunction({"type": "function", "name": "get_weather"}, lambda _: "sunny")
    dialect = RealtimeDialect(None, is_beta=False, host=HostOverlay())
    list(dialect.shown({"session": {"tools": []}}))
    refused = read(dialect, "session.update", session={"tools": ["nonsense"]})
    words(dialect.answer(Answered(refused.ref, PROBLEM, in_force=False)))
    assert dialect.decided(-1, HostOverrides(functions=(function,))).patch["tools"] == [function.tool]


def test_an_error_about_an_event_of_the_clients_gives_its_name_back(dialect):
    (error,) = words([dialect.problem(PROBLEM, fatal=False, event_id="mine")])
    assert error["error"]["event_id"] == "mine"


@pytest.mark.parametrize(
    ("item", "call_id"),
    [
        ({"type": "function_call_output", "call_id": "c1", "output": "x"}, "c1"),
        ({"type": "function_call_output", "call_id": 5}, None),
        ({"type": "message", "call_id": "c1"}, None),
        ("nonsense", None),
    ],
)
def test_an_event_that_brings_the_result_of_a_call_says_of_which(dialect, item, call_id):
    assert read(dialect, "conversation.item.create", item=item).call_id == call_id


def test_half_a_character_in_a_clients_event_is_read_and_written_anew_as_a_replacement(dialect):
    (request,) = dialect.read(rb'{"type":"session.update","session":{"instructions":"a \ud83d b"}}')
    assert request.patch == {"instructions": "a \ufffd b"}
    (passed,) = dialect.read(rb'{"type":"of.the.future","event_id":"mine","text":"a \ud83d b"}')
    assert json.loads(passed.event) == {"type": "of.the.future", "event_id": "mine", "text": "a \ufffd b"}


IMAGE = f"data:image/png;base64,{'QUJD' * 100_000}"


def test_a_large_image_is_passed_on_under_the_clients_name_for_it(dialect):
    item = {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": IMAGE}]}
    given = read(dialect, "conversation.item.create", event_id="mine", item=item)
    assert (given.event_id, json.loads(given.event)["item"]) == ("mine", item)


def test_a_response_to_a_large_image_is_a_request_that_can_be_written(dialect):
    response = {"input": [{"type": "message", "content": [{"type": "input_image", "image_url": IMAGE}]}]}
    request = read(dialect, "response.create", response=response)
    assert json.loads(realtime.response_create("ts_1", request.response))["response"] == response
    assert request.size > len(IMAGE)  # as the budget counts it


@pytest.mark.parametrize("extra", [{"x": 1}, {"event_id": "m\u00e9"}])
def test_a_large_append_that_is_not_plain_is_refused(dialect, extra):
    with pytest.raises(ClientProtocolError, match="an append of more than 262,144 bytes has nothing but its type"):
        read(dialect, "input_audio_buffer.append", audio="QUJD" * 100_000, **extra)


def test_the_names_of_events_without_an_answer_are_what_is_kept(dialect):
    for _ in range(2):
        request = read(dialect, "session.update", event_id="e" * 500, session={})
    assert dialect.kept_bytes == 1_000
    dialect.answer(Answered(request.ref))
    assert dialect.kept_bytes == 500


def test_the_session_that_upstream_shows_is_kept_once(dialect):
    for size in (5_000, 3_000):
        dialect.shown({"type": "session.updated", "session": {"instructions": "x" * size}})
        assert size < dialect.kept_bytes < size + 100


def test_many_shortfalls_of_an_update_are_summed_up(dialect):
    request = read(dialect, "session.update", event_id="mine", session={})
    shortfalls = tuple(Problem("not_in_force", f"session.field_{number}: no.") for number in range(1_000))
    errors = [told["error"] for told in words(dialect.answer(Answered(request.ref, shortfalls=shortfalls)))[:-1]]
    assert len(errors) == 21
    assert errors[-1]["message"] == "session.update: ... and 980 more fields are ignored or adjusted."
    assert {(error["code"], error["event_id"]) for error in errors} == {("not_in_force", "mine")}


@pytest.mark.parametrize(("size", "is_known"), [(512, True), (513, False)])
def test_a_call_id_that_no_call_has_is_not_repeated(dialect, size, is_known):
    item = {"type": "function_call_output", "call_id": "c" * size, "output": ""}
    assert (read(dialect, "conversation.item.create", item=item).call_id is not None) is is_known
