"""What upstream shows against what was asked: each rule of the comparison, and a near miss of each."""

from __future__ import annotations

import copy

import pytest

from turnstile.session import config_comparison
from turnstile.session.config_comparison import Difference, differences, is_shown, with_shown
from turnstile.session.config_patch import ENDPOINTS

GET = {"type": "function", "name": "get", "description": "Gets.", "parameters": {"type": "object", "properties": {}}}
SET = {"type": "function", "name": "set", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}}
LABELLED = {"type": "mcp", "server_label": "files", "authorization": "made up"}


def _output(**fields):
    return {"audio": {"output": fields}}


def _input(**fields):
    return {"audio": {"input": fields}}


def _detection(**fields):
    return _input(turn_detection={"type": "server_vad", **fields})


# (the rule, what was asked, what is shown and is the same, what is shown and is not)
RULES = [
    ("absent is in force", {"instructions": "Rhyme."}, {}, {"instructions": None}),
    ("absent within an object is in force", _output(voice="echo", speed=1.2), _output(speed=1.2), _output(speed=1.0)),
    ("an object without fields shows none", _output(voice="echo"), {"audio": None}, _output(voice=None)),
    ("null, empty text and empty list are one", {"tools": []}, {"tools": None}, {"tools": [GET]}),
    ("an empty text is null", {"instructions": ""}, {"instructions": None}, {"instructions": " "}),
    ("null is the default", {"tool_choice": None}, {"tool_choice": "auto"}, {"tool_choice": "required"}),
    ("the default is null", {"max_output_tokens": "inf"}, {"max_output_tokens": None}, {"max_output_tokens": 4096}),
    ("no modality is speech", {"output_modalities": []}, {"output_modalities": ["audio"]},
     {"output_modalities": ["text"]}),
    ("no truncation said is the default", {"truncation": None}, {"truncation": "auto"}, {"truncation": "disabled"}),
    ("no speed is 1", _output(speed=None), _output(speed=1), _output(speed=1.01)),
    ("no format is PCM", _output(format=None), _output(format={"type": "audio/pcm", "rate": 24000}),
     _output(format={"type": "audio/pcmu"})),
    ("PCM is no format", _input(format={"type": "audio/pcm", "rate": 24000}), _input(format=None),
     _input(format={"type": "audio/pcm", "rate": 16000})),
    ("a format by the beta's name", _output(format={"type": "audio/pcmu"}), _output(format="g711_ulaw"),
     _output(format="g711_alaw")),
    ("a format that nobody knows", _output(format="opus"), _output(format="opus"), _output(format="flac")),
    ("null is no default of turn detection", _input(turn_detection=None), _input(turn_detection=None),
     _detection(threshold=0.5)),
    ("turn detection is no null", _detection(threshold=0.5), _detection(threshold=0.5), _input(turn_detection=None)),
    ("a silence not given is a documented one", _detection(silence_duration_ms=None),
     _detection(silence_duration_ms=200), _detection(silence_duration_ms=700)),
    ("two defaults are two values", _detection(silence_duration_ms=200), _detection(silence_duration_ms=None),
     _detection(silence_duration_ms=500)),
    ("a default that is not said", _detection(create_response=None), _detection(create_response=True),
     _detection(create_response=False)),
    ("1 is 1.0", _output(speed=1), _output(speed=1.0), _output(speed="1.0")),
    ("numbers by value in 32 bits", _output(speed=1.2), _output(speed=1.2000000476837158), _output(speed=1.21)),
    ("true is no number", _detection(create_response=True), _detection(create_response=True),
     _detection(create_response=1)),
    ("an object by its keys, in any order", {"tool_choice": {"type": "function", "name": "get"}},
     {"tool_choice": {"name": "get", "type": "function", "more": 1}},
     {"tool_choice": {"type": "function", "name": "set"}}),
    ("tools in any order", {"tools": [GET, SET]}, {"tools": [SET, GET]}, {"tools": [GET]}),
    ("no tool more than asked for", {"tools": [GET]}, {"tools": [GET]}, {"tools": [GET, SET]}),
    ("a tool with more keys, in any order", {"tools": [SET]},
     {"tools": [{"strict": None, **dict(reversed(SET.items()))}]}, {"tools": [{**SET, "name": "put"}]}),
    ("a tool with an empty description", {"tools": [{**SET, "description": ""}]},
     {"tools": [{**SET, "description": None}]}, {"tools": [{**SET, "description": "Sets."}]}),
    ("a tool without parameters", {"tools": [GET]}, {"tools": [{**GET, "parameters": None}]},
     {"tools": [{**GET, "parameters": {"type": "array"}}]}),
    ("a tool with its name one level lower", {"tools": [GET]}, {"tools": [{"type": "function", "function": GET}]},
     {"tools": [{"type": "function", "function": SET}]}),
    ("a tool's credentials are not shown", {"tools": [LABELLED]}, {"tools": [{**LABELLED, "authorization": "***"}]},
     {"tools": [{**LABELLED, "server_label": "mail"}]}),
    ("tools that are none", {"tools": ["get"]}, {"tools": ["get"]}, {"tools": ["set"]}),
    ("a list in its order", {"include": ["a", "b"]}, {"include": ["a", "b"]}, {"include": ["b", "a"]}),
    ("a list of its length", {"include": ["a"]}, {"include": ["a"]}, {"include": ["a", "b"]}),
    ("another type is another thing", _detection(threshold=0.5), _detection(),
     _input(turn_detection={"type": "semantic_vad"})),
    ("a transcription without all fields", _input(transcription={"model": "whisper-1", "language": None}),
     _input(transcription={"model": "whisper-1", "prompt": ""}),
     _input(transcription={"model": "whisper-1", "language": "de"})),
    ("endpoints are ours", {ENDPOINTS: {"get": "here"}, "tools": [GET]}, {ENDPOINTS: None, "tools": [GET]},
     {ENDPOINTS: None, "tools": None}),
]  # fmt: skip
each_rule = pytest.mark.parametrize(
    ("asked", "same", "other"), [row[1:] for row in RULES], ids=[row[0] for row in RULES]
)


