"""Reads WebSocket frames: plain messages here, all others by the framing library (RFC 6455, section 5).

Nearly all frames of a session are messages in one frame. The library receives the others, as they come: fragments,
control frames, frames with reserved bits, one whose header is invalid, and every frame after either side has begun to
close. So it is at the beginning of a frame whenever one is read here. Behind the last frame everything is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from websockets.frames import (  # type: ignore[attr-defined]
    CloseCode,
    apply_mask,  # compiled, where there is a build for it
)
from websockets.protocol import OPEN, SERVER

from turnstile.protocol.frames import DOES_NOT_FIT, Closed, binary_frame, text_frame
from turnstile.transports.closing_handshake import close_of, sendable_close
from turnstile.transports.frame_header import (
    CONTROL,
    HEADER_BYTES,
    IN_EIGHT_BYTES,
    IN_TWO_BYTES,
    LONGEST_HEADER,
    MASK_BYTES,
    MASKED,
    payload_span,
)
from turnstile.transports.limits import UNCHARGED_BYTES
from turnstile.transports.message_joiner import MessageJoiner
from turnstile.transports.websocket_library import release_parser

if TYPE_CHECKING:
    from websockets.protocol import Protocol

    from turnstile.byte_budget import Charge
    from turnstile.protocol.frames import Frame

_TEXT: Final = 0x81
_BINARY: Final = 0x82
_PLAIN: Final = frozenset({_TEXT, _BINARY})
_DATA: Final = frozenset({0x00, 0x01, 0x02, 0x80, *_PLAIN})

FRAMES_A_ROUND: Final = 64
"""How many frames of a connection are read in one round of the loop; what came with them waits for the next."""


class Framing:
    """Frames of one connection. Calls must not overlap.

    Args:
        protocol: Open, of either side; bounds the size of messages. Used by nothing else from now on.
        max_message_bytes: The same bound.
        charge: Counts the message that has not come whole, as soon as its size is known.
        must_fit: Whether a message is refused that the charge's budget has no room for.
        frames_a_round: How many frames one `read` takes.
    """

    def __init__(
        self,
        protocol: Protocol,
        max_message_bytes: int,
        charge: Charge,
        *,
        must_fit: bool,
        frames_a_round: int = FRAMES_A_ROUND,
    ) -> None:
        self._protocol = protocol
        self.charge = charge
        """Counts the message that has not come whole."""
        self._must_fit = must_fit
        self._frames_a_round = frames_a_round
        self._joiner = MessageJoiner()
        is_server = protocol.side is SERVER
        self._mask_in = MASKED if is_server else 0
        self._least_header = HEADER_BYTES + (MASK_BYTES if is_server else 0)
        self._limit = max_message_bytes
        self._reads_plain = True  # as long as no message in fragments has begun, and neither side has begun to close
        # Of a frame that has not come whole: its header, what is missing, the size of its payload, its mask as the next
        # byte needs it, whether it is a message by itself, and whether the library gets it as it comes.
        self._header = bytearray()
        self._missing = 0
        self._announced = 0
        self._mask = b""
        self._is_plain = self._passes_on = False
        self._refused: Closed | None = None
        self._waiting = b""
        self._waiting_from = 0
        self.waits = False
        """Whether received bytes wait for the next `read`, which must be without more of them."""
        self.lacks_room = 0
        """Bytes of the message for which the budget lacks room: `read` is due when they fit, or are given up."""
        self.waits_for_room = True
        """Whether a message that could have room later waits for it; otherwise it is refused."""
        self.discards = False
        """Whether all that comes is dropped: the connection has ended, or a message was refused."""
        self.has_answers = True
        """Whether the library may have frames to send, or the end, since the last `answers`."""

    def read(self, data: bytes = b"") -> list[Frame]:
        """Read the frames of one round from received bytes, or from those that wait; return the complete messages."""
        messages: list[Frame] = []
        begin, left = 0, self._frames_a_round
        if self.waits:
            data, begin = self._waiting, self._waiting_from
            self._waiting, self.waits = b"", False
        if self._missing:
            begin = self._continue(data, begin, messages)
            if self.lacks_room:
                self._waiting += data[begin:]
                return messages
        end = len(data)
        while begin < end and left and not self.discards:
            left -= 1
            kind, at = data[begin], begin + self._least_header
            is_plain = kind in _PLAIN and self._reads_plain
            size = data[begin + 1] - self._mask_in if is_plain and at + 2 <= end else IN_EIGHT_BYTES
            if 0 <= size <= IN_TWO_BYTES:  # nearly all
                if size == IN_TWO_BYTES:
                    size = data[begin + 2] << 8 | data[begin + 3]
                    at += 2
                after = at + size if size <= self._limit else 0
            else:
                at, after = self._measure(data, begin)
            if not after or after > end:
                if messages and (self.lacks_room or after - begin > UNCHARGED_BYTES):
                    self.lacks_room = 0  # it is measured again when those before it are charged, or have left
                    break
                messages += self._begin(data[begin:])
                return messages
            if is_plain:
                payload = data[at:after]
                if self._mask_in:
                    payload = apply_mask(payload, data[at - MASK_BYTES : at])
                messages.append((binary_frame if kind == _BINARY else text_frame)((payload,)))
            else:
                messages += self._read_by_library(data[begin:after])
            begin = after
        if begin < end and not self.discards:
            self._waiting, self._waiting_from, self.waits = data, begin, True
        return messages

    def _measure(self, data: bytes | bytearray, begin: int) -> tuple[int, int]:
        """Return what `payload_span` does; zeros, too, for a frame that is too large, or finds no room."""
        at, after = payload_span(data, begin, self._mask_in)
        size = after - at
        if size > self._limit - self._joiner.partial.tell():
            return 0, 0
        return (at, after) if not size or data[begin] & CONTROL or self._fits(size) else (0, 0)

    def _fits(self, size: int) -> bool:
        """Return whether the budget has room for the frame with `size` bytes of payload, and what it continues."""
        size += self._joiner.partial.tell()
        self.lacks_room = 0
        if size <= UNCHARGED_BYTES or not self._must_fit or self.charge.fits(size):
            self.waits_for_room = True
            return True
        if self.waits_for_room and self.charge.may_fit(size) and self._protocol.state is OPEN:
            self.lacks_room = size
        return False

    def _begin(self, frame: bytes | bytearray) -> list[Frame]:
        """Begin to read a frame, of which only this much has come, or whose header is invalid."""
        at, after = self._measure(frame, 0)
        if self.lacks_room:
            self._waiting, self._waiting_from, self.waits = bytes(frame), 0, True
            return []
        if not after:
            return self._refuse(frame)
        came = len(frame)
        if at > came:
            self._header, self._missing = bytearray(frame), at - came
            return []
        self._header = bytearray(frame[:at])
        self._missing, self._announced = after - came, after - at
        self._is_plain = self._reads_plain and frame[0] in _PLAIN
        self._passes_on = not (self._is_plain or (self._announced > UNCHARGED_BYTES and frame[0] in _DATA))
        if self._passes_on:
            if not self._missing:
                self._announced = 0
            return self._read_by_library(frame)
        self._mask = bytes(frame[at - MASK_BYTES : at]) if self._mask_in else b""
        self._hold(self._joiner.partial.tell() + self._announced)
        return self._collect(frame[at:])

    def _continue(self, data: bytes, begin: int, messages: list[Frame]) -> int:
        """Read on in a frame that has not come whole; return where in `data` the next frame begins."""
        while self._missing and begin < len(data):
            piece = data[begin : begin + self._missing]
            begin += len(piece)
            self._missing -= len(piece)
            if self._passes_on and self._announced:
                if not self._missing:
                    self._announced = 0
                messages += self._read_by_library(piece)
            elif self._announced:
                messages += self._collect(piece)
            else:
                self._header += piece
                if not self._missing:
                    messages += self._begin(self._header)
        return begin

    def _collect(self, piece: bytes | bytearray) -> list[Frame]:
        """Unmask and keep a piece of a large payload; return the message that it completes.

        So all that is done at a payload's end, for which others wait, is small. The library has not seen the frame: it
        gets it without its payload, for the order of the fragments.
        """
        if self._announced > UNCHARGED_BYTES and self._protocol.state is not OPEN:
            piece = b""  # nobody gets it any more
        elif self._mask:
            turned = len(piece) % MASK_BYTES
            piece, self._mask = apply_mask(piece, self._mask), self._mask[turned:] + self._mask[:turned]
        self._joiner.partial.write(piece)
        if self._missing:
            return []
        size, self._announced = self._announced, 0
        if self._is_plain:  # of one that is dropped nothing is left
            self._hold(0)
            return [self._joiner.take(is_text=self._header[0] == _TEXT)]
        messages = self._read_by_library(bytes((self._header[0], self._mask_in, *bytes(len(self._mask)))))
        if self._protocol.current_size is not None:
            self._protocol.current_size += size
        return messages

    def _refuse(self, frame: bytes | bytearray) -> list[Frame]:
        """End the connection by the header of a frame that is invalid, too large, or finds no room in the budget."""
        messages = self._read_by_library(frame[:LONGEST_HEADER])
        if not self.discards:  # to the library nothing is wrong with it
            self._protocol.fail(CloseCode.MESSAGE_TOO_BIG, DOES_NOT_FIT)
            self._refused = Closed(CloseCode.MESSAGE_TOO_BIG, DOES_NOT_FIT, by_us=True)
            self._discard()
        return messages

    def _discard(self) -> None:
        """Drop all that comes, and what came of a message."""
        self.discards = True
        self._joiner.drop()
        self._missing = self._announced = self.lacks_room = 0
        self._hold(0)

    def _read_by_library(self, data: bytes | bytearray) -> list[Frame]:
        """Let the library read `data`; return the messages that it completes."""
        protocol, joiner = self._protocol, self._joiner
        protocol.receive_data(data)
        messages: list[Frame] = joiner.join(protocol.events_received())
        self._reads_plain = not joiner.has_begun and protocol.state is OPEN
        self.has_answers = True
        if protocol.close_rcvd is not None or protocol.parser_exc is not None:
            self._discard()
        else:
            if protocol.state is not OPEN and joiner.partial.tell() > UNCHARGED_BYTES:
                joiner.drop()
            self._hold(joiner.partial.tell() + self._announced)
        return messages

    def _hold(self, size: int) -> None:
        """Charge the bytes of the message that has not come whole, where they are many."""
        if size > UNCHARGED_BYTES or self.charge.size:
            self.charge.set(size if size > UNCHARGED_BYTES and self._protocol.state is OPEN else 0)

    def read_end(self) -> None:
        """Read the end of the stream."""
        self._protocol.receive_eof()

    def release(self) -> None:
        """Free all that is buffered; nothing is read afterwards."""
        self._discard()
        self._waiting, self.waits = b"", False
        release_parser(self._protocol)

    def answers(self) -> list[bytes]:
        """Return the frames that the library wants to send; an empty one stands for the end of the stream."""
        self.has_answers = False
        return self._protocol.data_to_send()

    def end(self) -> Closed | None:
        """Return how the connection ended; None while it has not."""
        return self._refused or close_of(self._protocol)

    def write_ping(self) -> None:
        """Let the library write a ping."""
        self._protocol.send_ping(b"")

    def write_close(self, code: int, reason: str) -> None:
        """Let the library start the closing handshake, with what RFC 6455 allows of `code` and `reason`.

        Of a message that has not come whole nothing is kept: it is read only for the peer's close behind it.
        """
        self._reads_plain = False
        close = sendable_close(code, reason)
        self._protocol.send_close(close.code, close.reason)
        if self._joiner.partial.tell() > UNCHARGED_BYTES:
            self._joiner.drop()
        self._hold(0)
