"""Reads and writes WebSocket frames: plain messages here, all others by the framing library (RFC 6455, section 5).

Nearly all frames of a session are messages in one frame. The library receives the others, each whole: fragments,
control frames, frames with reserved bits, texts that are not UTF-8. So it is at the beginning of a frame whenever one
is read here. It also receives, as it comes, a frame whose header is invalid and all that follows, and everything after
either side has begun to close.
"""

from __future__ import annotations

import logging
import os
import struct
from typing import TYPE_CHECKING, Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # compiled, where there is a build for it
from websockets.protocol import OPEN, SERVER

from turnstile.protocol.frames import TextFrame, binary_frame, text_frame
from turnstile.transports.closing_handshake import close_of, sendable_close
from turnstile.transports.message_joiner import MessageJoiner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from websockets.protocol import Protocol

    from turnstile.protocol.frames import Closed, Frame

# The framing library can log every frame and header, keys included. This logger belongs to no tree and has no handler:
# no logging configuration makes it log.
SILENT_LOGGER: Final = logging.Logger("turnstile.framing", logging.CRITICAL + 1)  # noqa: LOG001 - that is the point

_TEXT: Final = 0x81
_BINARY: Final = 0x82
_PLAIN: Final = frozenset({_TEXT, _BINARY})
_OPCODE: Final = 0x0F
_OPCODES: Final = frozenset({0x0, 0x1, 0x2, 0x8, 0x9, 0xA})

_HEADER_BYTES: Final = 2
_MASKED: Final = 0x80
_IN_TWO_BYTES: Final = 126
_IN_EIGHT_BYTES: Final = 127
_short_header = struct.Struct("!BB").pack
_medium_header = struct.Struct("!BBH").pack
_long_header = struct.Struct("!BBQ").pack

_MASK_BYTES: Final = 4
# How many bytes for masks are read from the system at once. Each mask is new and unpredictable (section 10.3).
_MASK_POOL: Final = 64 * _MASK_BYTES


