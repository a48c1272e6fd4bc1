"""Ids in the form of the API's, made from a seed."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

_ALPHABET: Final = string.ascii_uppercase + string.ascii_lowercase + string.digits
_LENGTH: Final = 21
_CALL_LENGTH: Final = 16


class Ids:
    """Makes ids: a prefix and random letters and digits, of the lengths seen on the outbox.

    Args:
        random: The source of chance; the same seed gives the same ids.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._stem = "".join(random.choices(_ALPHABET, k=8))
        self._count = 0

    def make(self, prefix: str) -> str:
        """Return a new id such as ``item_…``; `prefix` is without the underscore."""
        self._count += 1
        return f"{prefix}_{self._stem}{self._count:0{_LENGTH - len(self._stem)}d}"

    def call(self) -> str:
        """Return a new id of a function call."""
        return "call_" + "".join(self._random.choices(_ALPHABET, k=_CALL_LENGTH))

    def obfuscation(self) -> str:
        """Return the random padding that the API puts beside a text delta."""
        return "".join(self._random.choices(_ALPHABET, k=self._random.randint(4, 16)))
