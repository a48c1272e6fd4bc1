"""Our frames against the framing library's: the same bytes, cut anywhere, come to the same."""

from __future__ import annotations

import itertools
import tracemalloc
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode, apply_mask
from websockets.protocol import OPEN, Protocol, Side

from turnstile.byte_budget import ProcessBudget, unlimited_budget
from turnstile.protocol.frames import DOES_NOT_FIT, BinaryFrame, Closed, TextFrame
from turnstile.transports.closing_handshake import close_of
from turnstile.transports.frame_writer import FrameWriter
from turnstile.transports.framing import FRAMES_A_ROUND, Framing
from turnstile.transports.message_joiner import MessageJoiner
from turnstile.transports.websocket_library import SILENT_LOGGER
from turnstile.transports.write_buffer import WriteBuffer

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


def framing_of(side, limit=LIMIT, charge=None, **how):
    charge = charge or unlimited_budget().charge()
    return Framing(protocol(side, limit), limit, charge, **{"must_fit": True, **how})


def writer_of(side):
    return FrameWriter(masks=side is Side.CLIENT)


def written(side, frames):
    """The bytes of messages, as a socket gets them that takes all."""
    sent, buffer = bytearray(), WriteBuffer()
    writer_of(side).write(frames, buffer)
    size = buffer.size
    while buffer.size:
        buffer.write_to(SimpleNamespace(send=lambda data: sent.extend(data) or len(data)))
    assert len(sent) == size
    return bytes(sent)


def budget_of(size):
    return ProcessBudget(session_limit=size).session("", lambda: None)


def read_all(framing, data):
    """Read `data`, in as many rounds as it takes."""
    messages = framing.read(data)
    while framing.waits:
        messages += framing.read()
    return messages


class Alone:
    """The library without our frames: what it alone comes to."""

    def __init__(self, side, limit):
        self.protocol = protocol(side, limit)
        self._joiner = MessageJoiner()

    def read(self, data):
        self.protocol.receive_data(data)
        return self._joiner.join(self.protocol.events_received())

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


@given(st.data(), streams(), st.sampled_from([10, 125, LIMIT, 1 << 20]), st.sampled_from([1, 2, 64]))
@settings(max_examples=200)
def test_a_stream_comes_to_the_same_as_with_the_library_alone_wherever_it_is_cut(data, sent, limit, frames_a_round):
    side, stream = sent
    pieces = data.draw(cut(stream))
    own_part = data.draw(st.integers(0, 3 * len(pieces)))
    ours, alone = framing_of(side, limit, frames_a_round=frames_a_round), Alone(side, limit)
    for number, piece in enumerate(pieces):
        if number == own_part and alone.protocol.state is OPEN:
            act = data.draw(st.sampled_from(["write_close", "write_ping"]))
            for one in (ours, alone):
                one.write_ping() if act == "write_ping" else one.write_close(1000, "done")
            ours.has_answers = True
        messages = read_all(ours, piece)
        assert messages == alone.read(piece)
        assert all(type(message.data) is bytes for message in messages)
        assert_the_same(ours, alone, side)
    ours.read_end()
    alone.read_end()
    ours.has_answers = True
    assert_the_same(ours, alone, side)


@given(st.sampled_from(SIDES), st.lists(st.tuples(st.booleans(), st.binary(max_size=200)), max_size=5))
@example(Side.CLIENT, [(True, bytes(size)) for size in (0, 125, 126, 65_535, 65_536)])
@example(Side.SERVER, [(False, bytes(size)) for size in (0, 125, 126, 65_535, 65_536)])
@example(Side.CLIENT, [(True, b"a"), (False, b"abcde" * 80_001), (True, b"b"), (False, b"c" * 131_072), (True, b"")])
def test_the_library_reads_the_messages_that_we_write(side, messages):
    frames = [TextFrame(data) if is_text else BinaryFrame(data) for is_text, data in messages]
    read, _, _ = unmasked([written(side, frames)], side)
    assert read == [(Opcode.TEXT if is_text else Opcode.BINARY, data, True) for is_text, data in messages]


