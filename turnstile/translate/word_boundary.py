"""Cuts of a text at a word, in any script."""

from __future__ import annotations

import re
from unicodedata import category

# Scripts without spaces between words: Thai, Lao, Tibetan, Myanmar, Khmer, and those of China and Japan.
_UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u3190-\u9fff\uf900-\ufaff\uff00-\uff9f\U00020000-\U0003ffff]"
)


def whole_words(text: str, length: int) -> str:
    """Return the first `length` characters of a text, without a word that goes on behind them.

    Punctuation behind a word is no part of it. Where a script has no spaces, the text is cut between its characters.
    """
    if length >= len(text):
        return text
    begin, end = length, length
    while begin and not _may_part(text, begin):
        begin -= 1
    if begin < length:
        while end < len(text) and not _may_part(text, end):
            end += 1
        while end > length and category(text[end - 1])[0] == "P":
            end -= 1
    return text[: begin if end > length else length].rstrip()


def _may_part(text: str, at: int) -> bool:
    """Tell whether two characters may be parted: at a space, or in a script without, but for a mark on a letter."""
    before, after = text[at - 1], text[at]
    if before.isspace() or after.isspace():
        return True
    return category(after)[0] != "M" and bool(_UNSPACED.match(before) or _UNSPACED.match(after))
