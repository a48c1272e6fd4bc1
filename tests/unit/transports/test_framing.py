"""Our frames against the framing library's: the same bytes, cut anywhere, come to the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode, apply_mask
from websockets.protocol import OPEN, Protocol, Side

from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.transports.closing_handshake import close_of
from turnstile.transports.framing import SILENT_LOGGER, Framing
from turnstile.transports.message_joiner import MessageJoiner

SIDES = [Side.SERVER, Side.CLIENT]
BOTH_SIDES = pytest.mark.parametrize("side", SIDES, ids=["as server", "as client"])
LIMIT = 1000
TEXT, BINARY, CLOSE, PING = 0x81, 0x82, 0x88, 0x89


def protocol(side, limit=LIMIT):
    return Protocol(side, max_size=limit, logger=SILENT_LOGGER)


def encoded(kind, payload, *, masked, width=0, size=None, mask=b"\1\2\3\4"):
    """One frame: `width` bytes tell the size (0: as few as can), which is the payload's unless it lies."""
    size = len(payload) if size is None else size
    width = width or (1 if size < 126 else 2 if size < 1 << 16 else 8)
    head = bytes((kind, (0x80 if masked else 0) | {1: size, 2: 126, 8: 127}[width]))
    head += size.to_bytes(width, "big") if width > 1 else b""
    return head + mask + apply_mask(payload, mask) if masked else head + payload


class Alone:
    """The library without our frames: what it alone comes to."""

    def __init__(self, side, limit):
        self.protocol = protocol(side, limit)
        self._joiner = MessageJoiner()
        self.empty_in_a_row = 0

    def read(self, data):
        self.protocol.receive_data(data)
        messages = self._joiner.join(self.protocol.events_received())
        for message in messages:
            self.empty_in_a_row = 0 if message.data else self.empty_in_a_row + 1
        return messages

    def read_end(self):
        self.protocol.receive_eof()

    def write_close(self, code, reason):
        self.protocol.send_close(code, reason)

    def write_ping(self):
        self.protocol.send_ping(b"")

    def answers(self):
        return self.protocol.data_to_send()

    def end(self):
        return close_of(self.protocol)


def unmasked(chunks, side):
    """What was written, as the other side reads it: a client's masks are never twice the same."""
    far = protocol(Side.CLIENT if side is Side.SERVER else Side.SERVER, None)
    far.receive_data(b"".join(chunks))
    frames = [(frame.opcode, bytes(frame.data), frame.fin) for frame in far.events_received()]
    return frames, b"" in chunks, len(b"".join(chunks))


def assert_the_same(ours, alone, side):
    answers = ours.answers() if ours.has_answers else []
    assert unmasked(answers, side) == unmasked(alone.answers(), side)
    assert ours.end() == alone.end()
    assert ours.empty_in_a_row == alone.empty_in_a_row


@st.composite
def payloads(draw, kind):
    if kind == CLOSE:
        words = st.sampled_from(
            [b"", b"\3", b"\3\xe8", b"\3\xe8bye", b"\3\xed", b"\x0f\xa1\xff", b"\3\xe8" + b"a" * 124]
        )
        return draw(words)
    size = draw(st.sampled_from([0, 1, 5, 124, 125, 126, 127, 300, LIMIT - 1, LIMIT, LIMIT + 1]))
    if kind & 8:
        size = draw(st.sampled_from([0, 1, 125, 125, 126]))
    if kind & 15 in {0, 1}:
        text = draw(st.sampled_from([b"a", "ä€😀".encode(), b"\xff", b"\xed\xa0\x80", b"\xf0\x9f"]))
        return (text * size)[:size]
    return bytes(size)


@st.composite
def streams(draw):
    """What a peer might send, and whom it is sent to."""
    side = draw(st.sampled_from(SIDES))
    stream = b""
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from([TEXT, BINARY] * 4 + [0x01, 0x02, 0x00, 0x80, CLOSE, PING, 0x8A]))
        if draw(st.integers(0, 12)) == 0:  # reserved bits, kinds that nobody knows, control frames in fragments
            kind = draw(st.sampled_from([0xC1, 0xA2, 0x91, 0xC9, 0x83, 0x8B, 0x08, 0x09]))
        payload = draw(payloads(kind))
        rightly = draw(st.integers(0, 20)) > 0
        width = draw(st.sampled_from([0, 0, 0, 2, 8]))
        size = draw(st.sampled_from([None] * 20 + [1 << 63, (1 << 64) - 1, 1 << 32]))
        if size is not None:
            width = 8
        masked = (side is Side.SERVER) is rightly
        stream += encoded(kind, payload, masked=masked, width=width, size=size)
    return side, stream


