"""Writes WebSocket messages, each in one frame (RFC 6455, section 5)."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # compiled, where there is a build for it

from turnstile.protocol.frames import TextFrame
from turnstile.transports.frame_header import IN_EIGHT_BYTES, IN_TWO_BYTES, MASK_BYTES, MASKED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.protocol.frames import Frame

_TEXT: Final = 0x81
_BINARY: Final = 0x82
_short_header = struct.Struct("!BB").pack
_medium_header = struct.Struct("!BBH").pack
_long_header = struct.Struct("!BBQ").pack

# How many bytes for masks are read from the system at once. Each mask is new and unpredictable (section 10.3).
_MASK_POOL: Final = 64 * MASK_BYTES


class FrameWriter:
    """Writer of one connection's messages. Calls must not overlap.

    Args:
        masks: Whether the frames are masked: a client's are.
    """

    def __init__(self, *, masks: bool) -> None:
        self._mask_out = MASKED if masks else 0
        self._masks = b""

    def write(self, messages: Iterable[Frame], chunks: list[bytes]) -> int:
        """Append the messages' frames to `chunks`; return how many bytes they have."""
        mask_out, added = self._mask_out, 0
        for message in messages:
            data = message[0]
            size = len(data)
            kind = _TEXT if message.__class__ is TextFrame else _BINARY
            if size < IN_TWO_BYTES:
                header = _short_header(kind, mask_out | size)
            elif size < 1 << 16:
                header = _medium_header(kind, mask_out | IN_TWO_BYTES, size)
            else:
                header = _long_header(kind, mask_out | IN_EIGHT_BYTES, size)
            if mask_out:
                masks = self._masks or os.urandom(_MASK_POOL)
                mask, self._masks = masks[:MASK_BYTES], masks[MASK_BYTES:]
                header += mask
                data = apply_mask(data, mask)
            chunks.append(header)
            chunks.append(data)
            added += len(header) + size
        return added
