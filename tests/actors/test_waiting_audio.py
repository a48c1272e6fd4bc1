"""Audio that waits: none goes before its mark is passed, and none is lost but the oldest past the bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.messages import Mark
from actors.waiting_audio import WaitingAudio


def waiting(max_size, *pieces, unit=1):
    audio = WaitingAudio(max_size, unit)
    for piece in pieces:
        audio.put(piece)
    return audio


def test_pieces_wait_in_their_order():
    audio = waiting(10, b"ab", b"cd")
    assert len(audio) == 2
    assert list(audio.take()) == [b"ab", b"cd"]
    assert list(audio.take()) == []


def test_the_oldest_pieces_are_dropped_past_the_bound_and_counted():
    audio = waiting(3, b"a", b"bc", b"d")
    assert audio.dropped == 1
    assert list(audio.take()) == [b"bc", b"d"]


def test_what_was_taken_no_longer_counts_towards_the_bound():
    audio = waiting(3, b"abc")
    assert list(audio.take()) == [b"abc"]
    audio.put(b"def")
    assert audio.dropped == 0


def test_nothing_that_is_empty_waits():
    assert len(waiting(3, b"")) == 0


def test_no_part_of_a_unit_stays_behind():
    audio = waiting(5, b"a", b"bcd", b"ef", unit=2)
    assert audio.dropped == 2
    assert b"".join(audio.take()) == b"cdef"


def test_nothing_is_cut_where_nothing_is_left():
    audio = waiting(2, b"abc", unit=2)
    assert (audio.dropped, len(audio)) == (3, 0)


def test_audio_without_a_mark_may_go():
    assert not WaitingAudio(10).is_closed


def test_what_comes_behind_a_mark_waits_until_it_is_passed():
    audio = WaitingAudio(10)
    audio.set_mark(Mark(1))
    assert audio.is_closed
    audio.put(b"a")
    assert list(audio.take()) == []
    audio.pass_mark(1)
    assert not audio.is_closed
    assert list(audio.take()) == [b"a"]


def test_a_mark_that_was_passed_before_it_was_set_closes_nothing():
    audio = WaitingAudio(10)
    audio.pass_mark(2)
    audio.set_mark(Mark(2))
    assert not audio.is_closed


def test_a_later_mark_stands_for_the_earlier_ones():
    audio = WaitingAudio(10)
    for number in (1, 2, 3):
        audio.set_mark(Mark(number))
        audio.put(b"%d" % number)
    audio.pass_mark(2)
    assert list(audio.take()) == [b"1", b"2"]
    assert audio.is_closed


def test_marks_in_a_row_take_one_place():
    audio = waiting(10, b"a")
    for number in range(1, 100):
        audio.set_mark(Mark(number))
    assert len(audio) == 2


def test_what_is_dropped_is_the_oldest_and_the_marks_before_it_still_hold_what_is_behind():
    audio = WaitingAudio(5, unit=2)
    audio.set_mark(Mark(1))
    audio.put(b"a")
    audio.set_mark(Mark(2))
    audio.put(b"bcd")
    audio.put(b"ef")
    assert audio.dropped == 2
    audio.pass_mark(1)
    assert list(audio.take()) == []
    audio.pass_mark(2)
    assert list(audio.take()) == [b"cd", b"ef"]
    assert len(audio) == 0


@given(st.lists(st.sampled_from(["put", "mark", "pass"])))
def test_whatever_happens_the_order_is_kept_and_no_mark_is_overtaken(steps):
    audio, put, taken, marks, passed = WaitingAudio(10_000), [], [], 0, 0
    for step in steps:
        if step == "mark":
            marks += 1
            audio.set_mark(Mark(marks))
        elif step == "put":
            put.append((b"%d" % len(put), marks))
            audio.put(put[-1][0])
        elif passed < marks:
            passed += 1
            audio.pass_mark(passed)
        taken += audio.take()
        assert taken == [piece for piece, mark in put if mark <= passed]
