import json

import pytest

from turnstile.observability.process_counts import ProcessCounts
from turnstile.observability.session_facts import Ending
from turnstile.testing import RecordingConnection, session_journal

ENDING = Ending(1000, "", "client")


@pytest.fixture
def counts():
    return ProcessCounts()


@pytest.fixture
def begin(counts):
    def make(name):
        session = session_journal(session_id=name)
        counts.session_began(session)
        return session

    return make


def test_the_counts_of_open_sessions_and_of_ended_ones_are_added_up(counts, begin):
    one, other = begin("s-1"), begin("s-2")
    one.counts.turns, other.counts.turns = 3, 4
    one.counts.responses["completed"] = 2
    one.counts.held.observe(0.75)
    other.counts.held.observe(0.75)
    counts.session_ended(one, ENDING)
    found = counts.snapshot()
    assert found["turns"] == 7
    assert found["responses"]["completed"] == 2
    assert found["held_seconds"] == {"buckets": [0, 0, 0, 0, 2] + [0] * 7, "sum": 1.5}


def test_sessions_are_counted_by_dialect_and_by_who_ended_them(counts, begin):
    counts.session_ended(begin("s-1"), ENDING)
    counts.session_ended(begin("s-2"), Ending(1001, "shutting down", "proxy"))
    begin("s-3")
    found = counts.snapshot()
    assert found["sessions_open"] == 1
    assert found["sessions_started"] == {"component": 3, "deepgram": 0, "realtime": 0}
    assert found["sessions_ended"] == {"client": 1, "upstream": 0, "host": 0, "operator": 0, "proxy": 1}


def test_no_count_goes_back_when_a_session_ends_or_its_connection_closes(counts, begin):
    session, connection = begin("s-1"), RecordingConnection()
    session.counts.client_wire = session.counts.client_wire.with_opened(connection)
    connection.send_text(b"12345")
    session.counts.turns = 2
    before = counts.snapshot()
    session.counts.client_wire = session.counts.client_wire.with_closed(connection)
    assert counts.snapshot() == before
    counts.session_ended(session, ENDING)
    after = counts.snapshot()
    assert (after["turns"], after["client_bytes"]) == (2, {"in": 0, "out": 5})


def test_a_snapshot_survives_json(counts, begin):
    begin("s-1").counts.turns = 1
    found = counts.snapshot()
    assert json.loads(json.dumps(found)) == found
