"""Ids and other names as recordings show them; one that comes again is not looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from turnstile.observability.redactor import Redactor

_LONGEST: Final = 128
# How a credential begins that would pass for a word.
_MARKS: Final = frozenset({"ek_", "eyj", "pro", "ts_"})
_REMEMBERED: Final = 256


class ShownNames(dict[str, str]):
    """What is shown of each name; of one too long for that, its hash.

    Args:
        redactor: Of the recording.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def __missing__(self, text: Any) -> Any:
        """Look at a name, and remember it: a few hundred, for a while."""
        if not isinstance(text, str):  # a number, in a peer's JSON
            return text
        if len(text) > _LONGEST:
            return self._looked_at(text)
        if len(self) >= _REMEMBERED:
            self.clear()
        # The most of them are words: one that begins otherwise looks like no credential.
        is_plain = text.isidentifier() and text.isascii() and text[:3].lower() not in _MARKS
        found = self[text] = text if is_plain else self._looked_at(text)
        return found

    def _looked_at(self, text: str) -> str:
        return f"(long {self._redactor.digest(text)})" if len(text) > _LONGEST else self._redactor.text(text)


class ShownIds(ShownNames):
    """What is shown of each id, code or type, which a peer may have chosen; for a text, which is none, its hash."""

    def _looked_at(self, text: str) -> str:
        if text.isascii() and text.isprintable() and " " not in text:
            return super()._looked_at(text)
        return f"(text {self._redactor.digest(text)})"
