import pytest

from turnstile.observability.session_counts import Histogram, SessionCounts, WireBytes
from turnstile.testing import RecordingConnection


def buckets(histogram):
    return histogram.snapshot()["buckets"]


@pytest.mark.parametrize(("seconds", "place"), [(0.0, 0), (0.5, 0), (0.6, 1), (2.0, 1), (2.1, 2)])
def test_a_time_is_counted_in_the_first_bucket_that_has_room_for_it(seconds, place):
    histogram = Histogram((0.5, 2.0))
    histogram.observe(seconds)
    assert buckets(histogram) == [int(number == place) for number in range(3)]


def test_a_histogram_has_the_sum_and_the_longest():
    histogram = Histogram((0.5, 2.0))
    for seconds in (0.25, 0.5, 0.125):
        histogram.observe(seconds)
    assert histogram.snapshot()["sum"] == 0.875
    assert histogram.longest == 0.5


def test_an_empty_histogram_has_as_many_buckets_as_any():
    assert buckets(Histogram((0.5, 2.0))) == [0, 0, 0]


def test_a_snapshot_does_not_change_with_what_is_counted_later():
    counts = SessionCounts()
    counts.first_audio.observe(1.0)
    before = counts.snapshot()
    counts.responses["completed"] += 1
    counts.first_audio.observe(1.0)
    assert before["responses"]["completed"] == 0
    assert sum(before["first_audio_seconds"]["buckets"]) == 1


def test_a_wire_has_the_bytes_of_its_open_connections_and_of_those_before():
    first, second = RecordingConnection(), RecordingConnection()
    first.send_text(b"123")
    first.handled(10)
    second.send_text(b"4567")
    wire = WireBytes().with_opened(first).with_opened(second).with_closed(first)
    assert wire.connections == (second,)
    assert wire.snapshot() == {"in": 10, "out": 7}


def test_a_connection_that_the_wire_does_not_have_changes_nothing_when_it_is_closed():
    wire = WireBytes(1, 2)
    assert wire.with_closed(RecordingConnection()) is wire


def test_upstream_sessions_are_named_the_latest_of_them_and_no_longer_than_a_name_is():
    counts = SessionCounts()
    for number in range(10):
        counts.name_upstream({"type": "session.created", "session": {"id": f"sess_{number}"}})
    counts.name_upstream({"type": "session.created", "session": {"id": "x" * 1000}})
    assert counts.upstream_sessions == (*[f"sess_{number}" for number in range(3, 10)], "x" * 64)


@pytest.mark.parametrize("event", [{}, {"session": None}, {"session": {"id": 1}}, {"session": {"id": ""}}], ids=repr)
def test_an_upstream_session_without_a_name_is_not_named(event):
    counts = SessionCounts()
    counts.name_upstream(event)
    assert counts.upstream_sessions == ()