@st.composite
def cut(draw, stream):
    """Cut a stream anywhere: whole, byte by byte, or at some places."""
    places = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    if draw(st.integers(0, 9)) == 0:
        places = range(1, min(len(stream), 400))
    return [
        piece for begin, end in zip([0, *places], [*places, len(stream)], strict=True) if (piece := stream[begin:end])
    ]


@given(st.data(), streams(), st.sampled_from([10, 125, LIMIT, 1 << 20]))
@settings(max_examples=400)
def test_a_stream_comes_to_the_same_as_with_the_library_alone_wherever_it_is_cut(data, sent, limit):
    side, stream = sent
    pieces = data.draw(cut(stream))
    own_part = data.draw(st.integers(0, 3 * len(pieces)))
    ours, alone = Framing(protocol(side, limit), limit), Alone(side, limit)
    for number, piece in enumerate(pieces):
        if number == own_part and alone.protocol.state is OPEN:
            act = data.draw(st.sampled_from(["write_close", "write_ping"]))
            for one in (ours, alone):
                one.write_ping() if act == "write_ping" else one.write_close(1000, "done")
            ours.has_answers = True
        messages = ours.read(piece)
        assert messages == alone.read(piece)
        assert all(type(message.data) is bytes for message in messages)
        assert_the_same(ours, alone, side)
    ours.read_end()
    alone.read_end()
    ours.has_answers = True
    assert_the_same(ours, alone, side)


@given(st.sampled_from(SIDES), st.lists(st.sampled_from([b"", b"a"]), max_size=30), st.integers(1, 3))
def test_empty_messages_are_counted_as_with_the_library_alone(side, payloads, pieces):
    masked = side is Side.SERVER
    ours, alone = Framing(protocol(side), LIMIT), Alone(side, LIMIT)
    for payload in payloads:
        frames = encoded(TEXT, payload, masked=masked)
        if pieces > 1:  # in fragments, which the library joins
            parts = [encoded(0x01, b"", masked=masked), *([encoded(0x00, b"", masked=masked)] * (pieces - 2))]
            frames = b"".join([*parts, encoded(0x80, payload, masked=masked)])
        assert ours.read(frames) == alone.read(frames)
    assert ours.empty_in_a_row == alone.empty_in_a_row


@given(st.sampled_from(SIDES), st.lists(st.tuples(st.booleans(), st.binary(max_size=200)), max_size=5))
@example(Side.CLIENT, [(True, bytes(size)) for size in (0, 125, 126, 65_535, 65_536)])
@example(Side.SERVER, [(False, bytes(size)) for size in (0, 125, 126, 65_535, 65_536)])
def test_the_library_reads_the_messages_that_we_write(side, messages):
    chunks = []
    frames = [TextFrame(data) if is_text else BinaryFrame(data) for is_text, data in messages]
    size = Framing(protocol(side), LIMIT).write(frames, chunks)
    assert size == len(b"".join(chunks))
    read, _, _ = unmasked(chunks, side)
    assert read == [(Opcode.TEXT if is_text else Opcode.BINARY, data, True) for is_text, data in messages]


@BOTH_SIDES
def test_what_we_write_has_as_many_bytes_as_what_the_library_writes(side):
    for size in (0, 125, 126, 65_535, 65_536):
        chunks, library = [], protocol(side)
        Framing(protocol(side), LIMIT).write([BinaryFrame(bytes(size))], chunks)
        library.send_binary(bytes(size))
        assert len(b"".join(chunks)) == len(b"".join(library.data_to_send()))


def test_each_frame_of_a_client_has_a_mask_of_its_own():
    framing, masks = Framing(protocol(Side.CLIENT), LIMIT), set()
    for _ in range(300):
        chunks = []
        framing.write([BinaryFrame(b"")], chunks)
        masks.add(chunks[0][2:])
    assert len(masks) > 290, "300 masks of four bytes: two may be the same by chance, a pool used twice would be half"
    assert {len(mask) for mask in masks} == {4}


