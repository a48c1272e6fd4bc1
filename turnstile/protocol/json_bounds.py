"""Bounds on the values and the depth of a client's JSON, checked on its bytes before any parse.

A parser holds the interpreter until it is done, and what then reads half a million values holds it for seconds, in
which no other session runs. Counted is what precedes a value: a comma, or the bracket of its list or object; so an
empty list or object counts as two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from turnstile.errors import ClientProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

# A string, to the end of the text where it has no end; possessive, so that nothing is read twice.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_OPENING: Final = b"[{"
_CLOSING: Final = b"]}"
_OTHERS: Final = bytes(sorted({*range(256)} - {*_OPENING, *_CLOSING}))
# What each bracket adds to the depth: 1, or as a signed byte -1.
_STEPS: Final = bytes.maketrans(_OPENING + _CLOSING, b"\x01\x01\xff\xff")


@dataclass(frozen=True, slots=True)
class JsonBounds:
    """The bounds of one message.

    Args:
        values: Most values.
        depth: Most levels of objects and lists.
    """

    values: int = 20_000
    depth: int = 128
    least_bytes: int = field(init=False)
    """No message of so few bytes, or fewer, exceeds a bound: each value and each level takes one."""

    def __post_init__(self) -> None:
        """Derive the number of bytes."""
        object.__setattr__(self, "least_bytes", min(self.values, self.depth))

    def check(self, data: bytes) -> None:
        """Check a message; what is in its strings does not count.

        The first count is of all bytes, and fast; only where it exceeds a bound the strings are left out, of which a
        message within the bounds has at most two for each value.

        Raises:
            ClientProtocolError: It exceeds a bound.
        """
        opened = data.count(b"[") + data.count(b"{")
        if opened <= self.depth and (len(data) <= self.values or opened + data.count(b",") < self.values):
            return
        data, strings = _STRING.subn(b"", data, 2 * self.values)
        opened = data.count(b"[") + data.count(b"{")
        if opened + data.count(b",") >= self.values or strings == 2 * self.values:
            text = f"The message has more than {self.values:,} JSON values; give it in several, or leave some out."
            raise ClientProtocolError("too_many_values", text)
        if opened > self.depth and depth_of(data) > self.depth:
            text = f"The message has more than {self.depth} levels of objects and lists; nest it less deeply."
            raise ClientProtocolError("too_many_levels", text)


JSON_BOUNDS: Final = JsonBounds()
"""The bounds without settings."""


def cut_levels(value: Any, depth: int) -> None:
    """Replace, in place, what lies deeper than `depth` levels of objects and lists in a parsed value with null."""
    level = [value]
    for _ in range(depth - 1):
        level = [inner for held in level for _, inner in _nested(held)]
    for held in level:
        for place, _ in [*_nested(held)]:
            held[place] = None


def _nested(held: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each object and list in another one, with its place."""
    places = held.items() if held.__class__ is dict else enumerate(held)
    return ((place, inner) for place, inner in places if inner.__class__ in {dict, list})


def depth_of(data: bytes) -> int:
    """Return the levels of objects and lists in JSON without its strings."""
    steps = memoryview(data.translate(_STEPS, _OTHERS)).cast("b")
    return max(accumulate(steps), default=0)


def is_deeper(data: bytes, depth: int) -> bool:
    """Tell whether JSON has more than `depth` levels of objects and lists."""
    if len(data) <= 2 * depth or data.count(b"[") + data.count(b"{") <= depth:
        return False
    return depth_of(_STRING.sub(b"", data)) > depth
