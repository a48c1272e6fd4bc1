"""A WebSocket frame that has not come whole, the message that it is a part of, and their room in the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # compiled, where there is a build for it
from websockets.protocol import OPEN

from turnstile.transports.frame_header import BINARY, CONTROL, MASK_BYTES, TEXT, payload_span
from turnstile.transports.limits import UNCHARGED_BYTES
from turnstile.transports.message_joiner import MessageJoiner

if TYPE_CHECKING:
    from websockets.protocol import Protocol

    from turnstile.byte_charge import Charge
    from turnstile.protocol.frames import Frame

_DATA: Final = frozenset({0x00, 0x01, 0x02, 0x80, TEXT, BINARY})


class PartialMessage:
    """What has come of one frame at a time, and of the message in fragments that it may continue.

    Args:
        protocol: The framing library's; only its state is read: one that is not open has no use for a large message.
        mask_in: `MASKED` where the frames must be masked, otherwise 0.
        max_message_bytes: Most bytes of a message.
        charge: Counts the message, as soon as its size is known.
        must_fit: Whether a message is refused that the charge's budget has no room for.
    """

    def __init__(
        self, protocol: Protocol, mask_in: int, max_message_bytes: int, charge: Charge, *, must_fit: bool
    ) -> None:
        self._protocol = protocol
        self._mask_in = mask_in
        self._limit = max_message_bytes
        self._must_fit = must_fit
        self._mask = b""  # as the next byte needs it
        self.charge = charge
        """Counts the message."""
        self.joiner = MessageJoiner()
        """Keeps what has come of the message."""
        self.header = bytearray()
        """What has come of the frame's header."""
        self.missing = 0
        """How many bytes of the frame have not come, or of its header while that is not whole."""
        self.announced = 0
        """The size of the frame's payload; 0 while the header is not whole, and when the frame is."""
        self.is_plain = False
        """Whether the frame is a message by itself."""
        self.passes_on = False
        """Whether the library gets the frame as it comes."""
        self.lacks_room = 0
        """Bytes of the message for which the budget lacks room: it is due when they fit, or are given up."""
        self.waits_for_room = True
        """Whether a message that could have room later waits for it; otherwise it is refused."""

    def measure(self, data: bytes | bytearray, begin: int) -> tuple[int, int]:
        """Return what `payload_span` does; zeros, too, for a frame that is too large, or finds no room."""
        at, after = payload_span(data, begin, self._mask_in)
        size = after - at
        if size > self._limit - self.joiner.partial.tell():
            return 0, 0
        return (at, after) if not size or data[begin] & CONTROL or self._fits(size) else (0, 0)

    def _fits(self, size: int) -> bool:
        """Return whether the budget has room for the frame with `size` bytes of payload, and what it continues."""
        size += self.joiner.partial.tell()
        self.lacks_room = 0
        if size <= UNCHARGED_BYTES or not self._must_fit or self.charge.fits(size):
            self.waits_for_room = True
            return True
        if self.waits_for_room and self.charge.may_fit(size) and self._protocol.state is OPEN:
            self.lacks_room = size
        return False

    def begin_header(self, came: bytes | bytearray, end: int) -> None:
        """Begin a frame of whose header, which may end at `end`, only this much has come."""
        self.header, self.missing = bytearray(came), end - len(came)

    def begin_payload(self, frame: bytes | bytearray, at: int, after: int, *, is_plain: bool) -> None:
        """Begin a frame whose header has come whole, for its payload.

        Args:
            frame: What has come, header included.
            at: Where the payload begins.
            after: Where it ends.
            is_plain: Whether the frame is a message by itself.
        """
        self.header = bytearray(frame[:at])
        self.missing, self.announced = after - len(frame), after - at
        self.is_plain = is_plain
        self.passes_on = not (is_plain or (self.announced > UNCHARGED_BYTES and frame[0] in _DATA))
        if not self.passes_on:
            self._mask = bytes(frame[at - MASK_BYTES : at]) if self._mask_in else b""
            self.hold()
        elif not self.missing:
            self.announced = 0

    def take_piece(self, data: bytes, begin: int) -> bytes:
        """Return what `data` holds of the frame from `begin` on; keep it where it is of the header."""
        piece = data[begin : begin + self.missing]
        self.missing -= len(piece)
        if not self.announced:
            self.header += piece
        elif self.passes_on and not self.missing:
            self.announced = 0
        return piece

    def keep(self, piece: bytes | bytearray) -> bool:
        """Unmask and keep a piece of the payload; return whether it was the last.

        So all that is done at a payload's end, for which others wait, is small.
        """
        if self.announced > UNCHARGED_BYTES and self._protocol.state is not OPEN:
            piece = b""  # nobody gets it any more
        elif self._mask:
            turned = len(piece) % MASK_BYTES
            piece, self._mask = apply_mask(piece, self._mask), self._mask[turned:] + self._mask[:turned]
        self.joiner.partial.write(piece)
        if self.missing:
            return False
        self.announced = 0
        return True

    def take_plain(self) -> Frame:
        """Return the message that came as one frame."""
        message = self.joiner.take(is_text=self.header[0] == TEXT)
        self.hold()  # nothing, also of one that is dropped
        return message

    def without_payload(self) -> bytes:
        """Return a frame like this one that has no payload."""
        return bytes((self.header[0], self._mask_in, *bytes(len(self._mask))))

    def hold(self) -> None:
        """Charge what came and is announced, where it is much; drop it instead when a side has begun to close."""
        size = self.joiner.partial.tell()
        if self._protocol.state is OPEN:
            size += self.announced
        elif size > UNCHARGED_BYTES:
            self.joiner.drop()
            size = 0
        if size > UNCHARGED_BYTES or self.charge.size:
            self.charge.set(size if size > UNCHARGED_BYTES else 0)

    def drop(self) -> None:
        """Drop all that came."""
        self.joiner.drop()
        self.missing = self.announced = self.lacks_room = 0
        self.hold()