@BOTH_SIDES
def test_what_we_write_has_as_many_bytes_as_what_the_library_writes(side):
    for size in (0, 125, 126, 65_535, 65_536):
        library = protocol(side)
        library.send_binary(bytes(size))
        assert len(written(side, [BinaryFrame(bytes(size))])) == len(b"".join(library.data_to_send()))


def test_each_frame_of_a_client_has_a_mask_of_its_own():
    writer, masks = writer_of(Side.CLIENT), set()
    for _ in range(300):
        buffer = WriteBuffer()
        writer.write([BinaryFrame(b"")], buffer)
        masks.add(buffer.chunks[0][2:])
    assert len(masks) > 290, "300 masks of four bytes: two may be the same by chance, a pool used twice would be half"
    assert {len(mask) for mask in masks} == {4}


@BOTH_SIDES
@pytest.mark.parametrize("kind", [TEXT, BINARY, PING, 0x01])
def test_too_large_a_frame_is_refused_by_its_head(side, kind):
    framing = framing_of(side)
    head = encoded(kind, b"", masked=side is Side.SERVER, size=LIMIT + 1)[:4]
    assert framing.read(head) == []
    assert framing.end() == Closed(1009, f"frame with {LIMIT + 1} bytes exceeds limit of {LIMIT} bytes", by_us=True)


@BOTH_SIDES
def test_a_fragment_is_refused_by_its_head_when_its_message_would_be_too_large(side):
    framing, masked = framing_of(side), side is Side.SERVER
    framing.read(encoded(0x01, bytes(600), masked=masked))
    assert framing.read(encoded(0x80, b"", masked=masked, size=401)[:4]) == []
    assert framing.end().code == 1009


@BOTH_SIDES
def test_the_library_is_not_asked_when_whole_messages_come(side, monkeypatch):
    framing, masked = framing_of(side), side is Side.SERVER
    framing.answers()
    monkeypatch.setattr(framing._protocol, "receive_data", None)
    stream = encoded(TEXT, "ä".encode(), masked=masked) + encoded(BINARY, bytes(200), masked=masked)
    assert framing.read(stream[:3]) == []
    assert framing.read(stream[3:]) == [TextFrame("ä".encode()), BinaryFrame(bytes(200))]
    assert not framing.has_answers


@pytest.mark.parametrize("kind", [0x01, 0x02, PING, CLOSE])
def test_what_the_library_reads_it_alone_unmasks(kind, monkeypatch):
    framing = framing_of(Side.SERVER)
    monkeypatch.setattr("turnstile.transports.framing.apply_mask", None)
    monkeypatch.setattr("turnstile.transports.partial_message.apply_mask", None)
    assert framing.read(encoded(kind, b"\3\xe8", masked=True)) == []
    assert framing.has_answers


@BOTH_SIDES
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_536])
def test_a_message_cut_anywhere_in_its_head_is_read_behind_another(side, size):
    masked = side is Side.SERVER
    first, second = encoded(BINARY, b"first", masked=masked), encoded(BINARY, bytes(size), masked=masked)
    for cut in range(15):
        framing = framing_of(side, 1 << 20)
        read = read_all(framing, first + second[:cut]) + read_all(framing, second[cut:])
        assert read == [BinaryFrame(b"first"), BinaryFrame(bytes(size))]


@BOTH_SIDES
def test_what_comes_is_the_librarys_when_our_side_has_begun_to_close(side):
    framing, masked = framing_of(side), side is Side.SERVER
    framing.write_close(1000, "done")
    framing.answers()
    assert framing.read(encoded(TEXT, b"crossing", masked=masked)) == [TextFrame(b"crossing")]
    assert framing.has_answers


