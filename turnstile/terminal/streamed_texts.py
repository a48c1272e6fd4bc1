"""Placeholders of texts that come in parts, over several frames."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from turnstile.terminal.placeholders import Placeholders

    Json = dict[str, Any]

_STREAMED: Final = ("delta", "item_id", "content_index", "output_index")


class StreamedTexts:
    """Placeholders of texts that come in parts: each is that part of the whole's.

    Args:
        lines: The journal's.
        placeholders: Of the content.
    """

    def __init__(self, lines: list[Json], placeholders: Placeholders) -> None:
        whole: dict[tuple[Any, ...], str] = {}
        for line in lines:
            stream = _stream_of(line)
            if stream is not None:
                whole[stream] = whole.get(stream, "") + line["frame"]["delta"]
        self._shown = {
            stream: placeholders.encoded(text) if "arguments" in stream[2] else placeholders.text(text)
            for stream, text in whole.items()
        }
        self._done: Counter[tuple[Any, ...]] = Counter()

    def next_part(self, line: Json, shown: Json) -> Json:
        """Return a frame with its part of the placeholder, if it is a part of a text."""
        stream = _stream_of(line)
        if stream is None:
            return shown
        begin = self._done[stream]
        self._done[stream] += len(line["frame"]["delta"])
        return shown | {"delta": self._shown[stream][begin : self._done[stream]]}


def _stream_of(line: Json) -> tuple[Any, ...] | None:
    """Return which text a frame has a part of, if it has one."""
    frame = line.get("frame")
    if not isinstance(frame, dict) or not isinstance(frame.get("delta"), str):
        return None
    return (line["wire"], line.get("link"), line["type"], *(str(frame.get(name)) for name in _STREAMED[1:]))
