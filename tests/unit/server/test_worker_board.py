"""The board of worker processes: who writes what, and what is read of all."""

from __future__ import annotations

import os

import pytest

from turnstile.server.worker_board import WorkerBoard, board_file


@pytest.fixture
def board_of_three():
    descriptor = board_file(3)
    yield lambda: WorkerBoard.shared(descriptor)
    os.close(descriptor)


def test_what_one_process_notes_is_read_by_all(board_of_three):
    first, second = board_of_three().slot(1), board_of_three().slot(2)
    first.note_sessions(5)
    second.note_sessions(7)
    first.beat()
    assert (first.sessions, second.sessions) == (12, 12)
    assert [board_of_three().heartbeats(number) for number in (1, 2, 3)] == [1, 0, 0]


def test_the_counts_of_a_worker_that_has_ended_are_cleared_and_those_of_others_stay(board_of_three):
    board = board_of_three()
    for number in (1, 2, 3):
        board.slot(number).beat()
        board.slot(number).note_sessions(number)
    board.clear(2)
    assert board.slot(1).sessions == 4
    assert [board.heartbeats(number) for number in (1, 2, 3)] == [1, 0, 1]


def test_all_know_when_one_of_them_has_reached_upstream_and_when_one_has_not(board_of_three):
    first, second = board_of_three().slot(1), board_of_three().slot(2)
    assert (first.last_reached, first.last_unreached) == (0.0, 0.0)
    first.note_unreached(1_800_000_000.25)
    second.note_reached(1_800_000_001.5)
    first.note_reached(1_799_999_999.0)
    for slot in (first, second):
        assert (slot.last_reached, slot.last_unreached) == (1_800_000_001.5, 1_800_000_000.25)


def test_the_lead_is_over_the_running_worker_with_the_fewest_clients(board_of_three):
    one, two, three = (board_of_three().slot(number) for number in (1, 2, 3))
    one.beat()
    one.note_sessions(9)
    assert one.lead == 0
    two.beat()
    two.note_sessions(3)
    two.note_handshakes(2)
    assert (one.lead, two.lead) == (4, 0)
    three.note_sessions(1)
    assert one.lead == 4
    three.beat()
    assert (one.lead, two.lead, three.lead) == (8, 4, 0)


def test_a_process_without_others_has_a_slot_of_its_own():
    slot = WorkerBoard.in_memory().slot(1)
    slot.note_sessions(3)
    assert (slot.sessions, slot.lead, WorkerBoard.in_memory().slot(1).sessions) == (3, 0, 0)


def test_a_system_without_anonymous_memory_files_keeps_the_board_in_a_file(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    descriptor = board_file(2)
    WorkerBoard.shared(descriptor).slot(2).note_sessions(4)
    assert WorkerBoard.shared(descriptor).slot(1).sessions == 4
    os.close(descriptor)
