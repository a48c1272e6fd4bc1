"""Sessions that are enforced: what one may be, and what they leave of a client's."""

from __future__ import annotations

import pytest

from turnstile.errors import ConfigError
from turnstile.translate.enforced_session import checked_session, enforced, overruled, without_enforced

VOICE = {"audio": {"output": {"voice": "marin"}}}


def test_parts_of_the_audio_that_are_null_count_as_not_given():
    session = {"audio": {"input": None, "output": {"voice": "marin"}}, "tools": None, "model": None, "tracing": None}
    assert checked_session(session) == {**VOICE, "tracing": None}
    assert checked_session({"audio": None, "instructions": None}) == {}


def test_a_session_is_copied_so_that_its_giver_cannot_change_it_any_more():
    given = {"tools": []}
    checked = checked_session(given)
    given["tools"].append("more")
    assert checked == {"tools": []}


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (5, "'session': expected an object"),
        ({"audio": "loud"}, "'session.audio': expected an object"),
        ({"audio": {"output": []}}, "'session.audio.output': expected an object"),
        ({"instructions": "a\ud800"}, "session: must be JSON"),
        ({"instructions": b"x"}, "session: must be JSON"),
        ({"type": ["realtime"]}, "'session.type': use 'realtime' or 'transcription'"),
        ({"model": 5}, "'session.model': expected a string"),
        ({"type": "transcription", "model": "gpt-realtime"}, "'session.model': a transcription session has none"),
        ({"instructions": 5}, "'session.instructions': expected a string"),
        *[({"tools": value}, "'session.tools': expected an array") for value in ("all", "", 0, False, {})],
        ({"voice": "ash"}, "'session.voice': it is the beta's; use 'session.audio.output.voice'"),
        ({"endpoints": {}}, "'session.endpoints': leave it out"),
    ],
)
def test_what_cannot_be_enforced_is_refused_with_the_fields_name(session, words):
    with pytest.raises(ConfigError, match=r"^invalid_session: ") as refused:
        checked_session(session)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "audio", [{}, {"output": None}, {"output": "loud"}, {"output": {"voice": {"id": "v"}}}, None, 5]
)
def test_an_enforced_field_stands_in_whatever_a_client_puts_in_its_place(audio):
    assert enforced({"audio": audio}, VOICE) == VOICE


def test_only_named_fields_are_set_where_the_rest_is_in_force_already():
    values = {**VOICE, "instructions": "Rhyme.", "tools": []}
    assert enforced({"audio": {"input": {}}}, values, everywhere=False) == {"audio": {"input": {}}}
    assert enforced({"audio": {"output": None}}, values, everywhere=False) == VOICE
    assert enforced({"instructions": "mine"}, values, everywhere=False) == {"instructions": "Rhyme."}


def test_a_value_that_is_no_part_of_the_audio_is_enforced_as_a_whole():
    values = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}, "reasoning": {"effort": "low"}}
    asked = {
        "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}},
        "reasoning": {"effort": "high", "more": 1},
    }
    assert enforced(asked, values) == values


@pytest.mark.parametrize("values", [{"input": 5}, {"output": []}, {"audio": {"audio": "x", "input": {"input": 5}}}])
def test_a_name_of_a_side_of_the_audio_is_one_value_anywhere_else(values):
    checked = checked_session(values)
    assert checked == values
    assert enforced({"input": {"a": 1}, "audio": {"input": {"input": {"a": 1}}}}, checked).items() >= values.items()
    assert without_enforced(values, checked) == {}
    assert [*overruled({"output": {"voice": "ash"}}, {"output": []})] == ["output"]


def test_a_name_that_a_lenient_server_takes_for_an_enforced_one_is_left_out():
    values = {**VOICE, "instructions": "Rhyme.", "max_output_tokens": 5}
    asked = {
        "Instructions": "mine",
        "in\u017ftructions": "mine",
        "PROMPT": {"id": "pmpt_1"},
        "Voice": "ash",
        "Audio": {"output": {"voice": "ash"}},
        "audio": {"OUTPUT": {"voice": "ash"}, "output": {"VOICE": "ash", "Speed": 1.2}},
        "Tracing": "auto",
    }
    left = {"audio": {"output": {"Speed": 1.2}}, "Tracing": "auto"}
    assert enforced(asked, values) == {**values, **left, "audio": {"output": {"voice": "marin", "Speed": 1.2}}}
    assert without_enforced(asked, values) == left


def test_a_response_keeps_of_the_audio_what_is_not_enforced():
    asked = {"audio": {"output": {"voice": "ash", "format": "f"}}, "metadata": {}}
    assert without_enforced(asked, VOICE) == {"audio": {"output": {"format": "f"}}, "metadata": {}}
    assert without_enforced({"audio": {"output": {"voice": "ash"}}}, VOICE) == {}
    assert without_enforced({"audio": 5}, VOICE) == {}


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"instructions": "Rhyme."}, {"prompt"}),
        ({"prompt": {"id": "pmpt_1"}}, {"instructions", "prompt"}),
        ({"prompt": None}, {"prompt"}),
        ({"prompt": {"id": "pmpt_1"}, "instructions": "Rhyme."}, {"instructions", "prompt"}),
        (VOICE, set()),
    ],
)
def test_a_stored_prompt_and_instructions_are_decided_together(values, names):
    asked = {"instructions": "mine", "prompt": {"id": "pmpt_2"}}
    assert without_enforced(asked, values) == {name: asked[name] for name in asked.keys() - names - values.keys()}


def test_the_fields_that_differ_are_named_by_their_paths():
    values = {**VOICE, "instructions": "Rhyme.", "max_output_tokens": 5}
    asked = {"audio": {"output": {"voice": "ash"}}, "instructions": "", "max_output_tokens": 5, "prompt": {"id": "p"}}
    assert [*overruled(asked, values)] == ["prompt", "audio.output.voice"]
    assert [*overruled({"audio": None}, values)] == []
