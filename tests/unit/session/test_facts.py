"""From the API's events to facts."""

from __future__ import annotations

import pytest

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.realtime import MARK
from turnstile.session import events, turn_events
from turnstile.session.conversation_events import ItemDeleted, ItemRetrieved, ItemTruncated, Transcribed
from turnstile.session.facts import FactReader

RESPONSE = {"id": "resp_1", "status": "in_progress", "conversation_id": "conv_1", "metadata": None}


def created(**changes):
    return {"type": "response.created", "response": {**RESPONSE, **changes}}


def done(**changes):
    return {"type": "response.done", "response": {**RESPONSE, "status": "completed", **changes}}


CALL = {"type": "function_call", "status": "completed", "call_id": "call_1", "name": "get"}


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        (created(), events.ResponseStarted("resp_1")),
        (created(metadata={MARK: "ts_1"}), events.ResponseStarted("resp_1", "ts_1")),
        (done(), events.ResponseFinished("resp_1")),
        (done(status="cancelled"), events.ResponseFinished("resp_1", "cancelled")),
        (done(status="unheard of"), events.ResponseFinished("resp_1", "completed")),
        ({"type": "session.updated", "session": {"a": 1}}, events.ConfigAnswered({"a": 1})),
        ({"type": "conversation.item.added", "item": {"id": "i"}}, events.ItemConfirmed("i")),
        ({"type": "conversation.item.created", "item": {"id": "i"}}, events.ItemConfirmed("i")),
        ({"type": "conversation.item.done", "item": {"id": "i"}}, events.ItemConfirmed("i")),
        ({"type": "conversation.item.retrieved", "item": {"id": "i"}}, ItemRetrieved("i")),
        ({"type": "conversation.item.deleted", "item_id": "i"}, ItemDeleted("i")),
        ({"type": "conversation.item.truncated", "item_id": "i", "audio_end_ms": 3}, ItemTruncated("i", None)),
        (
            {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "Hi."},
            Transcribed("i", "Hi."),
        ),
        (
            {"type": "conversation.item.input_audio_transcription.failed", "item_id": "i", "error": {"code": "x"}},
            Transcribed("i", None),
        ),
        ({"type": "input_audio_buffer.speech_started", "item_id": "i"}, turn_events.SpeechStarted()),
        ({"type": "input_audio_buffer.speech_stopped", "item_id": "i"}, turn_events.SpeechStopped("i")),
        ({"type": "input_audio_buffer.committed", "item_id": "i"}, turn_events.TurnCommitted("i")),
        (
            {
                "type": "response.function_call_arguments.done",
                "response_id": "resp_1",
                "output_index": 2,
                "call_id": "call_1",
                "name": "get",
            },
            events.FunctionCalled("resp_1", 2, "call_1", "get"),
        ),
        (
            {
                "type": "response.function_call_arguments.done",
                "response_id": "resp_1",
                "output_index": 0,
                "call_id": "call_1",
                "name": "get",
                "arguments": '{"city": "Paris"}',
            },
            events.FunctionCalled("resp_1", 0, "call_1", "get", '{"city": "Paris"}'),
        ),
        (
            {"type": "response.output_item.done", "response_id": "resp_1", "output_index": 1, "item": CALL},
            events.FunctionCalled("resp_1", 1, "call_1", "get"),
        ),
        (
            {"type": "response.content_part.added", "response_id": "resp_1", "part": {"type": "audio"}},
            events.AgentSpoke(),
        ),
        (
            {"type": "error", "error": {"type": "t", "code": "c", "message": "m", "param": "p", "event_id": "e"}},
            events.Refused("e", "c", "m", "p"),
        ),
        (
            {"type": "error", "error": {"type": "t", "code": None, "message": "", "event_id": None}},
            events.Refused(None, "t", "t"),
        ),
        ({"type": "error", "error": {}}, events.Refused(None, "error", "error")),
        ({"type": "error", "error": "No."}, events.Refused(None, "error", "No.")),
        ({"type": "error", "message": "No."}, events.Refused(None, "error", "No.")),
        ({"type": "error"}, events.Refused(None, "error", "Upstream sent an error without words.")),
        ({"type": "session.updated"}, events.ConfigAnswered({})),
        ({"type": "session.updated", "session": "x"}, events.ConfigAnswered({})),
        (
            {"type": "session.updated", "session": {"voice": "ash", "audio": 3}},
            events.ConfigAnswered({"audio": 3, "voice": "ash"}),
        ),
    ],
)
def test_an_event_is_read_as_its_fact(event, fact):
    assert FactReader().fact(event) == fact


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.done", "response_id": "resp_1", "text": "So."},
        {"type": "response.output_audio.done", "response_id": "resp_1"},
        {"type": "rate_limits.updated"},
        {"type": "never.heard.of"},
        {"type": "response.content_part.added", "response_id": "resp_1", "part": {"type": "text"}},
        {
            "type": "response.output_item.done",
            "response_id": "resp_1",
            "output_index": 0,
            "item": {"type": "message"},
        },
        {
            "type": "response.output_item.done",
            "response_id": "resp_1",
            "output_index": 0,
            "item": {**CALL, "status": "incomplete"},
        },
        {
            "type": "response.output_item.done",
            "response_id": "resp_1",
            "output_index": 0,
            "item": {**CALL, "arguments": '{"city": '},
        },
        {
            "type": "response.function_call_arguments.done",
            "response_id": "resp_1",
            "output_index": 0,
            "call_id": "call_1",
            "name": "get",
            "arguments": '{"city": ',
        },
        {  # older servers name the function in the item only
            "type": "response.function_call_arguments.done",
            "response_id": "resp_1",
            "output_index": 0,
            "call_id": "call_1",
            "arguments": "{}",
        },
    ],
)
def test_anything_else_is_no_business_of_the_gate(event):
    assert FactReader().fact(event) is None


