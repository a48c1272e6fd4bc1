from __future__ import annotations

import pytest

from turnstile.transports.large_frame import PIECE_BYTES, LargeFrame
from turnstile.transports.nonblocking_socket import PlainSocket
from turnstile.transports.write_buffer import BYTES_A_ROUND, WriteBuffer


class ScriptedSocket:
    """A socket that takes so many bytes, or raises, in turn."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.sent = []

    def recv(self, _size):
        raise NotImplementedError

    def send(self, data):
        taken = self.outcomes.pop(0)
        if isinstance(taken, Exception):
            raise taken
        self.sent.append(bytes(data[:taken]))
        return taken


def test_many_frames_leave_in_one_write_and_the_rest_goes_on_where_it_stopped():
    scripted = ScriptedSocket(3, BlockingIOError(), 3, 2)
    sock, buffer = PlainSocket(scripted), WriteBuffer()
    buffer.add([b"abc", b"def"])
    buffer.write_to(sock)
    assert (scripted.sent, buffer.size) == ([b"abc"], 3)
    buffer.add([b"gh"])
    buffer.write_to(sock)
    assert (scripted.sent, buffer.size) == ([b"abc", b"def", b"gh"], 0)


def test_only_what_the_socket_may_have_a_part_of_is_kept_when_the_rest_is_dropped():
    scripted = ScriptedSocket(1, BlockingIOError(), 2)
    sock, buffer = PlainSocket(scripted), WriteBuffer()
    buffer.add([b"abc"])
    buffer.write_to(sock)
    buffer.add([b"def"])
    buffer.drop_unbegun()
    assert buffer.size == 2
    buffer.write_to(sock)
    assert scripted.sent == [b"a", b"bc"]


class TakingSocket:
    """A socket that takes all, and counts what it is given at once."""

    def __init__(self):
        self.sizes = []

    def send(self, data):
        self.sizes.append(len(data))
        return len(data)


def large_frame(size, mask=b"\1\2\3\4"):
    return LargeFrame(b"head", bytes(size), mask)


def buffer_of(*added):
    buffer = WriteBuffer()
    for one in added:
        if isinstance(one, LargeFrame):
            buffer.size += one.left
            buffer.add_large(one)
        else:
            buffer.add([one])
    return buffer


@pytest.mark.parametrize("mask", [b"", b"\1\2\3\4"], ids=["plain", "masked"])
def test_a_large_frame_leaves_in_pieces_and_in_its_place(mask):
    scripted = ScriptedSocket(2, PIECE_BYTES + 4, 3, 2)
    buffer = buffer_of(b"a", b"b", large_frame(PIECE_BYTES + 3, mask), b"yz")
    buffer.write_to(PlainSocket(scripted))
    payload = bytes(PIECE_BYTES) if not mask else mask * (PIECE_BYTES // 4)
    assert scripted.sent == [b"ab", b"head" + payload, payload[:3], b"yz"]
    assert buffer.size == 0


def test_a_round_writes_and_masks_no_more_than_its_bytes_when_a_frame_is_large(monkeypatch):
    masked = []
    monkeypatch.setattr(
        "turnstile.transports.large_frame.apply_mask", lambda data, _: masked.append(len(data)) or bytes(data)
    )
    sock, buffer, rounds = TakingSocket(), buffer_of(large_frame(10 * BYTES_A_ROUND)), 0
    while buffer.size:
        before = sum(masked)
        buffer.write_to(sock)
        rounds += 1
        assert sum(masked) - before <= BYTES_A_ROUND
    assert rounds == 10
    assert max(sock.sizes) <= PIECE_BYTES + 4


def test_the_end_of_the_stream_waits_behind_a_large_frame():
    sock, buffer = TakingSocket(), buffer_of(large_frame(2 * BYTES_A_ROUND), b"")
    ends = []
    sock.end_writing = lambda: ends.append(sum(sock.sizes))
    while buffer.end_due:
        buffer.write_to(sock)
    assert ends == [2 * BYTES_A_ROUND + 4]


def test_a_large_frame_is_kept_whole_when_it_has_begun_and_the_rest_is_dropped():
    scripted = ScriptedSocket(10, BlockingIOError(), PIECE_BYTES - 6, 100)
    buffer = buffer_of(large_frame(PIECE_BYTES + 100, b""), b"dropped", large_frame(70_000))
    sock = PlainSocket(scripted)
    buffer.write_to(sock)
    buffer.drop_unbegun()
    assert buffer.size == PIECE_BYTES + 94
    buffer.add([b"close"])
    scripted.outcomes.append(5)
    buffer.write_to(sock)
    assert b"".join(scripted.sent) == b"head" + bytes(PIECE_BYTES + 100) + b"close"


def test_a_large_frame_is_dropped_when_it_has_not_begun():
    buffer = buffer_of(b"a", large_frame(70_000))
    buffer.drop_unbegun()
    assert buffer.size == 0


def test_nothing_is_left_of_a_large_frame_when_all_is_dropped():
    buffer = buffer_of(large_frame(3 * BYTES_A_ROUND))
    buffer.write_to(TakingSocket())
    buffer.clear()
    assert buffer.size == 0
