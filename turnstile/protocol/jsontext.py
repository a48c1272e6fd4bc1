r"""Reading JSON that others accept and orjson does not: half a surrogate pair, a number that is none.

JSON's grammar allows an escape such as ``\ud83d`` without its other half (RFC 8259, section 8.2), which no UTF-8 text
can hold; servers that cut a text anywhere send it. ``NaN`` and ``Infinity`` are no JSON, but Python's own library
writes them, and reads a number that is too large as infinite.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

# An escape of a string: a whole surrogate pair, half of one, or any other; so that a backslash that is escaped itself
# begins no escape.
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def loads(data: bytes | str) -> Any:
    """Read JSON; half a surrogate pair is read as U+FFFD.

    Raises:
        ValueError: It is no JSON, or no UTF-8.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = _text(data)
        whole = _ESCAPE.sub(_whole, text)
        if whole == text:
            raise
        return orjson.loads(whole)


def loads_any(data: bytes | str) -> Any:
    """Read JSON like `loads`; a number that is none, or is infinite, is read as null.

    Raises:
        ValueError: It is no JSON even so, or no UTF-8.
    """
    try:
        return loads(data)
    except orjson.JSONDecodeError:
        text = _ESCAPE.sub(_whole, _text(data))
    try:
        return json.loads(text, parse_float=_finite, parse_int=_finite, parse_constant=_nothing)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _text(data: bytes | str) -> str:
    return data.decode() if isinstance(data, bytes) else data


def _whole(escape: re.Match[str]) -> str:
    return r"\ufffd" if escape["half"] else escape[0]


def _finite(number: str) -> int | float | None:
    """Return a number as orjson reads it: an integer in 64 bits, else a float; None for one that is infinite."""
    try:
        found: int | float = orjson.loads(number)
    except orjson.JSONDecodeError:
        return None
    return found


def _nothing(_: str) -> None:
    return None
