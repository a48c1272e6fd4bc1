from __future__ import annotations

import gc
import threading
import weakref

import pytest

from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.testing import RecordingInbox, patience
from turnstile.transports.limits import ConnectionLimits
from turnstile.transports.memory import memory_pair


@pytest.fixture
def pair(make_inbox):
    def make(**bounds):
        inboxes = make_inbox(), make_inbox()
        return (*memory_pair(*inboxes, ConnectionLimits(**bounds)), *inboxes)

    return make


def told(inbox):
    return list(inbox.messages.queue)


def test_the_peer_is_told_at_flush(pair):
    a, b, inbox_a, inbox_b = pair()
    a.send_text(b"one")
    a.send_binary(b"two")
    assert told(inbox_b) == []
    assert a.buffered == 6
    a.flush()
    assert told(inbox_b) == [TextFrame(b"one"), BinaryFrame(b"two")]
    assert a.buffered == 0
    b.send_text(b"back")
    b.flush()
    assert told(inbox_a) == [TextFrame(b"back")]


def test_the_bytes_of_the_messages_are_counted_at_both_ends(pair):
    a, b, _, _ = pair()
    a.send_text(b"one")
    a.send_binary(b"four")
    assert (a.sent_bytes, b.received_bytes) == (7, 0)
    a.flush()
    b.send_text(b"back")
    b.flush()
    assert (a.received_bytes, a.sent_bytes, b.received_bytes, b.sent_bytes) == (4, 7, 7, 4)


def test_several_messages_are_told_in_their_order_when_queued_together(pair):
    a, _, _, inbox_b = pair()
    a.send_all([BinaryFrame(b"one"), TextFrame(b"two")])
    assert a.buffered == 6
    a.flush()
    assert told(inbox_b) == [BinaryFrame(b"one"), TextFrame(b"two")]


def test_both_are_told_the_end_once_when_one_closes(pair):
    a, b, inbox_a, inbox_b = pair()
    a.send_text(b"last")
    a.close(4000, "done")
    b.close(1000)
    a.close(1000)
    a.send_text(b"too late")
    a.flush()
    b.flush()
    assert told(inbox_b) == [TextFrame(b"last"), Closed(4000, "done")]
    assert told(inbox_a) == [Closed(4000, "done")]
    assert repr(a) == "<MemoryConnection closed, 0 bytes to write>"


def test_messages_wait_while_the_peer_does_not_read(pair):
    a, b, _, inbox_b = pair()
    b.pause_reading()
    a.send_text(b"one")
    a.flush()
    assert told(inbox_b) == []
    assert a.buffered == 3
    b.resume_reading()
    assert told(inbox_b) == [TextFrame(b"one")]


def test_messages_wait_while_too_much_is_unhandled(pair):
    a, b, _, inbox_b = pair(read_high_water=3, read_low_water=1)
    for data in (b"four", b"five"):
        a.send_text(data)
    a.flush()
    assert told(inbox_b) == [TextFrame(b"four")]
    b.handled(4)
    assert told(inbox_b) == [TextFrame(b"four"), TextFrame(b"five")]


def test_a_source_is_held_back_while_the_peer_does_not_read(pair):
    a, b, _, _ = pair(write_high_water=3, write_low_water=1)
    source, feeder, inbox, _ = pair()
    a.holds_back(source)
    b.pause_reading()
    a.send_text(b"four")
    a.flush()
    feeder.send_text(b"held")
    feeder.flush()
    assert told(inbox) == []
    b.resume_reading()
    assert told(inbox) == [TextFrame(b"held")]


def test_a_source_is_let_go_when_the_link_ends(pair):
    a, b, _, _ = pair(write_high_water=3, write_low_water=1)
    source, feeder, inbox, _ = pair()
    b.pause_reading()
    a.send_text(b"four")
    a.holds_back(source)
    feeder.send_text(b"held")
    feeder.flush()
    assert told(inbox) == []
    b.close(1000)
    assert told(inbox) == [TextFrame(b"held")]


def test_a_peer_that_does_not_read_is_cut_off_at_the_ceiling(pair):
    a, b, inbox_a, inbox_b = pair(write_ceiling=10)
    b.pause_reading()
    for _ in range(5):
        a.send_text(b"four")
    assert told(inbox_a) == [Closed(1008, "peer_too_slow")]
    assert told(inbox_b) == [Closed(1008, "peer_too_slow")]
    assert a.buffered == 0


def test_the_order_holds_when_the_inbox_answers_while_it_is_told(make_inbox):
    def answer(message):
        if message == TextFrame(b"one"):
            a.send_text(b"three")
            a.flush()

    inbox_a, inbox_b = make_inbox(), make_inbox(answer)
    a, _ = memory_pair(inbox_a, inbox_b)
    a.send_text(b"one")
    a.send_text(b"two")
    a.flush()
    assert told(inbox_b) == [TextFrame(b"one"), TextFrame(b"two"), TextFrame(b"three")]


def test_each_message_arrives_once_when_many_threads_send(pair):
    a, _, _, inbox_b = pair(read_high_water=1 << 30)

    def send():
        for _ in range(200):
            a.send_text(b"x")
            a.flush()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience())
    assert len(told(inbox_b)) == 800


def test_an_ended_pair_is_free_without_a_collection():
    gc.disable()
    try:
        inboxes = RecordingInbox(), RecordingInbox()
        connections = memory_pair(*inboxes)
        left = [weakref.ref(each) for each in (*connections, *inboxes)]
        connections[0].close(1000)
        del connections, inboxes
        assert [ref() for ref in left] == [None] * 4
    finally:
        gc.enable()


def test_credit_behind_the_end_does_nothing(pair):
    a, b, inbox_a, _ = pair()
    a.close(1000)
    b.handled(1)
    a.resume_reading()
    assert told(inbox_a) == [Closed(1000, "")]


def test_messages_for_an_end_that_is_closed_are_dropped(make_inbox):
    def close_on_first(message):
        if message == TextFrame(b"one"):
            b.close(1000)

    inbox_a, inbox_b = make_inbox(), make_inbox(close_on_first)
    a, b = memory_pair(inbox_a, inbox_b)
    a.send_text(b"one")
    a.send_text(b"two")
    a.flush()
    assert told(inbox_b) == [TextFrame(b"one"), Closed(1000, "")]
    assert told(inbox_a) == [Closed(1000, "")]