def large_messages():
    """Messages with large payloads, which the library gets without them, between others."""
    payload = bytes(range(256)) * 300
    whole = [(TEXT, payload[:-1]), (BINARY, payload)]
    fragments = [(0x01, payload), (PING, b"1"), (0x00, b"small"), (0x00, payload[1:]), (0x80, b"")]
    return [*whole, *fragments, (0x02, b""), (0x80, payload[3:]), (BINARY, b"last")]


@BOTH_SIDES
@pytest.mark.parametrize("sizes", [[65_536], [9, 70_001], [1, 2, 3, 4099], [1448]], ids=str)
def test_large_messages_come_to_the_same_as_with_the_library_alone_wherever_they_are_cut(side, sizes):
    stream = b"".join(encoded(kind, payload, masked=side is Side.SERVER) for kind, payload in large_messages())
    ours, alone = framing_of(side, 1 << 20), Alone(side, 1 << 20)
    at, turn = 0, itertools.cycle(sizes)
    while at < len(stream):
        piece = stream[at : (at := at + next(turn))]
        assert read_all(ours, piece) == alone.read(piece)
    assert_the_same(ours, alone, side)


@BOTH_SIDES
@pytest.mark.parametrize(
    "kinds",
    [(0x80, TEXT), (0x01, TEXT), (0x01, BINARY), (0x01, 0x00, 0x00, 0x00, 0x00), (0xC1, TEXT), (0x01, CLOSE)],
    ids=str,
)
def test_large_fragments_out_of_order_or_too_large_together_end_as_with_the_library_alone(side, kinds):
    stream = b"".join(encoded(kind, b"\3\xe8" * 35_000, masked=side is Side.SERVER) for kind in kinds)
    ours, alone = framing_of(side, 300_000), Alone(side, 300_000)
    for at in range(0, len(stream), 10_000):
        assert read_all(ours, stream[at : at + 10_000]) == alone.read(stream[at : at + 10_000])
    assert_the_same(ours, alone, side)
    assert ours.end() is not None


@BOTH_SIDES
@pytest.mark.parametrize("kinds", [(BINARY,), (0x02, 0x80)], ids=["whole", "in fragments"])
def test_no_more_than_a_read_is_unmasked_at_once_when_a_message_is_large(side, kinds, monkeypatch):
    masked, unmasked_sizes = side is Side.SERVER, []

    def count(data, mask):
        unmasked_sizes.append(len(data))
        return apply_mask(data, mask)

    stream = b"".join(encoded(kind, bytes(1 << 20), masked=masked) for kind in kinds)
    monkeypatch.setattr("turnstile.transports.framing.apply_mask", count)
    monkeypatch.setattr("turnstile.transports.partial_message.apply_mask", count)
    monkeypatch.setattr("websockets.frames.apply_mask", count)
    framing = framing_of(side, 4 << 20)
    messages = [message for at in range(0, len(stream), 65_536) for message in framing.read(stream[at : at + 65_536])]
    assert [len(message.data) for message in messages] == [len(kinds) << 20]
    assert max(unmasked_sizes, default=0) <= 65_536
    assert sum(unmasked_sizes) == (len(kinds) << 20 if masked else 0)


def test_what_comes_behind_a_close_is_not_told():
    framing = framing_of(Side.SERVER)
    stream = encoded(TEXT, b"last", masked=True) + encoded(CLOSE, b"\3\xe8", masked=True)
    assert framing.read(stream + encoded(TEXT, b"late", masked=True)) == [TextFrame(b"last")]
    assert framing.read(encoded(TEXT, b"later", masked=True)) == []
    assert framing.end() == Closed(1000, "")


@BOTH_SIDES
def test_frames_past_those_of_a_round_wait_when_one_read_brings_more(side):
    masked = side is Side.SERVER
    framing = framing_of(side)
    frames = [encoded(kind, b"", masked=masked) for kind in [PING] * 20 + [0x01] + [0x00] * 20 + [BINARY]]
    assert framing.read(b"".join([*frames[:-1], encoded(0x80, b"", masked=masked), frames[-1]])) == []
    assert framing.waits
    assert unmasked(framing.answers(), side)[0] == [(Opcode.PONG, b"", True)] * 20
    assert framing.read() == [TextFrame(b""), BinaryFrame(b"")]
    assert not framing.waits


