"""The header of a WebSocket frame (RFC 6455, section 5.2)."""

from __future__ import annotations

from typing import Final

OPCODE: Final = 0x0F
"""The bits of a frame's first byte that are its opcode."""
CONTROL: Final = 0x08
"""The bit that control frames have in their opcode."""
HEADER_BYTES: Final = 2
LONGEST_HEADER: Final = 14
MASKED: Final = 0x80
MASK_BYTES: Final = 4
IN_TWO_BYTES: Final = 126
IN_EIGHT_BYTES: Final = 127
TEXT: Final = 0x81
"""The first byte of a text message in one frame."""
BINARY: Final = 0x82
"""The first byte of a binary message in one frame."""

_OPCODES: Final = frozenset({0x0, 0x1, 0x2, 0x8, 0x9, 0xA})


def payload_span(data: bytes | bytearray, begin: int, mask_in: int) -> tuple[int, int]:
    """Return where the payload of the frame at `begin` begins and ends.

    Where its header may end, twice, as long as that is not whole.

    Zeros for a frame whose header is invalid: unknown opcode, or wrongly masked.

    Args:
        data: What has come.
        begin: Where in it the frame begins.
        mask_in: `MASKED` where the frames must be masked, otherwise 0.
    """
    end = len(data)
    at = begin + HEADER_BYTES
    if at > end:
        return at, at
    size = data[begin + 1] - mask_in
    if data[begin] & OPCODE not in _OPCODES or not 0 <= size <= IN_EIGHT_BYTES:
        return 0, 0
    if size >= IN_TWO_BYTES:
        at += 2 if size == IN_TWO_BYTES else 8
        if at > end:
            return at, at
        size = int.from_bytes(data[begin + HEADER_BYTES : at], "big")
    if mask_in:
        at += MASK_BYTES
    return at, at + size
