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
    BINARY,
    HEADER_BYTES,
    IN_EIGHT_BYTES,
    IN_TWO_BYTES,
    LONGEST_HEADER,
    MASK_BYTES,
    MASKED,
    TEXT,
)
from turnstile.transports.limits import UNCHARGED_BYTES
from turnstile.transports.partial_message import PartialMessage
from turnstile.transports.websocket_library import release_parser

if TYPE_CHECKING:
    from websockets.protocol import Protocol

    from turnstile.byte_charge import Charge
    from turnstile.protocol.frames import Frame

_PLAIN: Final = frozenset({TEXT, BINARY})

FRAMES_A_ROUND: Final = 32
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
        self._frames_a_round = frames_a_round
        is_server = protocol.side is SERVER
        self._mask_in = MASKED if is_server else 0
        self._least_header = HEADER_BYTES + (MASK_BYTES if is_server else 0)
        self._limit = max_message_bytes
        self._reads_plain = True  # as long as no message in fragments has begun, and neither side has begun to close
        self.partial = PartialMessage(protocol, self._mask_in, max_message_bytes, charge, must_fit=must_fit)
        """What has not come whole, and the room that it may lack."""
        self._refused: Closed | None = None
        self._waiting = b""
        self._waiting_from = 0
        self.waits = False
        """Whether received bytes wait for the next `read`, which must be without more of them."""
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
        if self.partial.missing:
            begin = self._continue(data, begin, messages)
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
                at, after = self.partial.measure(data, begin)
            if not after or after > end:
                if messages and (self.partial.lacks_room or after - begin > UNCHARGED_BYTES):
                    self.partial.lacks_room = 0  # it is measured again when those before it are charged, or have left
                    break
                messages += self._begin(data[begin:])
                return messages
            if is_plain:
                payload = data[at:after]
                if self._mask_in:
                    payload = apply_mask(payload, data[at - MASK_BYTES : at])
                messages.append((binary_frame if kind == BINARY else text_frame)((payload,)))
            else:
                messages += self._read_by_library(data[begin:after])
            begin = after
        if begin < end and not self.discards:
            self._waiting, self._waiting_from, self.waits = data, begin, True
        return messages

    def _begin(self, frame: bytes | bytearray) -> list[Frame]:
        """Begin to read a frame, of which only this much has come, or whose header is invalid."""
        partial = self.partial
        at, after = partial.measure(frame, 0)
        if partial.lacks_room:
            self._waiting, self._waiting_from, self.waits = bytes(frame), 0, True
            return []
        if not after:
            return self._refuse(frame)
        if at > len(frame):
            partial.begin_header(frame, at)
            return []
        partial.begin_payload(frame, at, after, is_plain=self._reads_plain and frame[0] in _PLAIN)
        return self._read_by_library(frame) if partial.passes_on else self._collect(frame[at:])

    def _continue(self, data: bytes, begin: int, messages: list[Frame]) -> int:
        """Read on in a frame that has not come whole; return where in `data` the next frame begins that can be read."""
        partial = self.partial
        while partial.missing and begin < len(data):
            is_header = not partial.announced
            piece = partial.take_piece(data, begin)
            begin += len(piece)
            if not is_header:
                messages += self._read_by_library(piece) if partial.passes_on else self._collect(piece)
            elif not partial.missing:
                messages += self._begin(partial.header)
        if partial.lacks_room:
            self._waiting += data[begin:]
            return len(data)
        return begin

    def _collect(self, piece: bytes | bytearray) -> list[Frame]:
        """Keep a piece of a payload; return the message that it completes.

        The library has not seen the frame: it gets a fragment without its payload, for the order of the fragments.
        """
        partial, protocol = self.partial, self._protocol
        size = partial.announced
        if not partial.keep(piece):
            return []
        if partial.is_plain:
            return [partial.take_plain()]
        messages = self._read_by_library(partial.without_payload())
        if protocol.current_size is not None:
            protocol.current_size += size
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
        self.partial.drop()

    def _read_by_library(self, data: bytes | bytearray) -> list[Frame]:
        """Let the library read `data`; return the messages that it completes."""
        protocol, joiner = self._protocol, self.partial.joiner
        protocol.receive_data(data)
        messages: list[Frame] = joiner.join(protocol.events_received())
        self._reads_plain = not joiner.has_begun and protocol.state is OPEN
        self.has_answers = True
        if protocol.close_rcvd is not None or protocol.parser_exc is not None:
            self._discard()
        else:
            self.partial.hold()
        return messages

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
        self.partial.hold()