def spoke(response_id):
    return {"type": "response.content_part.added", "response_id": response_id, "part": {"type": "audio"}}


def test_that_the_agent_spoke_is_told_once_a_link():
    reader = FactReader()
    assert [reader.fact(spoke(response)) for response in ("r1", "r1", "r2")] == [events.AgentSpoke(), None, None]
    assert FactReader().fact(spoke("r3")) == events.AgentSpoke()


def test_that_the_agent_spoke_is_told_after_a_response_out_of_band_that_spoke_first():
    reader = FactReader()
    reader.fact(created(conversation_id=None))
    assert [reader.fact(spoke(response)) for response in ("resp_1", "r2")] == [None, events.AgentSpoke()]


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        (done(status=None, status_details=None, output=None), events.ResponseFinished("resp_1")),
        ({"type": "session.updated", "session": None}, events.ConfigAnswered({})),
        (
            {"type": "conversation.item.added", "item": {"id": "i", "type": None, "role": None, "content": None}},
            events.ItemConfirmed("i"),
        ),
        (
            {"type": "conversation.item.added", "item": {"id": "i", "content": [{"type": None}]}},
            events.ItemConfirmed("i"),
        ),
        (
            {"type": "response.output_item.done", "response_id": "resp_1", "output_index": None, "item": CALL},
            events.FunctionCalled("resp_1", 0, "call_1", "get"),
        ),
    ],
)
def test_a_field_that_is_null_is_read_as_one_that_is_not_given(event, fact):
    assert FactReader().fact(event) == fact


def test_a_response_out_of_band_is_followed_to_its_end_and_tells_nothing_else():
    reader = FactReader()
    assert reader.fact(created(conversation_id=None)) == events.AsideStarted("resp_1")
    part = {"type": "response.content_part.added", "response_id": "resp_1", "part": {"type": "audio"}}
    call = {
        "type": "response.function_call_arguments.done",
        "response_id": "resp_1",
        "output_index": 0,
        "call_id": "c",
        "name": "get",
    }
    assert (reader.fact(part), reader.fact(call)) == (None, None)
    assert reader.fact(done(conversation_id=None)) == events.ResponseFinished("resp_1")


def test_an_item_may_be_put_in_again_once_it_is_deleted():
    reader = FactReader()
    for _ in range(2):
        assert reader.fact({"type": "conversation.item.added", "item": {"id": "i"}}) == events.ItemConfirmed("i")
        assert reader.fact({"type": "conversation.item.deleted", "item_id": "i"}) == ItemDeleted("i")


@pytest.mark.parametrize("metadata", [None, "x", {}, {MARK: 7}])
def test_a_response_without_the_fields_is_unmarked_and_of_an_unknown_conversation(metadata):
    response = {"id": "resp_1", "status": "in_progress", "metadata": metadata}
    fact = FactReader().fact({"type": "response.created", "response": response})
    assert fact == events.ResponseStarted("resp_1", is_placed=False)


def added(kind="added", **fields):
    item = {"id": "item_1", "type": "message", "role": "user", "content": [{"type": "input_text"}], **fields}
    return {"type": f"conversation.item.{kind}", "item": item}


