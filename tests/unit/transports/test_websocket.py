from __future__ import annotations

import contextlib
import logging
import select
import ssl
import threading

import pytest
from websockets.frames import Close, Opcode
from websockets.protocol import Side

from turnstile.byte_budget import ProcessBudget
from turnstile.byte_charge import Charge
from turnstile.protocol.frames import DOES_NOT_FIT, BinaryFrame, Closed, TextFrame
from turnstile.testing import patience
from turnstile.transports.framing import FRAMES_A_ROUND

BOTH_SIDES = pytest.mark.parametrize("side", [Side.SERVER, Side.CLIENT], ids=["as server", "as client"])


def until_full(sock, data):
    """Write until the kernel takes no more for a while; returns how much it took."""
    sock.settimeout(0)
    sent = 0
    while select.select([], [sock], [], 0.2)[1]:
        sent += sock.send(data)
    sock.settimeout(patience())
    return sent


@BOTH_SIDES
def test_messages_go_both_ways_when_open(open_link, side):
    link = open_link(side=side)
    link.peer.send_text(b"hello")
    link.peer.send_binary(b"\1\2")
    assert link.inbox.take(2) == [TextFrame(b"hello"), BinaryFrame(b"\1\2")]
    link.connection.send_text(b"good day")
    link.connection.send_binary(b"\3")
    link.connection.flush()
    first, second = link.peer.receive(), link.peer.receive()
    assert (first.opcode, bytes(first.data)) == (Opcode.TEXT, b"good day")
    assert (second.opcode, bytes(second.data)) == (Opcode.BINARY, b"\3")


@BOTH_SIDES
def test_the_bytes_of_the_messages_are_counted_without_their_framing(open_link, side):
    link = open_link(side=side)
    link.peer.send_text(b"hello")
    link.peer.send_binary(bytes(70_000))
    link.inbox.take(2)
    link.peer.protocol.send_ping(b"are you there")
    link.peer.put()
    link.connection.send_text(b"good day")
    link.connection.send_binary(bytes(70_000))
    link.connection.flush()
    assert (link.connection.received_bytes, link.connection.sent_bytes) == (70_005, 70_008)


def test_messages_are_bytes_when_told(open_link):
    link = open_link(side=Side.CLIENT)
    link.peer.send_text(b"a")
    assert type(link.inbox.next().data) is bytes


@BOTH_SIDES
def test_several_messages_leave_in_their_order_when_queued_together(open_link, side):
    link = open_link(side=side)
    link.connection.send_all([TextFrame(b"one"), BinaryFrame(b"\2"), TextFrame(b"three")])
    link.connection.flush()
    frames = [link.peer.receive() for _ in range(3)]
    assert [(frame.opcode, bytes(frame.data)) for frame in frames] == [
        (Opcode.TEXT, b"one"),
        (Opcode.BINARY, b"\2"),
        (Opcode.TEXT, b"three"),
    ]


def test_messages_are_told_together_when_one_read_has_completed_them(open_link):
    link = open_link()
    for data in (b"one", b"two", b"three"):
        link.peer.protocol.send_text(data)
    link.peer.sock.sendall(b"".join(link.peer.protocol.data_to_send()))
    assert [frame.data for frame in link.inbox.take(3)] == [b"one", b"two", b"three"]
    assert link.inbox.at_once == [3]


def test_a_message_is_told_alone_when_a_read_has_completed_no_other(open_link):
    link = open_link()
    link.peer.send_text(b"one")
    assert link.inbox.next() == TextFrame(b"one")
    assert link.inbox.at_once == []


def test_nothing_leaves_before_flush(open_link, loop):
    link = open_link()
    begun = threading.Event()
    loop.call_soon(begun.set)
    assert begun.wait(patience())
    link.connection.send_text(b"a")
    assert link.connection.buffered > 0
    assert not select.select([link.peer.sock], [], [], 0)[0]
    link.connection.flush()
    assert link.connection.buffered == 0
    assert bytes(link.peer.receive().data) == b"a"