@BOTH_SIDES
def test_frames_wait_in_each_round_again_when_one_read_brings_many(side):
    framing, masked = framing_of(side, frames_a_round=2), side is Side.SERVER
    rounds = [framing.read(encoded(BINARY, b"a", masked=masked) * 5)]
    while framing.waits:
        rounds.append(framing.read())
    assert [len(messages) for messages in rounds] == [2, 2, 1]


@BOTH_SIDES
def test_pings_past_those_of_a_round_wait_when_our_side_has_begun_to_close(side):
    framing = framing_of(side)
    framing.write_close(1000, "done")
    framing.answers()
    framing.read(encoded(PING, b"", masked=side is Side.SERVER) * 1000)
    assert framing.waits
    assert len(unmasked(framing.answers(), side)[0]) == FRAMES_A_ROUND


@BOTH_SIDES
@pytest.mark.parametrize("begins", [b"", b"a" * 40_000], ids=["whole", "continued"])
def test_a_message_is_charged_with_its_announced_size_when_its_header_came(side, begins):
    charge, masked = budget_of(1 << 20).charge(), side is Side.SERVER
    framing = framing_of(side, 1 << 20, charge)
    framing.read(encoded(0x01, begins, masked=masked) if begins else b"")
    frame = encoded(0x80 if begins else TEXT, b"b" * 70_000, masked=masked)
    framing.read(frame[:14])
    assert charge.size == len(begins) + 70_000
    assert framing.read(frame[14:]) == [TextFrame(begins + b"b" * 70_000)]
    assert charge.size == 0


def test_fragments_are_charged_together_when_each_came_whole():
    charge = budget_of(1 << 20).charge()
    framing = framing_of(Side.SERVER, 1 << 20, charge)
    framing.read(encoded(0x01, bytes(50_000), masked=True))
    assert charge.size == 0, "no more than one read may bring"
    framing.read(encoded(0x00, bytes(50_000), masked=True))
    assert charge.size == 100_000
    framing.release()
    assert charge.size == 0


@BOTH_SIDES
def test_what_came_of_a_message_is_let_go_when_its_last_fragment_is_refused(side):
    charge, masked = budget_of(1 << 20).charge(), side is Side.SERVER
    framing = framing_of(side, 1 << 20, charge)
    for size in (60_000, 900_000):
        framing.read(encoded(0x01 if size == 60_000 else 0x00, bytes(size), masked=masked))
    assert charge.size == 960_000
    framing.read(encoded(0x80, bytes(100_000), masked=masked)[:14])
    assert framing.end().code == 1009
    assert charge.size == framing.partial.joiner.partial.tell() == 0


@pytest.mark.parametrize("kind", [TEXT, BINARY, 0x01])
def test_a_message_is_refused_by_its_header_when_the_budget_has_no_room(kind):
    budget = budget_of(1 << 20)
    framing = framing_of(Side.SERVER, 4 << 20, budget.charge())
    assert framing.read(encoded(kind, b"", masked=True, size=2 << 20)[:14]) == []
    assert framing.end() == Closed(1009, DOES_NOT_FIT, by_us=True)
    assert framing.read(encoded(TEXT, b"later", masked=True)) == []
    assert budget.held == 0
    frames, _, _ = unmasked(framing.answers(), Side.SERVER)
    assert frames == [(Opcode.CLOSE, b"\x03\xf1" + DOES_NOT_FIT.encode(), True)]


def test_a_message_is_refused_by_its_header_when_the_budget_has_no_room_beside_what_stays():
    budget = budget_of(100_000)
    budget.charge(stays=True).set(30_001)
    framing = framing_of(Side.SERVER, 4 << 20, budget.charge())
    assert framing.read(encoded(TEXT, b"", masked=True, size=70_000)) == []
    assert framing.end() == Closed(1009, DOES_NOT_FIT, by_us=True)


