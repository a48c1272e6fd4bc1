"""A dict of bounded size: the oldest entry goes when a new one has no room."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")

# More items and calls than upstream and a client refer back to.
_ENTRIES = 256


def remember(entries: dict[K, T], key: K, value: T) -> None:
    """Set an entry, and drop the oldest one past 256."""
    entries[key] = value
    if len(entries) > _ENTRIES:
        del entries[next(iter(entries))]