def test_fragments_are_joined_when_the_last_one_came(open_link):
    link = open_link()
    link.peer.send_text(b"a", fin=False)
    link.peer.protocol.send_ping(b"between")
    link.peer.protocol.send_continuation(b"b", fin=False)
    link.peer.protocol.send_continuation(b"", fin=True)
    link.peer.put()
    assert link.inbox.next() == TextFrame(b"ab")
    assert link.peer.receive().opcode is Opcode.PONG


def test_a_ping_is_answered_when_it_comes(open_link):
    link = open_link()
    link.peer.protocol.send_ping(b"are you there")
    link.peer.put()
    pong = link.peer.receive()
    assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"are you there")


def test_what_came_behind_the_handshake_is_told_first(open_link):
    link = open_link(begin=False)
    link.peer.protocol.send_text(b"early")
    link.begin(b"".join(link.peer.protocol.data_to_send()))
    link.peer.send_text(b"late")
    assert link.inbox.take(2) == [TextFrame(b"early"), TextFrame(b"late")]


@BOTH_SIDES
def test_the_peers_code_is_told_when_it_closes(open_link, side):
    link = open_link(side=side)
    link.peer.send_text(b"last")
    link.peer.protocol.send_close(4001, "enough")
    link.peer.put()
    assert link.inbox.take(2) == [TextFrame(b"last"), Closed(4001, "enough")]
    assert link.peer.receive().opcode is Opcode.CLOSE


@BOTH_SIDES
def test_the_peer_gets_everything_and_the_code_when_closed(open_link, side):
    link = open_link(side=side)
    link.connection.send_text(b"last")
    link.connection.close(1000, "done")
    link.connection.send_text(b"too late")
    link.connection.close(1011)
    assert bytes(link.peer.receive().data) == b"last"
    assert Close.parse(link.peer.receive().data) == Close(1000, "done")
    link.peer.put()
    assert link.inbox.next() == Closed(1000, "done")
    if side is Side.SERVER:
        assert link.peer.receive() is None


@pytest.mark.parametrize(("code", "sent"), [(1005, 1000), (1006, 1011), (7, 1011), (3999, 3999)])
def test_a_code_is_sent_as_one_that_may_be_when_it_may_not(open_link, code, sent):
    link = open_link()
    link.connection.close(code, "ü" * 100)
    assert Close.parse(link.peer.receive().data) == Close(sent, "ü" * 61)


def test_messages_are_forgotten_after_close(open_link):
    link = open_link()
    link.connection.close(1000)
    assert link.peer.receive().opcode is Opcode.CLOSE
    link.peer.protocol.close_rcvd = None
    link.peer.put()
    assert link.inbox.next() == Closed(1000, "")
    assert link.inbox.messages.empty()


def test_the_link_is_cut_when_the_peer_does_not_answer_a_close(open_link):
    link = open_link(close_timeout=0.05)
    link.connection.close(1000)
    assert link.inbox.next() == Closed(1006, "the close was not answered in time")
    assert link.peer.receive().opcode is Opcode.CLOSE
    assert link.peer.receive() is None


def test_1006_is_told_when_the_peer_vanishes(open_link):
    link = open_link()
    link.peer.vanish()
    assert link.inbox.next() == Closed(1006, "the connection broke: Connection reset by peer")


def test_1006_is_told_when_the_stream_ends_without_a_close(open_link):
    link = open_link()
    link.peer.sock.close()
    assert link.inbox.next() == Closed(1006, "the connection ended without a closing handshake")


def test_1006_is_told_when_writing_fails(open_link, barrier):
    link = open_link()
    link.connection.pause_reading()
    barrier()
    link.peer.vanish()
    for _ in range(3):  # the first write may still go, before the system has heard of the reset
        link.connection.send_text(b"a")
        link.connection.flush()
    closed = link.inbox.next()
    assert closed.code == 1006
    assert closed.reason.startswith("the connection broke: ")


def test_1006_is_told_once_reading_begins_when_the_peer_had_vanished_before(open_link, barrier):
    link = open_link(begin=False)
    link.peer.vanish()
    for _ in range(3):
        link.connection.send_text(b"a")
        link.connection.flush()
    barrier()
    link.begin()
    assert link.inbox.next().code == 1006
    barrier()
    assert link.our_socket.fileno() == -1