@each_rule
def test_what_is_written_otherwise_is_no_difference(asked, same, other):
    del other
    assert differences(asked, same) == ()


@each_rule
def test_a_near_miss_is_a_difference(asked, same, other):
    del same
    assert len(differences(asked, other)) == 1


def test_a_difference_names_the_field_and_both_values():
    asked = {"instructions": "a", **_output(voice="echo", speed=1.2)}
    shown = {"instructions": "a", **_output(voice="alloy", speed=1.2)}
    assert differences(asked, shown) == (Difference(("audio", "output", "voice"), "echo", "alloy"),)


def test_a_format_differs_as_a_whole():
    (found,) = differences(_output(format={"type": "audio/pcmu"}), _output(format={"type": "audio/pcm"}))
    assert found == (("audio", "output", "format"), {"type": "audio/pcmu"}, {"type": "audio/pcm"})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Difference(("audio", "output", "format"), {"type": "audio/pcmu"}, {"type": "audio/pcm"}), True),
        (Difference(("audio", "output", "format"), {"type": "audio/pcmu"}, {"type": "audio/opus"}), False),
        (Difference(("audio", "output", "voice"), "echo", "audio/pcm"), False),
    ],
)
def test_another_format_is_made_up_for_where_it_can_be_converted(found, expected):
    assert found.is_made_up_for is expected


def test_what_is_shown_takes_the_place_of_what_was_asked_and_of_nothing_else():
    config = {"tools": [], **_input(transcription={"model": "a", "language": "de"})}
    shown = _input(transcription={"model": "a", "language": "en", "prompt": None})
    assert with_shown(config, differences(config, shown)) == {
        "tools": [],
        **_input(transcription={"model": "a", "language": "en"}),
    }


def test_what_is_shown_finds_its_place_where_nothing_was():
    assert with_shown({"audio": None}, (Difference(("audio", "output", "voice"), "a", "b"),)) == _output(voice="b")


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (_output(voice="alloy"), True),
        (_output(speed=1.0), False),
        ({"audio": None}, False),
        ({"audio": {"output": None}}, False),
        ({"instructions": None}, True),
        ({}, False),
    ],
)
def test_one_field_that_is_shown_is_enough_to_prove_something(session, expected):
    assert is_shown({"instructions": "Rhyme.", **_output(voice="echo")}, session) is expected


def test_an_object_is_copied_once_however_many_of_its_fields_differ():
    copied = []

    class Counted(dict):
        def keys(self):
            copied.append(self)
            return super().keys()

        def __iter__(self):  # so that a copy asks for the keys
            return super().__iter__()

    asked = Counted({f"field_{number}": 1 for number in range(1_000)})
    config = Counted({"x": asked})
    found = tuple(Difference(("x", name), 1, 2) for name in asked)
    result = with_shown(config, found)
    assert [len(each) for each in copied] == [1, 1_000]
    assert (result, asked["field_0"]) == ({"x": dict.fromkeys(asked, 2)}, 1)


@pytest.mark.parametrize("value", [[{"a": [1, "x"]}], {"a": {"b": None}}, {"a": {1, 2}}])
def test_an_object_or_list_that_is_shown_as_it_was_asked_for_is_no_difference(value):
    assert differences({"x": value}, {"x": copy.deepcopy(value)}) == ()


def test_of_an_object_that_is_shown_as_it_was_asked_for_no_value_is_compared(monkeypatch):
    monkeypatch.setattr(config_comparison, "_is_same", None)
    tools = [{"type": "function", "name": f"f{number}"} for number in range(1_000)]
    assert differences({"tools": tools, "speed": 1, "model": "m"}, {"tools": [*tools], "speed": 1, "model": "m"}) == ()
