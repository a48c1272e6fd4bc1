"""A Realtime client's large events: their long strings in base64, images and audio, are left out of what is parsed.

What is left of such an event is as small as any other, and is read like it, with a mark in place of each long string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.errors import ClientProtocolError
from turnstile.protocol.appends import is_append, is_base64
from turnstile.protocol.client_shapes import GATED
from turnstile.protocol.realtime import parse_client_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnstile.protocol.json_bounds import JsonBounds

Json = dict[str, Any]

LARGE: Final = 256 * 1024
"""An event of more bytes than this is large."""
# Most bytes of an event without its long strings, and fewest of a long one.
_REST: Final = 1024 * 1024
_LONG: Final = 64 * 1024
# How many bytes of a long string stay in its place: whole groups of base64, and longer than a type or a name may be.
_HEAD: Final = 1024
_MARK: Final = "(long string "


def parse_large_event(data: bytes, bounds: JsonBounds) -> Json:
    """Parse a large event; unless the gate may hold it, its long strings are `orjson.Fragment`.

    Raises:
        ClientProtocolError: It is not a JSON object, exceeds the bounds, has too much other text, or is an append that
            was not recognised as one.
    """
    if is_append(data):
        raise _not_plain()
    rest, found = _without_long_strings(data)
    event = parse_client_event(rest, bounds)
    if event.get("type") == "input_audio_buffer.append":
        raise _not_plain()
    put_back: Callable[[str, dict[str, memoryview]], Any] = _as_text if event.get("type") in GATED else _as_json
    for holder, place, text in _texts(event) if found else ():
        if _MARK in text:
            holder[place] = put_back(text, found)
    if found:
        raise ClientProtocolError("invalid_event", "A long string of base64 must be the value of one field.")
    return event


def _not_plain() -> ClientProtocolError:
    text = (
        f"Invalid 'audio': an append of more than {LARGE:,} bytes has nothing but its type, an event_id in ASCII and "
        "its audio, in base64 without escapes."
    )
    return ClientProtocolError("invalid_value", text)


def _without_long_strings(data: bytes) -> tuple[bytes, dict[str, memoryview]]:
    """Return an event with marks for its long strings in base64, or in data URLs, and what the marks stand for."""
    parts: list[bytes] = []
    found: dict[str, memoryview] = {}
    size = start = 0
    while start < len(data):
        # Most quotation marks are skipped: a long string begins behind the last one for a while.
        end = data.rfind(b'"', start, start + _LONG)
        cut = None
        if end < 0:
            end = data.find(b'"', start + _LONG)
            end = len(data) if end < 0 else end
            cut = _base64_in(data, start, end)
        if cut is None:
            part = data[start : min(end + 1, start + _REST)]
            size += end + 1 - start
        else:
            mark = f"{_MARK}{len(found)})"
            found[mark] = memoryview(data)[cut]
            part = data[start : cut.start] + mark.encode() + data[cut.stop : end + 1]
            size += len(part)
        if size > _REST:
            text = (
                f"The event has more than {_REST:,} bytes beside long strings of base64; give less text in one event."
            )
            raise ClientProtocolError("too_much_text", text)
        parts.append(part)
        start = end + 1
    return b"".join(parts), found


def _base64_in(data: bytes, start: int, end: int) -> slice | None:
    """Return where the base64 in a string lies, but for its beginning; None where it is something else."""
    comma = data.find(b",", start, start + _HEAD)  # of a data URL
    first = (start if comma < 0 else comma + 1) + _HEAD
    cut = slice(first, max(first, first + (end - first) // 4 * 4))
    return cut if cut.stop > first and is_base64(memoryview(data)[cut]) else None


def _texts(value: Any) -> Iterator[tuple[Any, Any, str]]:
    """Yield each text in a parsed value, with the object or list that holds it, and its place there."""
    level = [value]
    while level:
        inner: list[Any] = []
        for holder in level:
            for place, held in [*(holder.items() if isinstance(holder, dict) else enumerate(holder))]:
                if isinstance(held, str):
                    yield holder, place, held
                elif isinstance(held, dict | list):
                    inner.append(held)
        level = inner


def _as_text(text: str, found: dict[str, memoryview]) -> str:
    """Return a text with the long strings that it marks in their places; each is taken once."""
    parts: list[str] = []
    for mark in [*found]:
        before, held, after = text.partition(mark)
        if held:
            parts += (before, str(found.pop(mark), "ascii"))
            text = after
    return "".join((*parts, text))


def _as_json(text: str, found: dict[str, memoryview]) -> orjson.Fragment:
    """Return the same as JSON, which is copied less often."""
    data = orjson.dumps(text)
    parts: list[bytes | memoryview] = []
    for mark in [*found]:
        before, held, after = data.partition(mark.encode())
        if held:
            parts += (before, found.pop(mark))
            data = after
    return orjson.Fragment(b"".join((*parts, data)))
