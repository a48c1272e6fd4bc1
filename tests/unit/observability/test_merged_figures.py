"""The figures of several processes together."""

from __future__ import annotations

import json

import pytest

from turnstile.observability.figures import FIGURES
from turnstile.observability.merged_figures import left_by, merged

BUSY = {
    "sessions_open": 3,
    "sessions_started": {"component": 4, "realtime": 1},
    "sessions_limit": 500,
    "held_bytes": {"1": 1_000},
    "held_seconds": {"buckets": [1, 2, 0], "sum": 1.5},
    "upstream_last_failure": 70.0,
    "process_cpu_seconds": {"1": 8.0},
}
CALM = {
    "sessions_open": 1,
    "sessions_started": {"realtime": 2, "deepgram": 1},
    "sessions_limit": 500,
    "held_bytes": {"2": 0},
    "held_seconds": {"buckets": [0, 1, 1], "sum": 7.0},
    "upstream_last_failure": 0.0,
    "process_cpu_seconds": {"2": 1.0},
}


def test_numbers_are_added_by_label_and_bucket():
    together = merged([BUSY, CALM])
    assert together["sessions_open"] == 4
    assert together["sessions_started"] == {"component": 4, "realtime": 3, "deepgram": 1}
    assert together["held_seconds"] == {"buckets": [1, 3, 1], "sum": 8.5}


def test_a_limit_that_is_for_all_processes_and_a_moment_are_the_largest():
    together = merged([BUSY, CALM])
    assert (together["sessions_limit"], together["upstream_last_failure"]) == (500, 70.0)


def test_what_each_process_has_of_its_own_stays_apart():
    assert merged([BUSY, CALM])["held_bytes"] == {"1": 1_000, "2": 0}


def test_a_figure_that_a_process_lacks_is_that_of_the_others():
    assert merged([BUSY, {}])["sessions_open"] == 3
    assert merged([]) == {}


def test_merging_changes_none_of_the_snapshots():
    before = json.dumps([BUSY, CALM])
    merged([BUSY, CALM])["sessions_started"]["component"] += 1
    merged([BUSY])["held_seconds"]["buckets"][0] += 1
    assert json.dumps([BUSY, CALM]) == before


def test_of_a_process_that_has_ended_its_counters_are_left_and_no_gauge():
    assert left_by(BUSY) == {
        "sessions_started": {"component": 4, "realtime": 1},
        "held_seconds": {"buckets": [1, 2, 0], "sum": 1.5},
        "process_cpu_seconds": {"1": 8.0},
    }


def test_no_counter_goes_back_when_a_process_is_replaced():
    before = merged([BUSY, CALM])
    fresh = {
        "sessions_started": {"component": 0},
        "held_seconds": {"buckets": [0, 0, 0], "sum": 0.0},
        "process_cpu_seconds": {"1": 0.1},
    }
    missing, replaced = merged([left_by(BUSY), CALM]), merged([left_by(BUSY), CALM, fresh])
    for after in (missing, replaced):
        assert after["sessions_started"] == before["sessions_started"]
        assert after["held_seconds"] == before["held_seconds"]
    assert replaced["process_cpu_seconds"] == {"1": 8.1, "2": 1.0}


def test_a_process_replaced_again_and_again_leaves_what_all_have_counted():
    left = merged([left_by(BUSY), left_by(BUSY)])
    assert merged([left, CALM])["sessions_started"] == {"component": 8, "realtime": 4, "deepgram": 1}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.key)
def test_counters_of_several_processes_are_added(figure):
    assert figure.kind == "gauge" or figure.merge == "sum"
