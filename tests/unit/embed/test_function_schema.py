"""Tools made of Python functions."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Literal

import pytest
from pydantic import BaseModel

from turnstile.embed.function_pool import UnusableArguments
from turnstile.embed.function_schema import host_function, host_functions
from turnstile.errors import ConfigError
from turnstile.testing import patience
from turnstile.translate.host_overrides import HostOverrides

user = ContextVar("user", default="nobody")


class Place(BaseModel):
    city: str


def get_weather(city: str, unit: Literal["C", "F"] = "C", *, days: list[int] | None = None):
    """Tell the weather
    in a city.

    What the model need not know.

    Args:
        city: Where: the name,
            as people write it.
        unit (str): Of the temperature.

    Returns:
        The weather.
    """
    return {"city": city, "unit": unit, "days": days}


def test_the_signature_becomes_the_schema_and_the_docstring_its_words():
    assert host_function(get_weather).tool == {
        "type": "function",
        "name": "get_weather",
        "description": "Tell the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where: the name, as people write it."},
                "unit": {"type": "string", "enum": ["C", "F"], "description": "Of the temperature."},
                "days": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    }


def test_a_function_without_words_or_parameters_is_a_tool_too():
    def now():
        return "noon"

    function = host_function(now)
    assert function.tool["description"] == ""
    assert function.tool["parameters"] == {"type": "object", "properties": {}, "additionalProperties": False}
    assert function.call("") == function.call("{}") == "noon"


def test_arguments_are_given_by_name_and_defaults_are_the_functions_own():
    assert host_function(get_weather).call('{"city": "Rome", "days": [1]}') == '{"city":"Rome","unit":"C","days":[1]}'


def test_arguments_are_converted_to_the_annotated_types():
    def where(place: Place, at: datetime) -> str:
        return f"{place.city} {at.year}"

    assert host_function(where).call('{"place": {"city": "Rome"}, "at": "2026-01-01T00:00:00Z"}') == "Rome 2026"


@pytest.mark.parametrize(
    ("given", "named"),
    [('{"city": 3}', "city: "), ('{"town": "x"}', "town: "), ("{}", "city: "), ("nonsense", "JSON"), ("[]", "object")],
)
def test_the_model_is_told_what_is_wrong_with_its_arguments(given, named):
    with pytest.raises(UnusableArguments, match=f"get_weather cannot be called: .*{named}"):
        host_function(get_weather).call(given)


@dataclass
class Weather:
    sky: str


class Unit(Enum):
    C = "Celsius"


BEYOND_64_BITS = '{"n": 1180591620717411303424, "at": "2026-01-01", "sky": {"sky": "blue"}, "unit": "Celsius"}'


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        (Weather("blue"), '{"sky":"blue"}'),
        (Place(city="Rome"), '{"city":"Rome"}'),
        (datetime(2026, 1, 1, tzinfo=UTC), '"2026-01-01T00:00:00+00:00"'),
        ({1}, '"{1}"'),
        ({1: 2}, '{"1":2}'),
        (2**70, "1180591620717411303424"),
        ({"n": 2**70, "at": date(2026, 1, 1), "sky": Weather("blue"), "unit": Unit.C}, BEYOND_64_BITS),
        ([2**70, Place(city="Rome"), {1}], '[1180591620717411303424, {"city": "Rome"}, "{1}"]'),
        (["half \ud83d"], '["half \\ud83d"]'),
    ],
)
def test_a_result_is_told_as_text_or_json(result, text):
    def give():
        return result

    assert host_function(give).call("{}") == text


def test_a_call_sees_the_context_in_which_the_function_was_given_even_twice_at_once():
    both = threading.Barrier(2)

    def who():
        both.wait(patience())
        return user.get()

    token = user.set("ada")
    function = host_function(who)
    user.reset(token)
    heard = []
    threads = [threading.Thread(target=lambda: heard.append(function.call("{}"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience())
    assert heard == ["ada", "ada"]
    assert user.get() == "nobody"


async def later():
    """Be asynchronous."""


def positional(city, /):
    """Take no names."""


def variable(*cities):
    """Take many."""


def unknown(city: Nowhere):  # noqa: F821 - that is the point
    """Have an annotation that cannot be read."""


def foreign(lock: threading.Event):
    """Have one that JSON has no form for."""


def no_syntax(city: "is it?"):  # noqa: F722 - that is the point
    """Have an annotation that is no Python."""


def no_type(city: 5):
    """Have an annotation that is no type."""


def raises(city: 1 / 0):
    """Have an annotation that cannot be worked out."""


UNUSABLE = [later, positional, variable, unknown, foreign, no_syntax, no_type, raises, lambda: 1, 3, int, max]


@pytest.mark.parametrize("function", UNUSABLE)
def test_a_function_that_the_agent_cannot_call_is_refused_at_once(function):
    with pytest.raises(ConfigError, match=r"^invalid_function: functions: .+\.$"):
        host_function(function)


@pytest.mark.parametrize("functions", [get_weather, 5, "get_weather", {"get_weather": get_weather}])
def test_what_is_no_list_of_functions_is_refused(functions):
    with pytest.raises(ConfigError, match=r"^invalid_function: functions: .+\.$"):
        host_functions(functions)


def test_two_functions_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two have the name 'get_weather'"):
        HostOverrides(functions=host_functions([get_weather, host_function(get_weather)]))


def test_a_parameter_may_have_any_name():
    def odd(schema: str, copy: int, model_config: str, self: bool) -> list:  # noqa: FBT001
        return [schema, copy, model_config, self]

    given = '{"schema": "a", "copy": 1, "model_config": "b", "self": true}'
    assert host_function(odd).call(given) == '["a",1,"b",true]'