def test_1009_is_told_and_sent_when_a_message_is_too_large(open_link):
    link = open_link(max_message_bytes=100)
    link.peer.send_text(b"a" * 60, fin=False)
    link.peer.protocol.send_continuation(b"a" * 60, fin=True)
    link.peer.put()
    assert link.inbox.next().code == 1009
    assert Close.parse(link.peer.receive().data).code == 1009


def test_1002_is_told_when_the_peer_breaks_the_protocol(open_link):
    link = open_link()
    link.peer.sock.sendall(b"\xff\xff\xff\xff")
    assert link.inbox.next().code == 1002


def test_a_large_message_goes_both_ways(open_link, barrier):
    link = open_link()
    large = bytes(range(256)) * (14 * 1024)  # 3.5 MB
    link.peer.send_binary(large)
    assert link.inbox.next() == BinaryFrame(large)
    link.connection.send_binary(large)
    link.connection.flush()
    assert bytes(link.peer.receive().data) == large
    barrier()
    assert link.connection.buffered == 0


@BOTH_SIDES
def test_large_messages_go_both_ways_at_once_over_tls(open_link, tls_contexts, side):
    link = open_link(side=side, contexts=tls_contexts)
    large = bytes(range(256)) * (14 * 1024)
    link.connection.send_binary(large)
    link.connection.flush()
    received = []
    reader = threading.Thread(target=lambda: received.append(bytes(link.peer.receive().data)))
    reader.start()
    reader.join(patience())
    link.peer.send_binary(large)
    assert link.inbox.next() == BinaryFrame(large)
    assert received == [large]
    link.connection.close(1000)
    assert link.peer.receive().opcode is Opcode.CLOSE
    link.peer.put()
    assert link.inbox.next() == Closed(1000, "")


def test_bytes_that_tls_has_read_already_are_told(open_link, tls_contexts):
    link = open_link(contexts=tls_contexts, begin=False)
    link.peer.protocol.send_text(b"one")
    link.peer.protocol.send_text(b"two")
    link.peer.sock.sendall(b"#" + b"".join(link.peer.protocol.data_to_send()))  # one record
    link.our_socket.settimeout(patience())
    assert link.our_socket.recv(1) == b"#"
    link.our_socket.settimeout(0)
    link.begin()
    assert link.inbox.take(2) == [TextFrame(b"one"), TextFrame(b"two")]


def test_bytes_that_tls_has_read_already_are_told_when_reading_resumes(open_link, tls_contexts, barrier):
    link = open_link(contexts=tls_contexts, begin=False)
    link.peer.sock.sendall(b"#" + b"\x81\x81\0\0\0\0a")
    link.our_socket.settimeout(patience())
    link.our_socket.recv(1)
    link.our_socket.settimeout(0)
    link.connection.pause_reading()
    link.begin()
    barrier()
    assert link.inbox.messages.empty()
    link.connection.resume_reading()
    assert link.inbox.next() == TextFrame(b"a")


def test_the_loop_rests_when_a_read_over_tls_went_on_after_a_write(open_link, tls_contexts, rest, monkeypatch):
    link = open_link(contexts=tls_contexts)
    tls, calls = link.our_socket, []

    def stall_once(size):
        calls.append(size)
        if len(calls) == 1:
            raise ssl.SSLWantWriteError
        return type(tls).recv(tls, size)

    monkeypatch.setattr(tls, "recv", stall_once)
    link.peer.send_text(b"a")
    assert link.inbox.next() == TextFrame(b"a")
    assert rest() is None


def fill(connection, size, most):
    """Write until more than `most` bytes wait."""
    while connection.buffered <= most:
        connection.send_binary(bytes(size))
        connection.flush()


def test_a_peer_that_reads_nothing_in_time_is_cut_off_when_more_than_the_ceiling_waits(open_link):
    link = open_link(write_ceiling=100_000, unread_timeout=0.05)
    fill(link.connection, 50_000, 100_000)
    assert link.inbox.next() == Closed(1008, "peer_too_slow", by_us=True)
    assert link.connection.buffered < 300_000
    while (frame := link.peer.receive()).opcode is Opcode.BINARY:
        assert len(frame.data) == 50_000
    assert Close.parse(frame.data) == Close(1008, "peer_too_slow")


