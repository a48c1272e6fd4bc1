"""Two ways that join: nothing passes a mark that has not come by the other way, and nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.junction import Junction
from actors.messages import Mark


def test_a_way_without_a_mark_is_open():
    assert not Junction().is_closed


def test_what_comes_behind_a_mark_waits_until_it_is_passed():
    way = Junction()
    way.set_mark(Mark(1))
    assert way.is_closed
    way.put("a")
    assert list(way.take()) == []
    way.pass_mark(1)
    assert not way.is_closed
    assert list(way.take()) == ["a"]


def test_a_mark_that_was_passed_before_it_was_set_closes_nothing():
    way = Junction()
    way.pass_mark(2)
    way.set_mark(Mark(2))
    assert not way.is_closed


def test_a_later_mark_stands_for_the_earlier_ones():
    way = Junction()
    for number in (1, 2, 3):
        way.set_mark(Mark(number))
        way.put(number)
    way.pass_mark(2)
    assert list(way.take()) == [1, 2]
    assert way.is_closed


def test_marks_in_a_row_take_one_place():
    way = Junction()
    way.put("a")
    for number in range(1, 100):
        way.set_mark(Mark(number))
    assert len(way) == 2


def test_what_is_dropped_is_the_oldest_and_the_marks_before_it_still_hold_what_is_behind():
    way = Junction()
    way.set_mark(Mark(1))
    way.put("a")
    way.set_mark(Mark(2))
    way.put("b")
    way.put("c")
    assert way.drop() == "a"
    assert way.drop() == "b"
    way.put_back("b")
    way.pass_mark(1)
    assert list(way.take()) == []
    way.pass_mark(2)
    assert list(way.take()) == ["b", "c"]
    assert way.drop() is None


@given(st.lists(st.sampled_from(["put", "mark", "pass"])))
def test_whatever_happens_the_order_is_kept_and_no_mark_is_overtaken(steps):
    way, put, taken, marks, passed = Junction(), [], [], 0, 0
    for step in steps:
        if step == "mark":
            marks += 1
            way.set_mark(Mark(marks))
        elif step == "put":
            put.append((len(put), marks))
            way.put(put[-1])
        elif passed < marks:
            passed += 1
            way.pass_mark(passed)
        taken += way.take()
        assert taken == [thing for thing in put if thing[1] <= passed]
