from __future__ import annotations

import json

import pytest

from turnstile.translate.to_realtime_client import NAMELESS, RealtimeTranslator


def told(event, *, is_beta=False):
    return [json.loads(frame.data) for frame in RealtimeTranslator("ts_", is_beta=is_beta).translate(event, 0.0)]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_audio.delta", "delta": "AAAA", "obfuscation": "x"},
        {"type": "of.the.future", "anything": [1]},
        {"type": "error", "error": {"code": "x", "event_id": "mine"}},
        {"type": "response.created", "response": {"id": "r", "metadata": {"mine": "1"}}},
        {"type": "response.done", "response": {"id": "r", "metadata": None}},
    ],
)
def test_an_event_passes_as_it_is(event):
    assert told(event) == [event]
    translator = RealtimeTranslator("ts_", is_beta=False)
    assert translator.audio(event, 0.0) == translator.translate(event, 0.0)


@pytest.mark.parametrize(
    ("metadata", "left"), [({"client_event_id": "ts_1"}, None), ({"client_event_id": "ts_1", "a": "1"}, {"a": "1"})]
)
@pytest.mark.parametrize("kind", ["response.created", "response.done"])
def test_our_mark_on_a_response_is_not_told(kind, metadata, left):
    (event,) = told({"type": kind, "response": {"id": "r", "metadata": metadata}})
    assert event["response"] == {"id": "r", "metadata": left}


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_the_session_is_told_as_an_answer_and_not_as_an_event(kind):
    assert told({"type": kind, "session": {}}) == []


@pytest.mark.parametrize("event_id", [None, "ts_7"])
def test_an_error_that_is_no_event_of_the_clients_is_the_sessions_to_tell(event_id):
    assert told({"type": "error", "error": {"code": "x", "event_id": event_id}}) == []


def test_an_error_about_an_event_without_a_name_names_none():
    (event,) = told({"type": "error", "error": {"code": "x", "event_id": f"{NAMELESS}1"}})
    assert event["error"] == {"code": "x", "event_id": None}


def test_a_client_of_the_beta_hears_its_own_words_and_nothing_that_it_does_not_know():
    assert told({"type": "response.output_text.delta"}, is_beta=True) == [{"type": "response.text.delta"}]
    assert told({"type": "conversation.item.done", "item": {}}, is_beta=True) == []