def test_a_peer_that_reads_stays_when_one_message_is_larger_than_the_ceiling(open_link):
    link = open_link(write_ceiling=100_000, unread_timeout=patience())
    link.connection.send_binary(bytes(8_000_000))
    link.connection.flush()
    assert link.connection.buffered > 100_000
    assert len(link.peer.receive().data) == 8_000_000
    link.peer.send_text(b"read again")
    assert link.inbox.next() == TextFrame(b"read again")
    assert link.connection.buffered == 0


def test_a_peer_is_not_read_when_it_leaves_more_than_the_ceiling_unread(open_link, barrier):
    link = open_link(write_ceiling=100_000, unread_timeout=patience())
    fill(link.connection, 50_000, 100_000)
    barrier()
    assert "not reading" in repr(link.connection)
    link.peer.send_text(b"an answer to this would wait, too")
    barrier()
    assert link.inbox.messages.empty()
    while link.connection.buffered:
        link.peer.receive()
    assert link.inbox.next() == TextFrame(b"an answer to this would wait, too")


def test_pongs_past_the_ceiling_are_bounded_by_one_round_when_the_peer_only_pings(open_link, barrier):
    link = open_link(write_ceiling=10_000, unread_timeout=patience(), close_timeout=0.05)
    pings = b"\x89\xfd\0\0\0\0" + bytes(125)
    until_full(link.peer.sock, pings * 500)
    barrier()
    assert 10_000 < link.connection.buffered <= 10_000 + FRAMES_A_ROUND * 127
    link.connection.close(1000)
    assert link.inbox.next() == Closed(1006, "the close was not answered in time")


def test_a_send_that_passes_the_ceiling_tries_the_socket_first(open_link):
    link = open_link(write_ceiling=100_000)
    link.connection.send_binary(bytes(200_000))
    assert len(link.peer.receive().data) == 200_000
    link.connection.send_text(b"fine")
    link.connection.flush()
    assert bytes(link.peer.receive().data) == b"fine"


def test_a_peer_that_pings_but_does_not_read_is_cut_off_too(open_link):
    link = open_link(write_ceiling=10_000, unread_timeout=0.05, close_timeout=0.2)
    pings = b"".join([b"\x89\xfd\0\0\0\0" + bytes(125)] * 500)
    with contextlib.suppress(OSError):
        while True:
            link.peer.sock.sendall(pings)
    assert link.inbox.next() == Closed(1008, "peer_too_slow", by_us=True)


def test_the_peer_is_not_read_while_its_messages_wait_unhandled(open_link, barrier):
    link = open_link(read_high_water=1000, read_low_water=500, message_cost=0)
    link.peer.send_binary(bytes(1001))
    link.inbox.next()
    barrier()
    link.peer.send_text(b"held up")
    barrier()
    assert link.inbox.messages.empty()
    assert "not reading" in repr(link.connection)
    link.connection.handled(500)
    barrier()
    assert link.inbox.messages.empty()
    link.connection.handled(1)
    assert link.inbox.next() == TextFrame(b"held up")


def test_many_small_messages_are_not_read_either_while_they_wait_unhandled(open_link, barrier):
    link = open_link(read_high_water=1000, read_low_water=500, message_cost=600)
    for _ in range(2):
        link.peer.send_binary(b"x")
        link.inbox.next()
    barrier()
    link.peer.send_text(b"held up")
    barrier()
    assert link.inbox.messages.empty()
    for _ in range(2):
        link.connection.handled(1)
    assert link.inbox.next() == TextFrame(b"held up")


def test_messages_of_one_read_are_each_counted_while_they_wait_unhandled(open_link, barrier):
    link = open_link(read_high_water=2000, read_low_water=500, message_cost=600)
    for _ in range(4):
        link.peer.protocol.send_binary(b"x")
    link.peer.put()
    link.inbox.take(4)
    barrier()
    assert "not reading" in repr(link.connection)
    link.connection.handled(4, 4)
    link.peer.send_text(b"held up")
    assert link.inbox.next() == TextFrame(b"held up")


