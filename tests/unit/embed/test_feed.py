"""What a session tells its client, for a program to read."""

from __future__ import annotations

import threading

import pytest

from turnstile.embed.feed import EventFeed
from turnstile.errors import SessionError
from turnstile.testing import patience


def feed_of(*kinds, **options):
    feed = EventFeed(**options)
    for number, kind in enumerate(kinds):
        feed.put(f'{{"type": "{kind}", "number": {number}}}'.encode())
    return feed


def test_events_come_in_order_and_end_with_the_session():
    feed = feed_of("A", "B")
    feed.close("over")
    assert [event["type"] for event in feed.events()] == ["A", "B"]
    assert [event["type"] for event in feed.events()] == ["A", "B"]


def test_an_event_that_comes_later_is_waited_for():
    feed, heard = feed_of("A"), []
    reader = threading.Thread(target=lambda: heard.extend(event["type"] for event in feed.events()))
    reader.start()
    feed.put(b'{"type": "B"}')
    feed.close("over")
    reader.join(patience())
    assert heard == ["A", "B"]


def test_a_reader_that_waits_too_long_is_told_what_had_come():
    events = feed_of("A", "A").events(timeout=0)
    assert [next(events)["number"], next(events)["number"]] == [0, 1]
    with pytest.raises(TimeoutError, match=r"No event came within 0 s; what had come: 2 A\."):
        next(events)


def test_a_reader_that_is_far_behind_goes_on_with_what_is_kept():
    feed = feed_of(*"ABCDE", limit=2)
    feed.close("over")
    assert [event["type"] for event in feed.events()] == ["D", "E"]


def test_each_event_is_waited_for_once():
    feed = feed_of("A", "B", "A")
    assert feed.wait_for("A", 0)["number"] == 0
    assert feed.wait_for("A", 0)["number"] == 2
    with pytest.raises(TimeoutError):
        feed.wait_for("A", 0)
    assert feed.wait_for("B", 0)["number"] == 1


def test_fields_tell_events_of_one_type_apart():
    feed = feed_of("A", "A")
    assert feed.wait_for("A", 0, number=1)["number"] == 1
    with pytest.raises(TimeoutError, match="for A with 7;"):
        feed.wait_for("A", 0, number=7)


def test_what_was_taken_stays_taken_when_older_events_are_dropped():
    feed = feed_of("A", "A", limit=3)
    assert feed.wait_for("A", 0)["number"] == 0
    for _ in range(3):
        feed.put(b'{"type": "A"}')
    assert len(feed.kept()) == 3
    assert [feed.wait_for("A", 0) for _ in range(3)] == [{"type": "A"}] * 3
    assert feed._taken == {2, 3, 4}


def test_who_waits_is_woken():
    feed, heard = EventFeed(), []
    waiting = threading.Thread(target=lambda: heard.append(feed.wait_for("A", patience())))
    waiting.start()
    feed.put(b'{"type": "B"}')
    feed.put(b'{"type": "A"}')
    waiting.join(patience())
    assert heard == [{"type": "A"}]


def test_who_waits_for_a_session_that_has_ended_is_told_so_with_what_had_come():
    feed = EventFeed()
    feed.put(b'{"type": "Error", "code": "nope"}')
    feed.close("it was closed: 1000")
    feed.close("the first words count")
    with pytest.raises(SessionError, match=r"Waited for A; it was closed: 1000; what had come: Error \(nope\)\."):
        feed.wait_for("A", 5)


def test_where_nothing_came_that_is_said():
    with pytest.raises(TimeoutError, match=r"nothing had come\."):
        EventFeed().wait_for("A", 0)


def test_somebody_may_be_told_of_each_event():
    told = []
    feed = EventFeed()
    feed.on_event = told.append
    feed.put(b'{"type": "A"}')
    assert told == [b'{"type": "A"}']


def test_what_is_kept_is_bounded_by_its_bytes_too():
    feed = feed_of(*"ABCD", most_bytes=60)
    feed.close("over")
    assert [event["type"] for event in feed.events()] == ["C", "D"]
    assert feed.wait_for("D", 0)["number"] == 3


def test_the_latest_event_is_kept_however_large_it_is():
    assert [event["type"] for event in feed_of("A", "B", most_bytes=1).kept()] == ["B"]


def test_what_is_looked_for_is_returned_when_an_event_brings_it():
    feed = EventFeed()
    sender = threading.Thread(target=lambda: feed.put(b'{"type": "A"}'))
    sender.start()
    assert feed.wait_until(lambda: next(iter(feed.kept()), None), patience()) == {"type": "A"}
    sender.join(patience())


def test_nothing_is_returned_when_time_is_up_and_when_the_feed_ends():
    feed = feed_of("A")
    assert feed.wait_until(lambda: None, 0) is None
    feed.close("over")
    assert feed.wait_until(lambda: None, patience()) is None


def test_activity_is_waited_for_until_it_is_enough():
    feed, threads = EventFeed(), []

    def is_done():
        # The thread gets the lock once the wait has begun.
        threads.append(threading.Thread(target=feed.note_activity))
        threads[-1].start()
        return len(threads) == 3

    assert feed.wait_while_active(is_done, patience())
    for thread in threads:
        thread.join(patience())


def test_a_wait_for_activity_ends_with_a_pause_and_with_the_feed():
    feed = feed_of("A")
    assert not feed.wait_while_active(lambda: False, 0)
    feed.close("over")
    assert not feed.wait_while_active(lambda: False, patience())