@pytest.mark.parametrize(
    ("fields", "confirmed"),
    [
        ({}, events.ItemConfirmed("item_1", "message", "user")),
        ({"content": [{"type": "input_audio"}]}, events.ItemConfirmed("item_1", "message", "user", has_audio=True)),
        ({"content": None, "role": 7}, events.ItemConfirmed("item_1", "message")),
        (
            {"type": "function_call_output", "role": None, "call_id": "call_1", "content": ["x"]},
            events.ItemConfirmed("item_1", "function_call_output", "", "call_1"),
        ),
    ],
)
def test_an_item_is_told_with_what_it_may_be_known_by(fields, confirmed):
    assert FactReader().fact(added(**fields)) == confirmed


def test_an_item_is_told_of_once():
    reader = FactReader()
    assert reader.fact(added()) is not None
    assert reader.fact(added("done")) is None


def call_done(kind, response_id="resp_1", **fields):
    call = {**CALL, "status": "completed", **fields}
    if kind == "output_item":
        return {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": call}
    return {**call, "type": f"response.{kind}.done", "response_id": response_id, "output_index": 0}


@pytest.mark.parametrize("first", ["function_call_arguments", "output_item"])
@pytest.mark.parametrize("second", ["function_call_arguments", "output_item"])
def test_a_call_is_told_of_once_whichever_of_its_events_comes_first(first, second):
    reader = FactReader()
    assert reader.fact(call_done(first)) == events.FunctionCalled("resp_1", 0, "call_1", "get")
    assert reader.fact(call_done(second)) is None


def test_another_call_is_told_of_whatever_it_has_in_common_with_the_one_before():
    reader = FactReader()
    reader.fact(call_done("output_item"))
    for new in ({"call_id": "call_2"}, {"response_id": "resp_2"}):
        assert isinstance(reader.fact(call_done("output_item", **new)), events.FunctionCalled)


@pytest.mark.parametrize("odd", [{"arguments": "{"}, {"name": None}])
def test_a_call_whose_first_event_was_none_is_told_of_by_its_next(odd):
    reader = FactReader()
    assert reader.fact(call_done("function_call_arguments", **odd)) is None
    assert reader.fact(call_done("output_item")) == events.FunctionCalled("resp_1", 0, "call_1", "get")


def test_calls_are_forgotten_when_there_are_many():
    reader = FactReader()
    for number in range(1000):
        reader.fact(call_done("output_item", call_id=f"call_{number}"))
    assert reader.fact(call_done("output_item", call_id="call_0")) is not None
    assert reader.fact(call_done("output_item", call_id="call_999")) is None


@pytest.mark.parametrize(
    "named_by",
    [
        {"type": "input_audio_buffer.speech_started", "item_id": "item_1"},
        {"type": "input_audio_buffer.speech_stopped", "item_id": "item_1"},
        {"type": "input_audio_buffer.committed", "item_id": "item_1"},
        {"type": "response.output_item.added", "response_id": "resp_1", "item": {"id": "item_1"}},
    ],
)
def test_an_item_that_another_event_has_named_is_known_to_be_none_of_ours(named_by):
    reader = FactReader()
    reader.fact(named_by)
    assert reader.fact(added()) == events.ItemConfirmed("item_1")


def test_the_names_of_items_are_forgotten_when_there_are_many():
    reader = FactReader()
    for number in range(1000):
        reader.fact(added(id=f"item_{number}"))
    assert reader.fact(added(id="item_0")) is not None
    assert reader.fact(added(id="item_999")) is None


def test_input_that_is_cleared_is_told():
    assert FactReader().fact({"type": "input_audio_buffer.cleared"}) == turn_events.InputCleared()


@pytest.mark.parametrize(
    ("words", "running"),
    [
        ("Conversation already has an active response in progress: resp_aB-1. Wait until it is finished.", "resp_aB-1"),
        ("Conversation already has an active response", None),
    ],
)
def test_a_refusal_names_the_response_that_runs(words, running):
    error = {"type": "invalid_request_error", "code": "x", "message": words}
    assert FactReader().fact({"type": "error", "error": error}).running == running


def test_a_response_with_a_mark_is_no_response_out_of_band_though_no_conversation_is_shown():
    reader = FactReader()
    started = reader.fact(created(conversation_id=None, metadata={MARK: "ts_1"}))
    assert started == events.ResponseStarted("resp_1", "ts_1")
    assert reader.fact(done(conversation_id=None)) == events.ResponseFinished("resp_1")


def test_a_response_is_known_as_out_of_band_until_it_is_done():
    reader = FactReader()
    reader.fact(created(conversation_id=None))
    assert reader.fact(spoke("resp_1")) is None
    assert reader.fact(done(conversation_id=None)) == events.ResponseFinished("resp_1")
    assert reader.fact(spoke("resp_1")) == events.AgentSpoke()


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.created"},
        created(id={}),
        created(id=None),
        done(id=7),
        {"type": "response.done", "response": [RESPONSE]},
        {"type": "conversation.item.added", "item": {"id": []}},
        {"type": "input_audio_buffer.speech_stopped", "item_id": None},
        {"type": "input_audio_buffer.committed", "item_id": 7},
        {"type": "conversation.item.deleted", "item_id": None},
        {"type": "conversation.item.truncated", "item_id": []},
        {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": 7},
        {"type": "conversation.item.input_audio_transcription.failed", "item_id": 7},
        {"type": "response.content_part.added", "response_id": "resp_1", "part": "audio"},
        {"type": "response.output_item.done", "response_id": "resp_1", "item": {**CALL, "name": 7}},
        {
            "type": "response.function_call_arguments.done",
            "response_id": "resp_1",
            "output_index": 0,
            "call_id": None,
            "name": "get",
            "arguments": "{}",
        },
    ],
)
def test_an_event_whose_names_are_none_is_no_fact(event):
    with pytest.raises(UpstreamProtocolError, match=r"missing|without"):
        FactReader().fact(event)


