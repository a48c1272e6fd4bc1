"""How much memory the values of requests take, as far as a session's budget counts it."""

from __future__ import annotations

from sys import getsizeof
from typing import Any

# Values that refer to no others, or only to what all sessions share.
_LEAVES = frozenset({str, bytes, int, float, bool, type(None)})


def memory_size(*values: object) -> int:
    """Return how many bytes values take with all that they refer to: parsed JSON, and plain objects of it.

    Equal values take the same, wherever they have been: the UTF-8 that a text keeps once it was encoded does not count.
    Every value counts as its own, also where several share it: a dict of 20,000 short values takes ten times its text.
    Functions count without what they refer to, which is their host's.
    """
    found: list[Any] = [*values]
    encoded = 0
    for value in found:  # and what is found meanwhile
        kind = value.__class__
        if kind in _LEAVES:
            if kind is str and not value.isascii():
                encoded += getsizeof(value) - getsizeof(value + " ")  # a new text, of a space more
            continue
        if kind is dict:
            found += value
            found += value.values()
        elif kind is list or kind is tuple:
            found += value
        elif not callable(value):
            names = value.__dict__ if hasattr(value, "__dict__") else getattr(value, "__slots__", ())
            found += [getattr(value, name) for name in names]
    return sum(map(getsizeof, found)) - encoded