def test_tcp_holds_the_peer_up_while_it_is_not_read(open_link, barrier):
    link = open_link(read_high_water=1 << 30)
    link.connection.pause_reading()
    link.connection.pause_reading()
    barrier()
    message = b"\x82\xfe\xff\xff\0\0\0\0" + bytes(0xFFFF)
    sent = until_full(link.peer.sock, message)
    link.connection.resume_reading()
    barrier()
    assert link.inbox.messages.empty()
    link.connection.resume_reading()
    whole = sent // len(message)
    assert whole > 0
    assert link.inbox.take(whole) == [BinaryFrame(bytes(0xFFFF))] * whole


def test_a_source_is_held_back_while_too_much_waits_to_be_written(open_link, barrier):
    source, sink = open_link(), open_link(write_high_water=100_000, write_low_water=50_000)
    sink.connection.holds_back(source.connection)
    sent = 0
    while sink.connection.buffered <= 100_000:
        sink.connection.send_binary(bytes(50_000))
        sink.connection.flush()
        sent += 1
    barrier()
    source.peer.send_text(b"later")
    barrier()
    assert source.inbox.messages.empty()
    for _ in range(sent):
        sink.peer.receive()
    assert source.inbox.next() == TextFrame(b"later")


def test_a_source_is_let_go_when_what_held_it_back_ends(open_link, barrier):
    source, sink = open_link(), open_link(write_high_water=100_000, write_low_water=50_000)
    while sink.connection.buffered <= 100_000:
        sink.connection.send_binary(bytes(50_000))
        sink.connection.flush()
    sink.connection.holds_back(source.connection)
    barrier()
    source.peer.send_text(b"later")
    sink.peer.vanish()
    assert source.inbox.next() == TextFrame(b"later")


def test_a_close_is_heard_although_reading_is_paused_when_it_answers_ours(open_link):
    link = open_link()
    link.connection.pause_reading()
    link.connection.close(1000)
    assert link.peer.receive().opcode is Opcode.CLOSE
    link.peer.put()
    assert link.inbox.next() == Closed(1000, "")


def test_messages_that_cross_our_close_are_not_told(open_link):
    link = open_link()
    link.connection.close(1000)
    link.peer.send_text(b"crossing")
    assert link.peer.receive().opcode is Opcode.CLOSE
    link.peer.put()
    assert link.inbox.next() == Closed(1000, "")


def test_the_loop_rests_when_a_slow_peer_has_read_all(open_link, rest):
    link = open_link()
    sent = 0
    while not link.connection.buffered:
        link.connection.send_binary(bytes(50_000))
        link.connection.flush()
        sent += 1
    for _ in range(sent):
        link.peer.receive()
    assert rest() is None


def test_a_silent_peer_is_pinged_and_then_gone(open_link):
    link = open_link(ping_interval=0.02, ping_timeout=0.02, close_timeout=0.05)
    assert link.inbox.next() == Closed(1008, "no answer to a ping within 0.02 s", by_us=True)
    assert link.peer.receive().opcode is Opcode.PING
    assert Close.parse(link.peer.receive().data) == Close(1008, "no answer to a ping within 0.02 s")
    assert link.peer.receive() is None


def test_a_peer_that_answers_pings_stays(open_link):
    link = open_link(ping_interval=0.02, ping_timeout=patience())
    for _ in range(3):
        assert link.peer.receive().opcode is Opcode.PING
        link.peer.put()
    assert link.inbox.messages.empty()


def test_an_inbox_that_raises_ends_its_own_connection_only(open_link, caplog):
    def refuse(message):
        if message == TextFrame(b"a"):
            raise RuntimeError("no")

    broken, whole = open_link(react=refuse), open_link()
    broken.peer.send_text(b"a")
    assert broken.inbox.take(2)[1] == Closed(1011, "internal error", by_us=True)
    assert Close.parse(broken.peer.receive().data) == Close(1011, "internal error")
    whole.peer.send_text(b"b")
    assert whole.inbox.next() == TextFrame(b"b")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_the_socket_is_closed_although_even_the_end_cannot_be_told(open_link, caplog):
    def refuse(message):
        raise ValueError(message)

    link = open_link(react=refuse)
    link.peer.send_text(b"a")
    assert Close.parse(link.peer.receive().data).code == 1011
    assert link.peer.receive() is None
    assert len(caplog.records) == 2