def test_what_is_no_text_in_an_error_counts_as_missing():
    error = {"code": 7, "type": "server_error", "message": {}, "event_id": [], "param": 3}
    assert FactReader().fact({"type": "error", "error": error}) == events.Refused(None, "server_error", "server_error")


# What each fact is read from: an event, and the places of it that the fact needs.
NEEDED = [
    (created(metadata={MARK: "ts_1"}), {"response", "response.id"}),
    (done(status="failed", output=[{"id": "i"}]), {"response", "response.id"}),
    ({"type": "session.updated", "session": {"a": {"b": 1}}}, set()),
    ({"type": "error", "error": {"code": "c", "message": "m", "param": None, "event_id": "e"}}, set()),
    ({"type": "conversation.item.added", "item": {"id": "i", "content": [{"text": "x"}]}}, {"item", "item.id"}),
    ({"type": "conversation.item.created", "item": {"id": "i", "role": "user"}}, {"item", "item.id"}),
    ({"type": "conversation.item.done", "item": {"id": "i", "status": "completed"}}, {"item", "item.id"}),
    ({"type": "input_audio_buffer.speech_started", "item_id": "i", "audio_start_ms": 3}, set()),
    ({"type": "input_audio_buffer.speech_stopped", "item_id": "i", "audio_end_ms": 3}, {"item_id"}),
    ({"type": "input_audio_buffer.committed", "item_id": "i", "previous_item_id": None}, {"item_id"}),
    (
        {"type": "response.output_item.done", "response_id": "resp_1", "output_index": 1, "item": {"id": "i", **CALL}},
        {"response_id", "item", "item.type", "item.status", "item.call_id", "item.name"},
    ),
    (
        {
            "type": "response.function_call_arguments.done",
            "response_id": "resp_1",
            "item_id": "i",
            "output_index": 0,
            "call_id": "call_1",
            "name": "get",
        },
        {"response_id", "call_id", "name"},
    ),
    (
        {"type": "response.content_part.added", "response_id": "resp_1", "content_index": 0, "part": {"type": "audio"}},
        {"response_id", "part", "part.type"},
    ),
]


def spoilt(event, needed, path=""):
    """Yield the event with each field that is not needed replaced by a value of each kind, and without it."""
    for name, value in event.items():
        place = f"{path}{name}"
        if place not in needed and place != "type":
            yield {other: kept for other, kept in event.items() if other != name}
            yield from ({**event, name: odd} for odd in (None, 7, "x", True, [], [None], {}, {"id": "x"}))
        if isinstance(value, dict):
            yield from ({**event, name: inner} for inner in spoilt(value, needed, f"{place}."))