def test_a_fragment_is_refused_by_its_header_when_what_came_before_it_leaves_no_room():
    framing = framing_of(Side.SERVER, 4 << 20, budget_of(100_000).charge())
    framing.read(encoded(0x01, bytes(60_000), masked=True))
    framing.read(encoded(0x00, b"", masked=True, size=40_001)[:8])
    assert framing.end() == Closed(1009, DOES_NOT_FIT, by_us=True)


@pytest.mark.parametrize("came", [2, 12, 14, 20, 70_014])
@pytest.mark.parametrize("kind", [TEXT, 0x01])
def test_a_message_waits_by_its_header_while_the_budget_lacks_the_room(kind, came):
    budget = budget_of(100_000)
    other, framing = budget.charge(), framing_of(Side.SERVER, 4 << 20, budget.charge())
    other.set(30_001)
    last = b"" if kind == TEXT else encoded(0x80, b"", masked=True)
    frame = encoded(kind, b"a" * 70_000, masked=True) + last + encoded(TEXT, b"next", masked=True)
    assert framing.read(frame[:came]) == []
    if not framing.partial.lacks_room:  # its size has not come
        assert framing.read(frame[came:]) == []
        came = len(frame)
    assert (framing.partial.lacks_room, framing.waits, budget.held) == (70_000, True, 30_001)
    assert framing.read() == []
    assert (framing.partial.lacks_room, framing.waits) == (70_000, True)
    other.set(30_000)
    heard = framing.read()
    while framing.waits or came < len(frame):
        heard += framing.read() if framing.waits else framing.read(frame[came:])
        came = came if framing.waits else len(frame)
    assert heard == [TextFrame(b"a" * 70_000), TextFrame(b"next")]
    assert (framing.partial.lacks_room, budget.held) == (0, 30_000)


@pytest.mark.parametrize("room", [0, 1 << 20])
def test_a_large_message_begins_only_when_those_before_it_were_given_on(room):
    budget = budget_of(100_000 + room)
    framing = framing_of(Side.SERVER, 4 << 20, budget.charge())
    first, second = b"a" * 70_000, b"b" * 80_000
    stream = encoded(TEXT, first, masked=True) + encoded(TEXT, second, masked=True)
    framing.read(stream[:60_000])
    assert framing.read(stream[60_000:100_000]) == [TextFrame(first)]
    assert (framing.waits, framing.partial.lacks_room, budget.held) == (True, 0, 0)
    received = budget.charge()
    received.set(70_000)
    assert framing.read() == []
    assert framing.partial.lacks_room == (0 if room else 80_000)
    received.set(0)
    assert framing.read() == []
    assert budget.held == 80_000
    assert framing.read(stream[100_000:]) == [TextFrame(second)]


def test_a_message_that_waits_for_room_is_refused_when_it_shall_wait_no_more():
    budget = budget_of(100_000)
    budget.charge().set(50_000)
    framing = framing_of(Side.SERVER, 4 << 20, budget.charge())
    framing.read(encoded(TEXT, b"", masked=True, size=70_000))
    assert framing.end() is None
    framing.partial.waits_for_room = False
    assert framing.read() == []
    assert (framing.end(), framing.partial.lacks_room) == (Closed(1009, DOES_NOT_FIT, by_us=True), 0)


def test_a_message_waits_for_no_room_when_the_closing_handshake_has_begun():
    budget = budget_of(100_000)
    budget.charge().set(50_000)
    framing = framing_of(Side.SERVER, 4 << 20, budget.charge())
    framing.write_close(1000, "")
    framing.read(encoded(TEXT, b"", masked=True, size=70_000))
    assert (framing.waits, framing.discards) == (False, True)


