"""Writes WebSocket messages, each in one frame (RFC 6455, section 5)."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # compiled, where there is a build for it

from turnstile.protocol.frames import TextFrame
from turnstile.transports.frame_header import IN_EIGHT_BYTES, IN_TWO_BYTES, MASK_BYTES, MASKED
from turnstile.transports.large_frame import LargeFrame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.protocol.frames import Frame
    from turnstile.transports.write_buffer import WriteBuffer

_TEXT: Final = 0x81
_BINARY: Final = 0x82
_short_header = struct.Struct("!BB").pack
_medium_header = struct.Struct("!BBH").pack
_long_header = struct.Struct("!BBQ").pack

# From this size on a payload is masked and written piece by piece.
_LARGE: Final = 1 << 16
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
        self.written = 0
        """How many bytes the messages had so far, without their headers."""

    def write(self, messages: Iterable[Frame], buffer: WriteBuffer) -> None:
        """Add the messages' frames to `buffer`."""
        mask_out, chunks, added, written = self._mask_out, buffer.chunks, 0, 0
        for message in messages:
            data = message[0]
            size = len(data)
            kind = _TEXT if message.__class__ is TextFrame else _BINARY
            if size < IN_TWO_BYTES:
                header = _short_header(kind, mask_out | size)
            elif size < _LARGE:
                header = _medium_header(kind, mask_out | IN_TWO_BYTES, size)
            else:
                header = _long_header(kind, mask_out | IN_EIGHT_BYTES, size)
            if mask_out:
                masks = self._masks or os.urandom(_MASK_POOL)
                mask, self._masks = masks[:MASK_BYTES], masks[MASK_BYTES:]
                header += mask
                if size < _LARGE:
                    data = apply_mask(data, mask)
            added += len(header) + size
            written += size
            if size < _LARGE:
                chunks.append(header)
                chunks.append(data)
            else:
                chunks = buffer.add_large(LargeFrame(header, data, mask if mask_out else b""))
        buffer.size += added
        self.written += written