@pytest.mark.parametrize(("event", "needed"), NEEDED, ids=[event["type"] for event, _ in NEEDED])
def test_a_fact_is_not_lost_with_a_field_that_it_does_not_need(event, needed):
    fact = FactReader().fact(event)
    # Without its item's id a call is one all the same.
    names = (
        ("response_id", "call_id", "name") if isinstance(fact, events.FunctionCalled) else ("response_id", "item_id")
    )
    for odd in spoilt(event, needed):
        if odd.get("response", {}).get("conversation_id", "") is None:
            continue  # out of band: another fact
        read = FactReader().fact(odd)
        assert type(read) is type(fact), odd
        assert [getattr(read, name, None) for name in names] == [getattr(fact, name, None) for name in names], odd


NAMED = {"type": "response.output_item.added", "response_id": "resp_1", "item": {"id": "item_1"}}


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"content": [{"type": "input_text", "text": "Hi."}]}, [{"type": "input_text", "text": "Hi."}]),
        (
            {"content": [{"type": "input_audio", "audio": "AAAA", "transcript": None}, {"type": "x"}]},
            [{"type": "input_audio", "transcript": None}, {"type": "x"}],
        ),
        ({"content": []}, []),
    ],
)
def test_an_item_is_shown_whole_but_for_its_audio(fields, shown, is_named):
    reader = FactReader()
    if is_named:
        reader.fact(NAMED)
    item = reader.fact(added(**fields)).item
    assert item == {"id": "item_1", "type": "message", "role": "user", "content": shown}


def placed(item_id, kind="added", **fields):
    return {"type": f"conversation.item.{kind}", "item": {"id": item_id}, **fields}


def test_an_item_is_told_with_the_one_before_it():
    reader = FactReader()
    assert reader.fact(placed("a", previous_item_id=None)).previous_id is None
    assert reader.fact(placed("b", "created", previous_item_id="a")).previous_id == "a"
    assert reader.fact(placed("c", previous_item_id=None)).previous_id == "root"
    assert reader.fact(placed("d", previous_item_id="root")).previous_id == "root"


def test_where_upstream_never_shows_a_place_none_is_taken_for_the_first():
    reader = FactReader()
    assert [reader.fact(placed(name, previous_item_id=7)).previous_id for name in "ab"] == [None, None]


def test_the_place_of_an_item_that_is_done_is_not_trusted():
    reader = FactReader()
    reader.fact(placed("a", previous_item_id="x"))
    assert reader.fact(placed("b", "done", previous_item_id="a")).previous_id is None


SAID = {"id": "i", "type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Yes."}]}


def finished(item, response_id="resp_1"):
    return {"type": "response.output_item.done", "response_id": response_id, "item": item}


def test_the_end_of_a_response_shows_its_items_without_their_audio():
    item = {**SAID, "content": [{**SAID["content"][0], "audio": "AAAA"}]}
    assert FactReader().fact(done(output=[item])).output == (SAID,)


@pytest.mark.parametrize(
    "output", [{}, {"output": []}, {"output": None}, {"output": 7}, {"output": [None]}, {"output": [{"id": "i"}]}]
)
def test_items_that_the_end_of_a_response_does_not_show_are_those_that_were_done(output):
    reader = FactReader()
    for event in (finished(SAID), finished({"type": "message"}), finished({**SAID, "id": "j"}, "resp_2")):
        reader.fact(event)
    assert reader.fact(done(**output)).output == (SAID,)
    assert reader.fact(done(**output)).output == ()


def test_of_a_response_out_of_band_no_item_is_shown():
    reader = FactReader()
    reader.fact(created(conversation_id=None))
    reader.fact(finished(SAID))
    assert reader.fact(done(conversation_id=None, output=[SAID])).output == ()
    assert reader.fact(done()).output == ()


def test_few_items_of_few_responses_are_kept_until_their_end():
    reader = FactReader()
    for number in range(100):
        reader.fact(finished({**SAID, "id": f"i{number}"}, "resp_0"))
    assert len(reader.fact(done(id="resp_0")).output) == 64
    for number in range(9):
        reader.fact(finished(SAID, f"resp_{number}"))
    assert [reader.fact(done(id=f"resp_{number}")).output for number in (0, 1)] == [(), (SAID,)]


@pytest.mark.parametrize("kind", ["function_call_arguments", "output_item"])
def test_a_call_is_told_with_its_place_in_the_conversation(kind):
    event = call_done(kind, **({"id": "i"} if kind == "output_item" else {"item_id": "i"}))
    assert FactReader().fact(event).item_id == "i"
    assert FactReader().fact(call_done(kind)).item_id == ""


def test_an_output_item_without_an_id_names_none():
    assert FactReader().fact({"type": "response.output_item.added", "response_id": "resp_1", "item": {}}) is None
