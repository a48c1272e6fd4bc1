from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from turnstile.errors import ClientProtocolError, UpstreamProtocolError
from turnstile.protocol import realtime
from turnstile.protocol.beta_events import current_server_event

HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


def _valid(data):
    """Return the event, if the API's own types know all of it."""
    event = json.loads(data)
    read = TypeAdapter(RealtimeClientEvent).validate_python(event)
    assert read.model_dump(mode="json", exclude_unset=True) == event
    assert not read.model_extra
    return event


def test_an_update_says_what_kind_of_session_it_is():
    event = _valid(realtime.session_update("ts_1", {"instructions": "Be kind."}))
    assert event == {
        "type": "session.update",
        "event_id": "ts_1",
        "session": {"type": "realtime", "instructions": "Be kind."},
    }


def test_an_item_is_created_as_it_is():
    assert _valid(realtime.item_create("ts_1", HELLO))["item"] == HELLO


def test_a_response_is_begun_as_it_is():
    event = _valid(realtime.response_create("ts_1", {"instructions": "Be kind.", "metadata": {"a": "1"}}))
    assert event["response"] == {"instructions": "Be kind.", "metadata": {"a": "1"}}


MARKED = {realtime.MARK: "ts_1"}
LABELS = {"tags": "ours", "team": "red"}


def pairs(count):
    return {f"name_{number}": "x" for number in range(count)}


@pytest.mark.parametrize(
    ("given_metadata", "labels", "sent"),
    [
        (None, None, MARKED),
        ({}, None, MARKED),
        ({"client_event_id": "abc"}, None, {"client_event_id": "abc", **MARKED}),
        ({realtime.MARK: "the client's"}, None, MARKED),
        ({"tags": "mine"}, LABELS, {"tags": "mine", "team": "red", **MARKED}),
        (pairs(13), LABELS, {**pairs(13), **LABELS, **MARKED}),
        (pairs(14), LABELS, {**pairs(14), **LABELS}),
        (pairs(15), LABELS, {**pairs(15), "tags": "ours"}),
        (pairs(15), None, {**pairs(15), **MARKED}),
        (pairs(16), LABELS, pairs(16)),
        (pairs(16), None, pairs(16)),
        (pairs(17), LABELS, pairs(17)),
        ("no object", LABELS, "no object"),
        ("", LABELS, ""),
    ],
)
def test_a_response_is_marked_and_labelled_as_far_as_the_clients_own_metadata_leave_room(given_metadata, labels, sent):
    assert realtime.response_metadata("ts_1", given_metadata, labels) == sent


@pytest.mark.parametrize(
    ("data", "event"),
    [
        (
            realtime.response_cancel("ts_1", "resp_1"),
            {"type": "response.cancel", "event_id": "ts_1", "response_id": "resp_1"},
        ),
        (
            realtime.item_truncate("ts_1", "item_1", 250),
            {
                "type": "conversation.item.truncate",
                "event_id": "ts_1",
                "item_id": "item_1",
                "content_index": 0,
                "audio_end_ms": 250,
            },
        ),
        (realtime.input_audio_commit("ts_1"), {"type": "input_audio_buffer.commit", "event_id": "ts_1"}),
    ],
)
def test_a_command_is_said_in_the_words_of_the_api(data, event):
    assert _valid(data) == event


@given(st.binary(max_size=2_000))
def test_audio_is_appended_in_base64(audio):
    event = _valid(realtime.input_audio_append(audio))
    assert base64.b64decode(event["audio"]) == audio
    assert event.keys() == {"type", "audio"}


def test_a_server_event_is_read():
    event = {"type": "response.created", "event_id": "event_1", "response": {"id": "resp_1"}}
    assert realtime.parse_server_event(json.dumps(event).encode()) == (event, True)


