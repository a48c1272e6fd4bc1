"""Texts that arrive in pieces, by item, in bounded memory."""

from __future__ import annotations

from io import StringIO

_ITEMS = 256
# Characters of all texts: of more a message in writing, and of ten times more a spoken one, has never been seen.
_CHARACTERS = 256 * 1024


class TextsInProgress:
    """The texts of one response that no event has had the whole of yet.

    They are collected in case that none ever does; pieces for which there is no room are not kept.
    """

    def __init__(self) -> None:
        self.texts: dict[str, StringIO] = {}
        """By item, in the order of their first pieces; changed by `add` and `take` only."""
        self.characters = 0
        """Of the texts and the names of their items."""

    def add(self, item_id: str, piece: str) -> None:
        """Add a piece to an item's text."""
        text = self.texts.get(item_id)
        added = len(piece) if text else len(piece) + len(item_id)
        if self.characters + added > _CHARACTERS or (text is None and len(self.texts) >= _ITEMS):
            return
        if text is None:
            text = self.texts[item_id] = StringIO()
        text.write(piece)
        self.characters += added

    def take(self, item_id: str) -> str:
        """Remove the text of an item; return it, "" for none."""
        text = self.texts.pop(item_id, None)
        if text is None:
            return ""
        taken = text.getvalue()
        self.characters -= len(taken) + len(item_id)
        return taken
