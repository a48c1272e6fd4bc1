"""The text of one item of the agent's, each piece placed in the audio of the item."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from io import StringIO

from turnstile.translate.word_boundary import whole_words

# Characters of the text, with those that a piece's place counts as: far more than the API writes in one item.
_CHARACTERS = 32 * 1024
_PLACE = 24
_AT_ONCE = -1


class PlacedText:
    """The text of one item.

    Args:
        response_id: The item's response.
        bytes_per_ms: Of the item's audio.
    """

    __slots__ = (
        *("response_id", "bytes_per_ms", "size", "is_open", "is_spoken", "is_complete"),
        *("parts", "_text", "_offsets", "_starts", "_ends", "_limit", "_was_complete"),
    )

    def __init__(self, response_id: str, bytes_per_ms: float) -> None:
        self.response_id = response_id
        self.bytes_per_ms = bytes_per_ms
        self.size = 0
        """The bytes of its audio so far."""
        self.is_open = True
        """Whether its response has not ended."""
        self.is_spoken = False
        self.is_complete = False
        """Whether all of it was sent."""
        self.parts: list[int] = []
        """The content parts with text, by their indexes."""
        self._text = StringIO()
        # Of each piece: the characters before it, the bytes of audio before it, and those to its end, if it has one.
        self._offsets = array("q")
        self._starts = array("q")
        self._ends = array("q")
        # At its first cut, and whether it was complete then.
        self._limit: float | None = None
        self._was_complete = False

    @property
    def characters(self) -> int:
        """Of the text, with those that the places of its pieces count as."""
        return self._text.tell() + _PLACE * len(self._offsets)

    def add(self, piece: str, part: object) -> None:
        """Add a piece that the audio behind it speaks; one for which there is no room is not kept."""
        text, starts = self._text, self._starts
        index = part if isinstance(part, int) else 0
        offset = text.tell()
        if offset + _PLACE * len(starts) + len(piece) > _CHARACTERS:
            return
        if index not in self.parts:
            self._begin_part(index)
            offset = text.tell()
        if not starts or starts[-1] != self.size:
            self._offsets.append(offset)
            starts.append(self.size)
            self._ends.append(_AT_ONCE)
        text.write(piece)

    def add_whole(self, text: str, part: object) -> None:
        """Add the whole text of a part that had no pieces: spoken evenly by the audio since the part before it."""
        index = part if isinstance(part, int) else 0
        if index in self.parts or not text or self.characters + len(text) > _CHARACTERS:
            return
        self._begin_part(index)
        self._starts.append(max(self._ends[-1], self._starts[-1]) if self._starts else 0)
        self._offsets.append(self._text.tell())
        self._ends.append(self.size)
        self._text.write(text)

    def _begin_part(self, index: int) -> None:
        """Part the words of two content parts."""
        if self.parts:
            self._text.write(" ")
        self.parts.append(index)

    def cut(self, milliseconds: float) -> None:
        """End the text where the user stopped hearing it, whatever comes later."""
        limit = milliseconds * self.bytes_per_ms
        if self._limit is None:
            self._limit, self._was_complete = limit, self.is_complete
        else:
            self._limit = min(limit, self._limit)

    def heard(self, milliseconds: float | None = None) -> str | None:
        """Return the text up to a moment, see `HeardText.heard`."""
        text = self._text.getvalue()
        if not self.is_spoken:
            return text
        if not text:
            return None if self.size else ""
        limit, is_complete = float(self.size), self.is_complete
        if milliseconds is not None:
            limit = milliseconds * self.bytes_per_ms
        if self._limit is not None:
            limit, is_complete = min(limit, self._limit), self._was_complete
        if is_complete and limit > self.size - self.bytes_per_ms:
            return text
        return whole_words(text, self._length_before(limit, len(text)))

    def _length_before(self, limit: float, length: int) -> int:
        """Return how many characters of a text so long came before the audio of a moment."""
        pieces = bisect_left(self._starts, limit)
        if not pieces or limit <= self.bytes_per_ms:
            return 0
        is_last = pieces == len(self._starts)
        start, end = self._starts[pieces - 1], self._ends[pieces - 1]
        begin, until = self._offsets[pieces - 1], length if is_last else self._offsets[pieces]
        if end == _AT_ONCE:
            return until
        end = max(self.size if is_last else end, start + 1)
        return begin + int((until - begin) * min(1.0, (limit - start) / (end - start)))