@pytest.mark.parametrize(
    ("data", "text", "is_json"),
    [
        (rb'{"type":"x","text":"ok \ud83d end"}', "ok \ufffd end", True),
        (rb'{"type":"x","text":NaN}', None, False),
        (rb'{"type":"x","text":["\udc00",-Infinity]}', ["\ufffd", None], False),
    ],
)
def test_a_server_event_is_read_that_others_accept(data, text, is_json):
    assert realtime.parse_server_event(data) == ({"type": "x", "text": text}, is_json)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b"[]", "invalid_event"),
        (b"{}", "invalid_event"),
        (b'{"type":1}', "invalid_event"),
    ],
)
def test_what_is_no_event_is_refused(data, code):
    with pytest.raises(UpstreamProtocolError) as refused:
        realtime.parse_server_event(data)
    assert refused.value.problem.code == code


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "session", "response", "item", "output", "content", "voice", "audio", "modalities"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_comes_is_read_or_refused_and_nothing_else(data):
    with suppress(UpstreamProtocolError):
        event, _ = realtime.parse_server_event(data)
        assert isinstance(current_server_event(event)["type"], str)


@pytest.mark.parametrize("arguments", ["", "{}", ' {"city": "Paris"} '])
def test_arguments_are_complete_when_they_are_an_object_or_nothing(arguments):
    assert realtime.complete_arguments(arguments) == arguments


def test_arguments_that_are_not_there_are_none():
    assert realtime.complete_arguments(None) == ""


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (r'{"a": "\ud83d"}', '{"a":"\ufffd"}'),
        (r'{"a": "\\ud83d \udc00"}', r'{"a":"\\ud83d ' + '\ufffd"}'),
        ('{"a": NaN, "b": 1e999}', '{"a":null,"b":null}'),
    ],
)
def test_arguments_that_some_parsers_refuse_are_written_anew(arguments, read):
    assert realtime.complete_arguments(arguments) == read
    assert isinstance(json.loads(read), dict)


@pytest.mark.parametrize(
    "arguments", ["{", '{"city": "Par', '{"city": "Paris"}}', "[]", "null", "3", " ", "[NaN]", 3, 0, False, {}, ["{}"]]
)
def test_arguments_are_not_complete_when_they_are_anything_else(arguments):
    assert realtime.complete_arguments(arguments) is None


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.none()), min_size=1), st.data())
def test_arguments_are_not_complete_wherever_they_are_cut(arguments, data):
    whole = json.dumps(arguments)
    cut = data.draw(st.integers(1, len(whole) - 1))
    assert realtime.complete_arguments(whole)
    assert realtime.complete_arguments(whole[:cut]) is None


def test_arguments_that_are_nested_too_deeply_to_be_written_again_are_not_complete():
    assert realtime.complete_arguments('{"a":NaN,"b":' + "[" * 300 + "]" * 300 + "}") is None


@pytest.mark.parametrize(("frame", "code"), [(b"{", "invalid_json"), (b"[]", "invalid_event")])
def test_a_client_event_that_is_none_is_the_clients_fault(frame, code):
    with pytest.raises(ClientProtocolError) as refused:
        realtime.parse_client_event(frame)
    assert refused.value.problem.code == code


def test_a_client_event_is_read_in_its_own_words():
    assert realtime.parse_client_event(b'{"type": "response.text.delta"}') == {"type": "response.text.delta"}


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
def test_audio_is_told_from_everything_else_without_reading_it(kind):
    assert realtime.is_audio_delta(json.dumps({"type": kind, "delta": "AAAA"}).encode())
    assert not realtime.is_audio_delta(
        json.dumps({"type": "response.output_text.delta", "delta": f'"{kind}"'}).encode()
    )


@pytest.mark.parametrize(
    ("frame", "code"), [(b"[" + b"1," * 20_000 + b"1]", "too_many_values"), (b"[" * 129, "too_many_levels")]
)
def test_an_event_beyond_the_bounds_is_refused_unread(frame, code):
    with pytest.raises(ClientProtocolError) as refused:
        realtime.parse_client_event(frame + b" " * 128)
    assert refused.value.problem.code == code


@pytest.mark.parametrize("text", ["x" * 2_000_000, ",[{" * 350_000])
def test_a_large_event_of_few_values_is_read(text):
    event = {"type": "x", "x": text}
    assert realtime.parse_client_event(json.dumps(event).encode()) == event
