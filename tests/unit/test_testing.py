import re
import threading

import pytest

from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.testing import ManualClock, ManualTimers, RecordingConnection, RecordingInbox, patience


def test_deadlines_grow_with_the_environment(monkeypatch):
    monkeypatch.setenv("TURNSTILE_TEST_PATIENCE", "2.5")
    assert patience(4) == 10


def test_deadlines_stay_when_the_environment_is_silent(monkeypatch):
    monkeypatch.delenv("TURNSTILE_TEST_PATIENCE", raising=False)
    assert patience(4) == 4


def test_a_timer_fires_when_time_comes_to_it():
    timers, fired = ManualTimers(), []
    timers.start(2.0, lambda: fired.append(timers.clock.now))
    timers.advance(1.9)
    assert fired == []
    timers.advance(0.2)
    assert fired == [2.0]
    assert timers.clock.now == pytest.approx(2.1)
    assert timers.pending == 0


def test_timers_fire_in_order_when_time_passes_several():
    clock, fired = ManualClock(100.0), []
    timers = ManualTimers(clock)
    timers.start(3.0, lambda: fired.append("late"))
    timers.start(1.0, lambda: fired.append("early"))
    timers.advance(5.0)
    assert fired == ["early", "late"]
    assert clock() == 105.0


def test_a_timer_that_starts_another_has_it_fire_in_the_same_advance():
    timers, fired = ManualTimers(), []
    timers.start(1.0, lambda: timers.start(1.0, lambda: fired.append(timers.clock.now)))
    timers.advance(2.0)
    assert fired == [2.0]


def test_a_cancelled_timer_does_not_fire():
    timers, fired = ManualTimers(), []
    timer = timers.start(1.0, lambda: fired.append("never"))
    assert timers.pending == 1
    timer.cancel()
    assert timers.pending == 0
    timers.advance(2.0)
    assert fired == []


def test_an_inbox_gives_the_message_of_a_type_when_it_has_come():
    inbox = RecordingInbox()
    inbox.tell(TextFrame(b"one"))
    inbox.tell(Closed(1000, "bye"))
    assert inbox.wait_for(Closed) == Closed(1000, "bye")


def test_an_inbox_waits_when_the_message_comes_from_another_thread():
    inbox = RecordingInbox()
    telling = threading.Thread(target=inbox.tell, args=(TextFrame(b"late"),))
    telling.start()
    assert inbox.wait_for(TextFrame) == TextFrame(b"late")
    telling.join(patience(5))


def test_an_inbox_gives_the_message_that_a_predicate_finds():
    inbox = RecordingInbox()
    for data in (b"one", b"two", b"three"):
        inbox.tell(TextFrame(data))
    assert inbox.wait_for(lambda frame: frame.data.startswith(b"t"), count=2) == TextFrame(b"three")


def test_an_inbox_says_what_was_waited_for_and_what_had_come_when_time_is_up():
    inbox = RecordingInbox()
    inbox.tell(TextFrame(b"one"))
    with pytest.raises(AssertionError, match=re.escape("Waited for 2 TextFrame; received: TextFrame(data=b'one')")):
        inbox.wait_for(TextFrame, timeout=0.01, count=2)


def test_an_inbox_says_that_nothing_had_come_when_it_is_empty():
    with pytest.raises(AssertionError, match="Waited for 1 Closed; received: nothing"):
        RecordingInbox().wait_for(Closed, timeout=0.01)


def test_a_connection_keeps_what_is_sent_until_it_is_closed():
    connection = RecordingConnection()
    connection.send_text(b"{}")
    connection.send_binary(b"\0\0")
    connection.flush()
    connection.close(1000, "done")
    connection.send_text(b"late")
    assert connection.sent == [TextFrame(b"{}"), BinaryFrame(b"\0\0")]
    assert connection.flushes == 1
    assert connection.buffered == 0


def test_a_connection_keeps_several_messages_when_they_are_sent_together():
    connection = RecordingConnection()
    connection.send_all([TextFrame(b"{}"), BinaryFrame(b"\0\0")])
    assert connection.sent == [TextFrame(b"{}"), BinaryFrame(b"\0\0")]


def test_an_inbox_keeps_several_messages_in_their_order_when_told_together():
    inbox = RecordingInbox()
    inbox.tell_all([TextFrame(b"one"), Closed(1000, "")])
    assert inbox.messages == [TextFrame(b"one"), Closed(1000, "")]


def test_a_connection_keeps_its_first_close():
    connection = RecordingConnection()
    connection.close(1011, "broken")
    connection.close(1000)
    assert connection.closed == (1011, "broken")


def test_a_connection_counts_credit_and_pauses():
    connection, source = RecordingConnection(), RecordingConnection()
    connection.handled(640)
    connection.handled(640)
    connection.pause_reading()
    connection.pause_reading()
    connection.resume_reading()
    connection.holds_back(source)
    assert connection.handled_bytes == 1280
    assert connection.pauses == 1
    assert connection.held_back == [source]


def test_a_connection_loses_nothing_when_many_threads_send():
    connection = RecordingConnection()
    threads = [threading.Thread(target=lambda: [connection.send_text(b"x") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience(5))
    assert len(connection.sent) == 800