def test_everything_is_taken_without_complaint_after_the_end(open_link, barrier):
    link, other = open_link(), open_link()
    link.peer.vanish()
    assert link.inbox.next().code == 1006
    connection = link.connection
    connection.send_text(b"a")
    connection.send_binary(b"a")
    connection.flush()
    connection.handled(1)
    connection.pause_reading()
    connection.resume_reading()
    connection.holds_back(other.connection)
    connection.close(1000)
    barrier()
    assert connection.buffered == 0
    assert repr(connection) == "<WebSocketConnection closed, reading, 0 bytes to write>"


def test_a_close_is_taken_without_complaint_when_the_stream_has_just_ended(open_link, monkeypatch, caplog):
    link = open_link()
    connection, release = link.connection, link.connection._release
    monkeypatch.setattr(connection, "_release", lambda: (connection.close(1000), release()))
    link.peer.vanish()
    assert link.inbox.next().code == 1006
    assert not caplog.records


def test_open_connections_are_closed_in_order_when_the_loop_stops(open_link, loop):
    link = open_link()
    stopper = threading.Thread(target=loop.stop, args=(5,))
    stopper.start()
    assert Close.parse(link.peer.receive().data) == Close(1001, "shutting down")
    link.peer.put()
    assert link.peer.receive() is None
    link.peer.sock.close()
    stopper.join(patience())
    assert link.inbox.next() == Closed(1001, "shutting down")
    assert link.our_socket.fileno() == -1


def test_open_connections_are_cut_when_the_loop_has_no_time_left(open_link, loop):
    link = open_link()
    loop.stop(0)
    assert link.inbox.next().code == 1006
    assert link.our_socket.fileno() == -1


def test_a_peer_that_never_reads_the_end_gets_no_more_pongs_than_the_ceiling_takes(open_link, barrier):
    link = open_link(write_ceiling=10_000, close_timeout=patience())
    link.connection.close(1000)
    pings = b"".join([b"\x89\xfd\0\0\0\0" + bytes(125)] * 500)
    for _ in range(100):
        link.peer.sock.sendall(pings)
    barrier()
    assert link.connection.buffered <= 10_000 + FRAMES_A_ROUND * 127


def test_frames_of_one_read_are_told_in_several_rounds_when_they_are_many(open_link):
    link = open_link()
    for _ in range(3 * FRAMES_A_ROUND):
        link.peer.protocol.send_binary(b"a")
    link.peer.sock.sendall(b"".join(link.peer.protocol.data_to_send()))
    assert link.inbox.take(3 * FRAMES_A_ROUND) == [BinaryFrame(b"a")] * 3 * FRAMES_A_ROUND
    assert max(link.inbox.at_once) == FRAMES_A_ROUND


def test_a_peer_has_its_turn_in_the_next_round_when_another_has_sent_many_frames(open_link, loop):
    told = []
    flood, quiet = open_link(react=lambda _: told.append("flood")), open_link(react=lambda _: told.append("quiet"))
    for link, count in ((flood, 10 * FRAMES_A_ROUND), (quiet, 1)):
        for _ in range(count):
            link.peer.protocol.send_binary(b"a")
    may_go = threading.Event()
    loop.call_soon(may_go.wait)  # until both have sent
    for link in (flood, quiet):
        link.peer.sock.sendall(b"".join(link.peer.protocol.data_to_send()))
    may_go.set()
    flood.inbox.take(10 * FRAMES_A_ROUND)
    quiet.inbox.next()
    assert told.index("quiet") <= FRAMES_A_ROUND


