import copy

import orjson
import pytest

from turnstile.protocol.error_texts import MARK, with_safe_errors

KEY = "sk-proj-abcdefgh12345678"
TEXT = f"Incorrect API key provided: {KEY}. You can find"
SAFE = "Incorrect API key provided: *** You can find"


def error(text):
    return {
        "type": "invalid_request_error",
        "code": "invalid_api_key",
        "message": text,
        "param": None,
        "event_id": "e1",
    }


def with_text(text):
    failed = {"type": "failed", "error": {"code": "server_error", "message": text}}
    item = {"id": "i1", "type": "mcp_call", "output": KEY, "error": {"type": "http_error", "message": text}}
    return [
        {"type": "error", "event_id": "x", "error": error(text)},
        {"type": "error", "error": text},
        {"type": "error", "message": text},
        {"type": "error", "error": {"details": [{"text": text}]}},
        {"type": "response.done", "response": {"id": "r1", "status": "failed", "status_details": failed, "output": []}},
        {"type": "response.done", "response": {"id": "r1", "status_details": None, "output": [item, {"id": "i2"}]}},
        {"type": "response.output_item.done", "item": item},
        {"type": "conversation.item.input_audio_transcription.failed", "item_id": "i1", "error": {"message": text}},
    ]


@pytest.mark.parametrize(("event", "safe"), list(zip(with_text(TEXT), with_text(SAFE), strict=True)))
def test_a_key_in_an_error_text_is_masked_wherever_the_api_has_errors(event, safe):
    given = copy.deepcopy(event)
    assert with_safe_errors(event, ()) == safe
    assert event == given


@pytest.mark.parametrize("event", with_text(TEXT))
def test_each_event_with_an_error_has_the_mark(event):
    assert MARK in orjson.dumps(event)


@pytest.mark.parametrize(
    "event",
    [
        *with_text("Invalid value: 'x'."),
        {"type": "error", "error": None},
        {"type": "error"},
        {
            "type": "response.done",
            "response": {"id": "r1", "status_details": None, "output": [None, 3, {"error": None}]},
        },
        {"type": "response.done", "response": None},
        {"type": "response.done", "response": {"output": {}}},
        {"type": "response.output_item.done", "item": []},
        {"type": "response.output_text.delta", "delta": TEXT},
        {"type": "conversation.item.added", "item": {"id": "i1", "content": [{"text": TEXT}]}},
        {"type": "new", "message": TEXT},
    ],
)
def test_an_event_without_a_key_in_an_error_stays_the_same_object(event):
    assert with_safe_errors(event, ("not-in-there",)) is event


def test_a_credential_of_the_operators_is_masked_whatever_it_looks_like():
    event = {"type": "error", "error": error("You sent swordfish/17.")}
    assert with_safe_errors(event, ("swordfish/17",))["error"]["message"] == "You sent ***."


def test_the_id_of_the_event_in_question_stays_as_the_client_gave_it():
    event = {"type": "error", "error": {**error(TEXT), "event_id": "sk-abcdefgh"}}
    assert with_safe_errors(event, ())["error"]["event_id"] == "sk-abcdefgh"


def test_an_error_too_long_to_be_searched_is_cut():
    event = {"type": "error", "error": {"message": "a" * 200_000, "more": [1, 2], "last": TEXT}}
    assert with_safe_errors(event, ()) == {"type": "error", "error": {"message": "a" * (128 * 1024 - 16)}}


def test_an_error_of_too_many_values_is_cut():
    safe = with_safe_errors({"type": "error", "error": [[0] * 7000, [0] * 7000]}, ())
    assert sum(map(len, safe["error"])) < 8200


def test_the_texts_of_an_event_share_one_bound():
    events = {"type": "response.done", "response": {"output": [{"error": "a" * 1000}] * 1000}}
    output = with_safe_errors(events, ())["response"]["output"]
    assert sum(len(item["error"]) for item in output) == 131 * 1000 + 72


def test_an_error_nested_too_deeply_is_cut():
    value = TEXT
    for _ in range(500):
        value = [value]
    shown = with_safe_errors({"type": "error", "error": value}, ())["error"]
    depth = 0
    while shown:
        (shown,), depth = shown, depth + 1
    assert (shown, depth) == (None, 16)
