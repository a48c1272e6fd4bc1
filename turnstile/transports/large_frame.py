"""A large frame on its way out: written piece by piece, each masked when its turn comes (RFC 6455, section 5.3)."""

from __future__ import annotations

from typing import Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # compiled, where there is a build for it

PIECE_BYTES: Final = 128 * 1024
"""How much of a payload is masked at once; whole masks, so that each piece begins with the mask's first byte."""


class LargeFrame:
    """A frame whose payload is never copied as a whole: a copy of 20 MB takes others' time, most of all in new memory.

    Args:
        header: The header, with the mask.
        payload: The payload.
        mask: Its mask; empty for a frame that is not masked.
    """

    def __init__(self, header: bytes, payload: bytes, mask: bytes) -> None:
        self._header = header
        self._payload = memoryview(payload)
        self._mask = mask

    @property
    def has_begun(self) -> bool:
        """Whether a piece was taken."""
        return not self._header

    @property
    def left(self) -> int:
        """Bytes that were not taken."""
        return len(self._header) + len(self._payload)

    def take(self) -> bytes | memoryview:
        """Return the next piece, the first one with the header; not after the last."""
        piece: bytes | memoryview = self._payload[:PIECE_BYTES]
        self._payload = self._payload[PIECE_BYTES:]
        if self._mask:
            piece = apply_mask(piece, self._mask)
        if self._header:
            piece, self._header = b"".join((self._header, piece)), b""
        return piece
