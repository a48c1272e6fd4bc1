r"""A lenient JSON parser: accepts lone surrogates and non-finite numbers, which orjson refuses.

JSON's grammar allows an escape such as ``\ud83d`` without its other half (RFC 8259, section 8.2), which UTF-8 cannot
hold; servers that cut a text anywhere send it. ``NaN`` and ``Infinity`` are not JSON, but Python's own library writes
them, and reads a number that is too large as infinite.
"""

from __future__ import annotations

import json
import re
from mmap import mmap
from typing import Any, Final

import orjson

_HIGH, _LOW = "[89abAB][0-9a-fA-F]{2}", "[c-fC-F][0-9a-fA-F]{2}"
# A lone surrogate; its backslash is not escaped itself, where `_MARK` replaces those that are.
_HALF: Final = re.compile(rf"\\u[dD](?:{_HIGH}(?!\\u[dD]{_LOW})|{_LOW}(?<!\\u[dD]{_HIGH}\\u[dD]{_LOW}))")
_REPLACEMENT: Final = r"\\ufffd"
_ESCAPED, _MARK = "\\\\", "\0\0"  # JSON does not hold the mark


LARGE: Final = 16 * 1024
"""The size in bytes beyond which `require_memory` is called before a parse."""
# The parser takes up to 13 bytes for each byte of a text, and a text with one character beyond U+FFFF four for each.
_BYTES_EACH: Final = 20


def require_memory(size: int) -> None:
    """Raise where the system has no memory for the parse of so many bytes: orjson would end the process instead.

    Raises:
        MemoryError: It has none.
    """
    try:
        mmap(-1, _BYTES_EACH * size).close()  # never touched: it costs two calls of the system
    except OSError:
        raise MemoryError(f"there is no memory for the parse of {size} bytes") from None


def loads(data: bytes | str) -> Any:
    """Parse JSON; a lone surrogate is read as U+FFFD.

    Raises:
        ValueError: It is not JSON, or not UTF-8.
        MemoryError: The system has no memory for it.
    """
    if len(data) > LARGE:
        require_memory(len(data))
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = _text(data)
        whole = _without_halves(text)
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
        text = _without_halves(_text(data))
    try:
        return json.loads(text, parse_float=_finite, parse_int=_finite, parse_constant=_nothing)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _text(data: bytes | str) -> str:
    return data.decode() if isinstance(data, bytes) else data


def _without_halves(text: str) -> str:
    """Return JSON with each lone surrogate replaced; without a Python call for each escape."""
    if "\0" in text:
        return text  # no JSON
    return _HALF.sub(_REPLACEMENT, text.replace(_ESCAPED, _MARK)).replace(_MARK, _ESCAPED)


def _finite(number: str) -> int | float | None:
    """Return a number as orjson reads it: an integer of 64 bits, else a float; None for an infinite one."""
    try:
        found: int | float = orjson.loads(number)
    except orjson.JSONDecodeError:
        return None
    return found


def _nothing(_: str) -> None:
    return None
