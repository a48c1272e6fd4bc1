"""A dict of bounded size: the oldest entries go when a new one has no room."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")

# More items and calls than upstream and a client refer back to.
_ENTRIES = 256
_BYTES = 256 * 1024
# What an entry takes beside its texts, about.
_OVERHEAD = 200


class BoundedDict(dict[K, T]):
    """A dict of at most 256 entries, and as many bytes.

    Args:
        texts: Returns the characters that an entry holds, of its key and its value; without it the key is a text, and
            the value holds none.
        most_bytes: Most bytes; an entry of more is not kept at all.
    """

    def __init__(self, texts: Callable[[K, T], int] | None = None, most_bytes: int = _BYTES) -> None:
        super().__init__()
        self._texts = texts
        self._most_bytes = most_bytes
        self._sizes: dict[K, int] = {}
        self.kept_bytes = 0

    def remember(self, key: K, value: T) -> None:
        """Set an entry, and drop the oldest ones that leave it no room."""
        size = _OVERHEAD + (self._texts(key, value) if self._texts else len(key))  # type: ignore[arg-type]
        self.kept_bytes += size - self._sizes.get(key, 0)
        self[key], self._sizes[key] = value, size
        while len(self) > _ENTRIES or self.kept_bytes > self._most_bytes:
            self.forget(next(iter(self)))

    def forget(self, key: K) -> T | None:
        """Remove an entry; return its value, or None if there is none."""
        self.kept_bytes -= self._sizes.pop(key, 0)
        return self.pop(key, None)