def test_frames_that_wait_for_a_round_are_read_when_the_credit_comes_back(open_link, rest):
    link = open_link(read_high_water=1000, read_low_water=500, message_cost=100)
    for _ in range(2 * FRAMES_A_ROUND):
        link.peer.protocol.send_binary(b"a")
    link.peer.sock.sendall(b"".join(link.peer.protocol.data_to_send()))
    link.inbox.take(FRAMES_A_ROUND)
    rest()
    assert link.inbox.messages.empty()
    link.connection.handled(FRAMES_A_ROUND, FRAMES_A_ROUND)
    link.inbox.take(FRAMES_A_ROUND)
    assert rest() is None


def test_frames_that_wait_for_a_round_are_told_over_tls_with_those_behind_them(open_link, tls_contexts, rest):
    link = open_link(contexts=tls_contexts)
    for _ in range(20 * FRAMES_A_ROUND):
        link.peer.protocol.send_binary(b"some audio, more than one record of TLS takes")
    link.peer.sock.sendall(b"".join(link.peer.protocol.data_to_send()))
    assert len(link.inbox.take(20 * FRAMES_A_ROUND)) == 20 * FRAMES_A_ROUND
    assert rest() is None


@pytest.fixture
def budget():
    return ProcessBudget(session_limit=20_000_000).session("", lambda: None)


def test_what_waits_to_be_written_is_charged_until_the_peer_has_read_it(open_link, budget, rest):
    link = open_link(budget=budget)
    link.connection.send_binary(bytes(8_000_000))
    link.connection.flush()
    assert budget.held == link.connection.buffered > 0
    link.peer.receive()
    rest()
    assert budget.held == 0


def test_what_waits_unhandled_is_charged_until_it_is_handled(open_link, budget, barrier):
    link = open_link(budget=budget, message_cost=100)
    link.peer.send_binary(bytes(100_000))
    link.inbox.next()
    barrier()
    assert budget.held == 100_100
    link.connection.handled(100_000)
    assert budget.held == 0


def test_nothing_is_charged_when_messages_are_handled_and_written_at_once(open_link, budget, monkeypatch):
    charged, original = [], Charge.set
    monkeypatch.setattr(Charge, "set", lambda charge, size: (charged.append(size), original(charge, size)))
    link = open_link(budget=budget, react=lambda frame: link.connection.handled(len(frame.data)))
    for _ in range(10):
        link.peer.send_binary(bytes(1000))
        link.inbox.next()
        link.connection.send_binary(bytes(1000))
        link.connection.flush()
        assert len(link.peer.receive().data) == 1000
    assert charged == []


def test_all_charges_are_taken_back_when_the_connection_ends(open_link, budget, barrier):
    link = open_link(budget=budget)
    link.peer.send_binary(bytes(100_000))
    link.inbox.next()
    link.connection.send_binary(bytes(8_000_000))
    link.connection.flush()
    link.peer.sock.sendall(b"\x82\xff\0\0\0\0\0\2\0\0\0\0\0\0" + b"begun")
    barrier()
    assert budget.held > 100_000
    link.peer.vanish()
    assert link.inbox.next().code == 1006
    barrier()
    assert budget.held == 0


def test_a_message_waits_unread_until_the_session_has_room_for_it(open_link, budget, barrier):
    link = open_link(budget=budget, max_message_bytes=5_000_000)
    other = budget.charge()
    other.set(19_900_000)
    sender = threading.Thread(target=link.peer.send_binary, args=(bytes(5_000_000),))  # more than the kernel takes
    sender.start()
    while "not reading" not in repr(link.connection):
        barrier()
    other.set(15_000_001)
    barrier()
    assert budget.held == 15_000_001
    other.set(15_000_000)
    assert link.inbox.next() == BinaryFrame(bytes(5_000_000))
    sender.join()


def test_a_message_is_refused_by_its_header_when_the_session_makes_no_room_for_it_in_time(open_link, budget):
    link = open_link(budget=budget, unread_timeout=0.01)
    other = budget.charge()
    other.set(19_900_000)
    link.peer.sock.sendall(b"\x82\xff\0\0\0\0\0\2\0\0\0\0\0\0" + b"begun")
    assert link.inbox.next() == Closed(1009, DOES_NOT_FIT, by_us=True)
    assert Close.parse(link.peer.receive().data) == Close(1009, DOES_NOT_FIT)
    assert budget.held == 19_900_000
