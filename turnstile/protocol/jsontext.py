r"""A lenient JSON parser: accepts lone surrogates and non-finite numbers, which orjson refuses.

JSON's grammar allows an escape such as ``\ud83d`` without its other half (RFC 8259, section 8.2), which UTF-8 cannot
hold; servers that cut a text anywhere send it. ``NaN`` and ``Infinity`` are not JSON, but Python's own library writes
them, and reads a number that is too large as infinite.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

_REPLACEMENT: Final = r"\ufffd"
# A lone surrogate, or a pair: matching both lets one pass replace the lone ones only.
_HALF: Final = re.compile(
    r"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?P<low>\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[c-fC-F][0-9a-fA-F]{2})"
)


def loads(data: bytes | str) -> Any:
    """Parse JSON; a lone surrogate is read as U+FFFD.

    Raises:
        ValueError: It is not JSON, or not UTF-8.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = _text(data)
        whole = _HALF.sub(_whole, text)
        if whole == text:
            raise
        return orjson.loads(whole)


def loads_any(data: bytes | str) -> Any:
    """Parse JSON like `loads`; a non-finite number is read as null.

    Raises:
        ValueError: It is not JSON even so, or not UTF-8.
    """
    try:
        return loads(data)
    except orjson.JSONDecodeError:
        text = _HALF.sub(_whole, _text(data))
    try:
        return json.loads(text, parse_float=_finite, parse_int=_finite, parse_constant=_nothing)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _text(data: bytes | str) -> str:
    return data.decode() if isinstance(data, bytes) else data


def _whole(found: re.Match[str]) -> str:
    if _is_escaped(found.string, found.start()):  # Not an escape itself; what follows may be one.
        return found[0].replace(found["low"], _REPLACEMENT) if found["low"] else found[0]
    return found[0] if found["low"] else _REPLACEMENT


def _is_escaped(text: str, place: int) -> bool:
    """Tell whether the backslash at `place` is escaped itself."""
    first = place
    while first and text[first - 1] == "\\":
        first -= 1
    return (place - first) % 2 == 1


def _finite(number: str) -> int | float | None:
    """Return a number as orjson reads it: an integer of 64 bits, else a float; None for an infinite one."""
    try:
        found: int | float = orjson.loads(number)
    except orjson.JSONDecodeError:
        return None
    return found


def _nothing(_: str) -> None:
    return None