class Framing:
    """Frames of one connection. Calls must not overlap.

    Args:
        protocol: Open, of either side; bounds the size of messages. Used by nothing else from now on.
        max_message_bytes: The same bound.
    """

    def __init__(self, protocol: Protocol, max_message_bytes: int) -> None:
        self._protocol = protocol
        self._joiner = MessageJoiner()
        is_server = protocol.side is SERVER
        self._mask_in = _MASKED if is_server else 0
        self._least_header = _HEADER_BYTES + (_MASK_BYTES if is_server else 0)
        self._mask_out = 0 if is_server else _MASKED
        self._masks = b""
        self._limit = self._room = max_message_bytes
        self._reads_plain = True  # as long as no message in fragments has begun
        self._library_reads = False
        self._rest = bytearray()  # of a frame that has not come whole
        self._need = 0
        self.empty_in_a_row = 0
        """How many of the latest messages, one after the other, were empty."""
        self.has_answers = True
        """Whether the library may have frames to send, or the end, since the last `answers`."""

    def read(self, data: bytes) -> list[Frame]:
        """Read received bytes; return the messages that they complete."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        messages: list[Frame] = []
        begin, end = 0, len(data)
        while begin < end and not self._library_reads:
            kind, at = data[begin], begin + self._least_header
            is_plain = kind in _PLAIN and self._reads_plain
            size = data[begin + 1] - self._mask_in if is_plain and at + 2 <= end else _IN_EIGHT_BYTES
            if 0 <= size <= _IN_TWO_BYTES:  # nearly all
                if size == _IN_TWO_BYTES:
                    size = data[begin + 2] << 8 | data[begin + 3]
                    at += 2
                after = at + size if size <= self._limit else 0
            else:
                at, after = self._measure(data, begin)
            if not after:
                self._library_reads = True
                break
            if after > end:
                self._rest += data[begin:]
                self._need = after - begin
                return messages
            if is_plain:
                payload = data[at:after]
                if self._mask_in:
                    payload = apply_mask(payload, data[at - _MASK_BYTES : at])
                is_plain = kind == _BINARY or payload.isascii() or _is_utf8(payload)
            if is_plain:
                messages.append((binary_frame if kind == _BINARY else text_frame)((payload,)))
                self.empty_in_a_row = 0 if payload else self.empty_in_a_row + 1
            else:
                messages += self._read_by_library(data[begin:after])
            begin = after
        return messages + self._read_by_library(data[begin:]) if begin < end else messages

    def _measure(self, data: bytes, begin: int) -> tuple[int, int]:
        """Return where the payload of the frame at `begin` begins and ends.

        Where its header may end, twice, as long as that is not whole.

        Zeros for a frame whose header is invalid: unknown opcode, wrongly masked, or too large.
        """
        end = len(data)
        at = begin + _HEADER_BYTES
        if at > end:
            return at, at
        kind, size = data[begin], data[begin + 1] - self._mask_in
        if kind & _OPCODE not in _OPCODES or not 0 <= size <= _IN_EIGHT_BYTES:
            return 0, 0
        if size >= _IN_TWO_BYTES:
            at += 2 if size == _IN_TWO_BYTES else 8
            if at > end:
                return at, at
            size = int.from_bytes(data[begin + _HEADER_BYTES : at], "big")
        if size > self._room:
            return 0, 0
        if self._mask_in:
            at += _MASK_BYTES
        return at, at + size

    def _read_by_library(self, data: bytes) -> list[Frame]:
        """Let the library read `data`; return the messages that it completes."""
        protocol = self._protocol
        protocol.receive_data(data)
        messages = self._joiner.join(protocol.events_received())
        for message in messages:
            self.empty_in_a_row = 0 if message.data else self.empty_in_a_row + 1
        self._reads_plain = self._joiner.begun is None
        self._room = self._limit - (self._joiner.begun or 0)
        self._library_reads = self._library_reads or protocol.state is not OPEN
        self.has_answers = True
        return messages

    def read_end(self) -> None:
        """Read the end of the stream."""
        self._protocol.receive_eof()

    def release(self) -> None:
        """Free what the library has buffered; nothing is read afterwards."""
        release_parser(self._protocol)

    def answers(self) -> list[bytes]:
        """Return the frames that the library wants to send; an empty one stands for the end of the stream."""
        self.has_answers = False
        return self._protocol.data_to_send()

    def end(self) -> Closed | None:
        """Return how the connection ended, as the library has it; None while it has not."""
        return close_of(self._protocol)

    def write(self, messages: Iterable[Frame], chunks: list[bytes]) -> int:
        """Append the messages' frames to `chunks`; return how many bytes they have."""
        mask_out, added = self._mask_out, 0
        for message in messages:
            data = message[0]
            size = len(data)
            kind = _TEXT if message.__class__ is TextFrame else _BINARY
            if size < _IN_TWO_BYTES:
                header = _short_header(kind, mask_out | size)
            elif size < 1 << 16:
                header = _medium_header(kind, mask_out | _IN_TWO_BYTES, size)
            else:
                header = _long_header(kind, mask_out | _IN_EIGHT_BYTES, size)
            if mask_out:
                masks = self._masks or os.urandom(_MASK_POOL)
                mask, self._masks = masks[:_MASK_BYTES], masks[_MASK_BYTES:]
                header += mask
                data = apply_mask(data, mask)
            chunks.append(header)
            chunks.append(data)
            added += len(header) + size
        return added

    def write_ping(self) -> None:
        """Let the library write a ping."""
        self._protocol.send_ping(b"")

    def write_close(self, code: int, reason: str) -> None:
        """Let the library start the closing handshake, with what RFC 6455 allows of `code` and `reason`."""
        self._library_reads = True
        close = sendable_close(code, reason)
        self._protocol.send_close(close.code, close.reason)


def release_parser(protocol: Protocol) -> None:
    """Free a protocol of the framing library, which reads nothing afterwards, as soon as no other object holds it.

    Its parser is a generator that holds it, and its exceptions and their causes have tracebacks that do: cycles, which
    would wait for a full collection with all that the protocol has buffered.
    """
    protocol.parser.close()
    for error in (protocol.parser_exc, protocol.handshake_exc):
        if error is not None:
            error.__traceback__ = error.__context__ = error.__cause__ = None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