@pytest.mark.parametrize(
    "stream",
    [
        encoded(TEXT, bytes(2 << 20), masked=True),
        encoded(0x01, bytes(2 << 20), masked=True),
        encoded(0x01, b"", masked=True) + encoded(0x00, bytes(60_000), masked=True) * 35,
    ],
    ids=["whole", "a large fragment", "small fragments"],
)
@pytest.mark.parametrize("came", [0, 1_000_000])
def test_what_comes_of_a_message_is_dropped_once_our_side_has_begun_to_close(stream, came):
    budget = budget_of(4 << 20)
    framing = framing_of(Side.SERVER, 4 << 20, budget.charge(), frames_a_round=1_000)
    framing.read(stream[:came])
    tracemalloc.start()
    framing.write_close(1013, "too much")
    assert budget.held == 0
    for begin in range(came, len(stream), 10_000):
        framing.read(stream[begin : min(begin + 10_000, len(stream))])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (budget.held, peak < 400_000) == (0, True)
    framing.read(encoded(CLOSE, b"\3\xe8", masked=True))
    assert framing.discards, "the peer's close was read"


def test_a_message_that_was_read_is_not_refused_when_the_room_was_taken_meanwhile():
    budget = budget_of(100_000)
    framing, other = framing_of(Side.SERVER, 4 << 20, budget.charge()), budget.charge()
    frame = encoded(TEXT, b"a" * 70_000, masked=True)
    framing.read(frame[:-1])
    other.set(90_000)
    assert framing.read(frame[-1:]) == [TextFrame(b"a" * 70_000)]


def test_a_message_passes_when_the_budget_has_just_the_room():
    charge = budget_of(100_000).charge()
    framing = framing_of(Side.SERVER, 4 << 20, charge)
    frame = encoded(BINARY, bytes(100_000), masked=True)
    assert framing.read(frame[:-1]) == []
    assert charge.size == 100_000
    assert framing.read(frame[-1:]) == [BinaryFrame(bytes(100_000))]


def test_a_message_without_room_is_charged_and_read_when_none_is_to_be_refused():
    charge = budget_of(1).charge()
    framing = framing_of(Side.CLIENT, 1 << 20, charge, must_fit=False)
    frame = encoded(TEXT, b"a" * 70_000, masked=False)
    assert framing.read(frame[:20]) == []
    assert charge.size == 70_000
    assert framing.read(frame[20:]) == [TextFrame(b"a" * 70_000)]


@BOTH_SIDES
@pytest.mark.parametrize("kinds", [(BINARY,), (0x02, 0x80)], ids=["whole", "in fragments"])
def test_a_message_takes_little_more_than_its_size_when_it_comes_in_small_pieces(side, kinds):
    size, masked = 4 << 20, side is Side.SERVER
    part = size // len(kinds)
    stream = b"".join(encoded(kind, bytes(part), masked=masked) for kind in kinds)
    framing, pieces = framing_of(side, size), range(0, len(stream), 1000)
    tracemalloc.start()
    try:
        messages = [message for at in pieces for message in framing.read(stream[at : at + 1000])]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [len(message.data) for message in messages] == [size]
    assert peak < 1.4 * size


@BOTH_SIDES
def test_nothing_is_kept_of_a_message_that_announces_too_much(side):
    framing = framing_of(side, 1 << 20)
    framing.read(encoded(BINARY, b"", masked=side is Side.SERVER, size=1 << 62)[:14])
    assert framing.end().code == 1009
    tracemalloc.start()
    try:
        for _ in range(100):
            framing.read(bytes(60_000))
        assert tracemalloc.get_traced_memory()[0] < 60_000
    finally:
        tracemalloc.stop()


@BOTH_SIDES
@pytest.mark.parametrize("kind", [TEXT, 0x01])
def test_a_message_is_charged_wherever_its_header_is_cut(side, kind):
    frame = encoded(kind, bytes(100_000), masked=side is Side.SERVER)
    for cut in range(1, 14):
        charge = budget_of(1 << 20).charge()
        framing = framing_of(side, 1 << 20, charge)
        framing.read(frame[:cut])
        framing.read(frame[cut:20])
        assert charge.size == 100_000
        framing.release()
