from __future__ import annotations

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
