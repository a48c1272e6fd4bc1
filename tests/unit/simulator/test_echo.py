from __future__ import annotations

import pytest

from turnstile.simulator.echo import echo, said_exactly
from turnstile.simulator.replies import Reply, Turn

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Look up the current conditions for a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TIME = {"type": "function", "name": "clock"}


def _calls(text, *tools, kind="text", **fields):
    return [(call.name, call.arguments) for call in echo(Turn(kind, text, tools=tools, **fields)).calls]


def test_a_text_is_echoed_with_a_bit_of_the_instructions_in_force():
    turn = Turn("text", "hello.", session_instructions="Be kind.\nBe brief.")
    assert echo(turn) == Reply("You said: hello. (My instructions: Be kind. Be brief.)")


def test_long_instructions_are_cut_at_a_word():
    instructions = "word " * 30
    reply = echo(Turn("text", "hi", instructions=instructions)).text
    assert reply == f"You said: hi. (My instructions: {'word ' * 12}…)"


def test_nothing_is_mentioned_when_there_are_no_instructions():
    assert echo(Turn("text", "hi")).text == "You said: hi."


def test_a_greeting_is_said_when_nobody_has_said_anything():
    assert echo(Turn("none")).text == "Hello."


def test_outputs_are_told():
    turn = Turn("output", "what?", (("f", "12 degrees"), ("g", "rain")))
    assert echo(turn).text == "The answer of f is: 12 degrees. The answer of g is: rain."


def test_outputs_and_what_the_user_said_meanwhile_are_told():
    turn = Turn("text", "hurry", (("f", "12 degrees"),))
    assert echo(turn).text == "The answer of f is: 12 degrees. You said: hurry."


@pytest.mark.parametrize(
    ("instructions", "said"),
    [
        ('Say exactly: "Good morning."', "Good morning."),
        ('Say exactly "Good morning."', "Good morning."),
        ('Please say exactly: "He said \\"no\\".\\nTwice." now', 'He said "no".\nTwice.'),
        ('Say exactly: "He said "no"."', 'He said "no".'),
        ("Say something nice.", None),
    ],
)
def test_what_is_to_be_said_exactly_is_found(instructions, said):
    assert said_exactly(instructions) == said


def test_the_sessions_instructions_are_no_order_to_say_something():
    assert echo(Turn("text", "hi", session_instructions='Say exactly: "x"')).text.startswith("You said: hi.")


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("call get_weather", True),
        ("how is the weather?", True),
        ("which city is this", True),
        ("what is the current time", False),
        ("hello", False),
    ],
)
def test_a_tool_is_called_when_the_users_words_point_to_it(text, called):
    assert bool(_calls(text, WEATHER)) is called


def test_a_tool_is_called_for_a_voice_turn_too():
    assert _calls("weather in Rome", WEATHER, kind="audio") == [("get_weather", {"city": "Rome"})]


def test_the_first_tool_that_fits_is_called():
    assert _calls("the weather", TIME, WEATHER)[0][0] == "get_weather"


def test_no_tool_is_called_when_its_output_has_come():
    assert _calls("weather", WEATHER, kind="output", outputs=(("get_weather", "x"),)) == []


def test_no_tool_is_called_when_nothing_new_was_said():
    assert _calls("weather", WEATHER, kind="none") == []


@pytest.mark.parametrize(
    ("text", "choice", "names"),
    [
        ("weather", "none", []),
        ("hello", "required", ["clock"]),
        ("weather", "required", ["get_weather"]),
        ("hello", {"type": "function", "name": "get_weather"}, ["get_weather"]),
        ("hello", {"type": "function", "name": "other"}, []),
    ],
)
def test_the_tool_choice_is_obeyed(text, choice, names):
    assert [name for name, _ in _calls(text, TIME, WEATHER, tool_choice=choice)] == names


def test_other_kinds_of_tools_are_not_called():
    assert _calls("weather", {"type": "mcp", "server_label": "weather"}, tool_choice="required") == []


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "string"}, "clock in New York", "York"),
        ({"type": "string"}, "clock please", "clock please"),
        ({}, "clock", "clock"),
        ({"enum": ["a", "b"]}, "clock", "a"),
        ({"type": "integer"}, "clock 42", 42),
        ({"type": "number"}, "clock", 1),
        ({"type": "boolean"}, "clock", True),
        ({"type": "array"}, "clock", []),
        ({"type": "object"}, "clock", {}),
    ],
)
def test_arguments_are_made_of_what_was_said(schema, text, value):
    tool = {**TIME, "parameters": {"type": "object", "properties": {"x": schema}}}
    assert _calls(text, tool) == [("clock", {"x": value})]


def test_only_required_arguments_are_given_when_some_are_required():
    properties = {"x": {"type": "string"}, "y": {"type": "string"}}
    tool = {**TIME, "parameters": {"properties": properties, "required": ["y"]}}
    assert _calls("clock", tool) == [("clock", {"y": "clock"})]


def test_a_tool_without_parameters_gets_none():
    assert _calls("clock", TIME) == [("clock", {})]