@BOTH_SIDES
@pytest.mark.parametrize("kind", [TEXT, BINARY, PING, 0x01])
def test_too_large_a_frame_is_refused_by_its_head(side, kind):
    framing = Framing(protocol(side), LIMIT)
    head = encoded(kind, b"", masked=side is Side.SERVER, size=LIMIT + 1)[:4]
    assert framing.read(head) == []
    assert framing.end() == Closed(1009, f"frame with {LIMIT + 1} bytes exceeds limit of {LIMIT} bytes", by_us=True)


@BOTH_SIDES
def test_a_fragment_is_refused_by_its_head_when_its_message_would_be_too_large(side):
    framing, masked = Framing(protocol(side), LIMIT), side is Side.SERVER
    framing.read(encoded(0x01, bytes(600), masked=masked))
    assert framing.read(encoded(0x80, b"", masked=masked, size=401)[:4]) == []
    assert framing.end().code == 1009


@BOTH_SIDES
def test_the_library_is_not_asked_when_whole_messages_come(side, monkeypatch):
    framing, masked = Framing(protocol(side), LIMIT), side is Side.SERVER
    framing.answers()
    monkeypatch.setattr(framing._protocol, "receive_data", None)
    stream = encoded(TEXT, "ä".encode(), masked=masked) + encoded(BINARY, bytes(200), masked=masked)
    assert framing.read(stream[:3]) == []
    assert framing.read(stream[3:]) == [TextFrame("ä".encode()), BinaryFrame(bytes(200))]
    assert not framing.has_answers


@pytest.mark.parametrize("kind", [0x01, 0x02, PING, CLOSE])
def test_what_the_library_reads_it_alone_unmasks(kind, monkeypatch):
    framing = Framing(protocol(Side.SERVER), LIMIT)
    monkeypatch.setattr("turnstile.transports.framing.apply_mask", None)
    assert framing.read(encoded(kind, b"\3\xe8", masked=True)) == []
    assert framing.has_answers


@BOTH_SIDES
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_536])
def test_a_message_cut_anywhere_in_its_head_is_read_behind_another(side, size):
    masked = side is Side.SERVER
    first, second = encoded(BINARY, b"first", masked=masked), encoded(BINARY, bytes(size), masked=masked)
    for cut in range(15):
        framing = Framing(protocol(side, 1 << 20), 1 << 20)
        read = framing.read(first + second[:cut]) + framing.read(second[cut:])
        assert read == [BinaryFrame(b"first"), BinaryFrame(bytes(size))]


@BOTH_SIDES
def test_a_text_that_is_no_utf_8_is_the_librarys_to_judge(side):
    framing, masked = Framing(protocol(side), LIMIT), side is Side.SERVER
    framing.answers()
    framing.read(encoded(TEXT, b"\xff", masked=masked))
    assert framing.has_answers


@BOTH_SIDES
def test_what_comes_is_the_librarys_when_our_side_has_begun_to_close(side):
    framing, masked = Framing(protocol(side), LIMIT), side is Side.SERVER
    framing.write_close(1000, "done")
    framing.answers()
    assert framing.read(encoded(TEXT, b"crossing", masked=masked)) == [TextFrame(b"crossing")]
    assert framing.has_answers


def test_an_unfinished_frame_takes_no_more_than_the_bound_on_messages_and_a_head():
    framing = Framing(protocol(Side.SERVER), LIMIT)
    framing.read(encoded(BINARY, bytes(LIMIT), masked=True)[:-1])
    assert len(framing._rest) <= LIMIT + 14
    assert framing.read(b"\0")[0].data[:-1] == bytes(LIMIT - 1)
    assert len(framing._rest) == 0


def test_what_comes_behind_a_close_is_not_told():
    framing = Framing(protocol(Side.SERVER), LIMIT)
    stream = encoded(TEXT, b"last", masked=True) + encoded(CLOSE, b"\3\xe8", masked=True)
    assert framing.read(stream + encoded(TEXT, b"late", masked=True)) == [TextFrame(b"last")]
    assert framing.read(encoded(TEXT, b"later", masked=True)) == []
    assert framing.end() == Closed(1000, "")
