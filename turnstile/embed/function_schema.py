"""Makes tools of Python functions: from the signature the schema, from the docstring the description."""

from __future__ import annotations

import contextvars
import dataclasses
import inspect
import json
import re
import textwrap
from datetime import date, time
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from typing_extensions import TypedDict  # before Python 3.12 pydantic takes no other

from turnstile.embed.function_pool import UnusableArguments
from turnstile.errors import ConfigError
from turnstile.translate.host_overrides import HostFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# The bounds of the Realtime API.
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MOST_DESCRIPTION = 1024
_ARGUMENTS = re.compile(r"^(?:Args|Arguments|Parameters):[ \t]*\n((?:[ \t]+\S.*\n?|[ \t]*\n)+)", re.MULTILINE)
_ARGUMENT = re.compile(r"(\w+)\s*(?:\([^)]*\))?:\s*(.*)")


def host_functions(functions: Iterable[Callable[..., Any] | HostFunction]) -> tuple[HostFunction, ...]:
    """Make each function a tool that the agent may call, as `host_function` does.

    Raises:
        ConfigError: It is no list, or one cannot be called by name and JSON.
    """
    try:
        given = list(functions)
    except TypeError:
        raise _unusable(f"{functions!r} is no list; give a list of functions") from None
    return tuple(each if isinstance(each, HostFunction) else host_function(each) for each in given)


def host_function(function: Callable[..., Any]) -> HostFunction:
    """Make a function a tool that the agent may call.

    Its parameters' annotations become the schema of the arguments (anything that pydantic has a schema for), its
    docstring's first paragraph the description, the ``Args`` of a Google docstring the parameters' descriptions.
    Arguments are checked and converted before the call; errors in them are sent to the model. A result that is no
    text goes to the model as JSON. The call sees the context variables of where this was called.

    Args:
        function: Takes its arguments by name; it may block.

    Raises:
        ConfigError: It cannot be called by name and JSON.
    """
    if not callable(function):
        raise _unusable(f"{function!r} cannot be called; give a function")
    name = getattr(function, "__name__", "")
    if not _NAME.fullmatch(name):
        raise _unusable(f"{function!r} has no name that the agent can call; use def")
    if inspect.iscoroutinefunction(function):
        raise _unusable(f"{name} is asynchronous; give a function that returns its result")
    described = inspect.getdoc(function) or ""
    arguments, parameters = _arguments_and_schema(name, function, _described_arguments(described))
    tool = {
        "type": "function",
        "name": name,
        "description": _first_paragraph(described)[:_MOST_DESCRIPTION],
        "parameters": _without_titles(parameters),
    }
    context = contextvars.copy_context()
    # Two calls may run at once, and one context cannot be entered twice.
    return HostFunction(tool, lambda given: context.copy().run(_call, name, function, arguments, given))


def _arguments_and_schema(
    name: str, function: Callable[..., Any], described: dict[str, str]
) -> tuple[TypeAdapter[dict[str, Any]], dict[str, Any]]:
    """Return what checks and converts a function's arguments, and their JSON schema.

    Raises:
        ConfigError: The function does not say what arguments it takes, or one is no type of JSON.
    """
    try:
        arguments = TypeAdapter(_arguments(name, function, described))
        return arguments, arguments.json_schema()
    except ConfigError:
        raise
    except ValueError:
        raise _unusable(f"{name} does not say what arguments it takes; put a function of your own around it") from None
    except (PydanticUserError, AttributeError, TypeError):
        raise _unusable(f"{name} has an annotation that is no type of JSON; use str, int, list[str], ...") from None
    except Exception as error:  # noqa: BLE001 - an annotation that is text is run as code
        raise _unusable(f"{name} has an annotation that cannot be read: {error}") from None


def _unusable(words: str) -> ConfigError:
    return ConfigError("invalid_function", f"functions: {words}.")


def _call(name: str, function: Callable[..., Any], arguments: TypeAdapter[dict[str, Any]], given: str) -> str:
    try:
        values = arguments.validate_json(given or "{}")
    except ValidationError as error:
        raise UnusableArguments(f"{name} cannot be called: {'; '.join(_faults(error))}.") from None
    result = function(**values)
    return result if isinstance(result, str) else _in_json(result)


def _in_json(result: Any) -> str:
    try:
        return orjson.dumps(result, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # an integer of more than 64 bits, or half a character, which JSON can hold
        return json.dumps(result, default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return a value of a type that JSON lacks as one that it has, as orjson does for the types that it supports."""
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case Enum():
            return value.value
        case date() | time():
            return value.isoformat()
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        case _:
            return str(value)


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_input=False):
        path = ".".join(map(str, fault["loc"]))
        yield f"{path}: {fault['msg']}" if path else fault["msg"]


def _arguments(name: str, function: Callable[..., Any], described: dict[str, str]) -> Any:
    """Return the type of a function's arguments: a dictionary by name."""
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise _unusable(f"{name} takes {parameter}, and the agent gives arguments by name")
        kind = Any if parameter.annotation is parameter.empty else parameter.annotation
        kind = Annotated[kind, Field(description=described.get(parameter.name))]
        fields[parameter.name] = kind if parameter.default is parameter.empty else NotRequired[kind]
    arguments = TypedDict(name, fields)  # type: ignore[misc] # its fields are known at run time only
    arguments.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return arguments


def _without_titles(parameters: dict[str, Any]) -> dict[str, Any]:
    """Remove the titles that pydantic derives from the names."""
    for schema in (parameters, *parameters["properties"].values()):
        schema.pop("title", None)
    return parameters


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def _described_arguments(text: str) -> dict[str, str]:
    """Return the description of each parameter in a docstring's ``Args``."""
    block = _ARGUMENTS.search(f"{text}\n")
    described: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(block[1] if block else "").splitlines():
        if found := _ARGUMENT.match(line):
            name, described[name] = found[1], found[2]
        elif name:
            described[name] = f"{described[name]} {line.strip()}".strip()
    return described
