from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.translate.playback_clock import PlaybackClock


@pytest.fixture
def playback():
    return PlaybackClock()


def test_an_item_was_heard_for_as_long_as_it_plays(playback):
    playback.play("i", 1000, now=10.0)
    playback.play("i", 1000, now=10.1)
    assert playback.interrupt(10.75, is_unfinished=False) == (("i", 750),)


def test_an_item_that_was_played_to_its_end_is_not_cut_off(playback):
    playback.play("i", 1000, now=10.0)
    assert playback.interrupt(11.0, is_unfinished=False) == ()


def test_an_item_of_which_more_was_to_come_is_cut_off_where_it_is(playback):
    playback.play("i", 1000, now=10.0)
    assert playback.interrupt(15.0, is_unfinished=True) == (("i", 1000),)


def test_an_item_that_came_with_a_pause_was_heard_with_the_pause(playback):
    playback.play("i", 1000, now=10.0)
    playback.play("i", 1000, now=15.0)
    assert playback.interrupt(15.5, is_unfinished=True) == (("i", 1500),)


def test_items_that_wait_behind_another_were_hardly_heard_and_never_for_nothing(playback):
    playback.play("i", 1000, now=10.0)
    playback.play("j", 1000, now=10.0)
    playback.play("k", 1000, now=10.0)
    assert playback.interrupt(10.25, is_unfinished=True) == (("i", 250), ("j", 1), ("k", 1))


def test_an_item_that_is_over_is_forgotten_when_the_next_begins(playback):
    playback.play("i", 1000, now=10.0)
    playback.play("j", 1000, now=11.5)
    assert playback.interrupt(12.0, is_unfinished=False) == (("j", 500),)


def test_nothing_is_cut_off_twice(playback):
    playback.play("i", 1000, now=10.0)
    playback.interrupt(10.5, is_unfinished=True)
    assert playback.interrupt(10.6, is_unfinished=True) == ()


def test_nothing_is_cut_off_where_nothing_was_sent(playback):
    assert playback.interrupt(10.0, is_unfinished=True) == ()


@given(
    st.lists(st.tuples(st.sampled_from("ijk"), st.floats(0.1, 5000), st.floats(0, 3)), max_size=20), st.floats(0, 30)
)
def test_nothing_was_heard_that_was_not_sent(pieces, pause):
    playback, now, sent = PlaybackClock(), 100.0, {}
    for item, milliseconds, gap in pieces:
        now += gap
        playback.play(item, milliseconds, now)
        sent[item] = sent.get(item, 0.0) + milliseconds
    for item, heard in playback.interrupt(now + pause, is_unfinished=False):
        assert 1 <= heard <= max(1, sent[item])
