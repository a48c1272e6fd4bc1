from __future__ import annotations

from turnstile.simulator.log import COLLISION, BrokenRule, Latest, ResponseRecord, SimulatorLog


def rule(number, text="x"):
    return BrokenRule("invalid_value", text, None, str(number))


def test_of_many_entries_the_latest_are_kept():
    latest = Latest(count=3)
    forgotten = [latest.keep(number, 10) for number in range(5)]
    assert latest == [2, 3, 4]
    assert forgotten == [[], [], [], [0], [1]]
    assert latest.bytes == 3 * 210


def test_of_large_entries_fewer_are_kept():
    latest = Latest(most_bytes=1000)
    for number, size in enumerate((100, 100, 700)):
        latest.keep(number, size)
    assert latest == [2]


def test_one_entry_is_kept_however_large():
    latest = Latest(most_bytes=1000)
    latest.keep("a", 5000)
    latest.keep("b", 5000)
    assert latest == ["b"]


def test_the_numbers_count_what_was_forgotten():
    seen = SimulatorLog(updates=Latest(count=1), broken=Latest(count=1))
    for _ in range(3):
        seen.note_update({}, 100)
        seen.note_broken(BrokenRule(COLLISION, "x", "response.create", None))
    seen.note_broken(rule(1))
    assert (len(seen.updates), seen.updates_applied) == (1, 3)
    assert (seen.broken, seen.collisions) == ([rule(1)], 3)


def record(number, started, seen=()):
    return ResponseRecord("r", number, "client", in_conversation=True, metadata=None, started=started, seen=seen)


def test_of_responses_that_say_much_fewer_are_kept():
    seen = SimulatorLog(responses=Latest(most_bytes=10_000))
    for number in range(5):
        seen.note_response(record(number, {}), "x" * 1000)
    assert [response.number for response in seen.responses] == [3, 4]
    assert seen.responses_begun == 5


def test_a_session_object_is_counted_for_the_first_response_that_refers_to_it():
    seen, session = SimulatorLog(), {"instructions": "x"}
    seen.note_update({}, 5000)
    sizes = []
    for number, started in enumerate((session, session, dict(session))):
        before = seen.responses.bytes
        seen.note_response(record(number, started, ("a", "b")), "")
        sizes.append(seen.responses.bytes - before)
    assert sizes == [5216, 216, 5216]
    assert seen.responses_begun == 3


def test_collisions_are_counted_among_other_rules():
    seen = SimulatorLog()
    for code in (COLLISION, "invalid_value", COLLISION):
        seen.note_broken(BrokenRule(code, "x", "response.create", None))
    assert seen.collisions == 2
