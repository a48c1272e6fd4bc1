"""The text of a validation error: the message, the field, the value and the fix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError

    from turnstile.errors import ClientProtocolError

_UNPARSED: Final = ("invalid_json", "too_many_values", "too_many_levels")
_SETTINGS_TYPE: Final = re.compile(rb'"type"\s*:\s*"Settings"')
# Characters of a value: enough to recognise it, too few to repeat a conversation.
_SHOWN = 40
# Characters of a field's name.
_SHOWN_NAME = 64
_SECRET = ("key", "token", "authorization", "secret", "password", "headers", "credentials")
_VALUE_OMITTED = {"missing", "value_error", "string_too_short", "string_too_long", "too_short"}
_MUST_BE = {
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "missing": "is missing",
}


def is_about_settings(error: ClientProtocolError, data: bytes) -> bool:
    """Tell whether a message that cannot be read is Settings.

    They are known by their type, also where they are no JSON, or have too many values or levels to be parsed.

    Args:
        error: What is wrong with it.
        data: The message.
    """
    is_unparsed = error.problem.code in _UNPARSED
    return error.message_type == "Settings" or (is_unparsed and _SETTINGS_TYPE.search(data) is not None)


def describe(message: str, given: Any, error: ValidationError) -> str:
    """Return one sentence about the first error, and the number of further ones.

    Args:
        message: The message's type.
        given: The message as the client sent it.
        error: The validation error.
    """
    first, *more = error.errors(include_url=False, include_context=False)
    path = field_path(given, first["loc"], is_missing=first["type"] == "missing")
    rest = f" ({len(more)} more)" if more else ""
    return f"{message}: {f'{path}: ' if path else ''}{_wrong(first)}{_shown(path, first)}.{rest}"


def _wrong(detail: Any) -> str:
    known = _MUST_BE.get(detail["type"])
    if known is not None:
        return known
    words: str = detail["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    words = words.replace("should match pattern", "must match").replace("should ", "must ")
    return f"{words[:1].lower()}{words[1:]}"


def _shown(path: str, detail: Any) -> str:
    given = detail["input"]
    if detail["type"] in _VALUE_OMITTED or any(word in path.lower() for word in _SECRET):
        return ""
    if isinstance(given, dict | list):
        return f", not {'an object' if isinstance(given, dict) else 'a list'}"
    text = repr(given[: _SHOWN + 1] if isinstance(given, str) else given)
    return f", not {text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}"


def field_path(given: Any, location: Iterable[int | str], *, is_missing: bool = False) -> str:
    """Return the path of pydantic's location in `given`, such as ``agent.think.functions[2].parameters``.

    A location also has the indexes of lists that the client gave as one object, and the names of union members: steps
    that are not in the message are left out, but for a missing field at the end.
    """
    path, steps = "", [*location]
    for place, step in enumerate(steps, start=1):
        if isinstance(step, int):
            if isinstance(given, list):
                path, given = f"{path}[{step}]", given[step]
        elif isinstance(given, dict) and (step in given or (is_missing and place == len(steps))):
            path, given = f"{path}.{step[:_SHOWN_NAME]}", given.get(step)
    return path.removeprefix(".")
