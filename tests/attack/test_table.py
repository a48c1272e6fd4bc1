"""The verdicts of `make attack`: what is above a target is named, and nothing else."""

from __future__ import annotations

import pytest
from table import FLOOD_WAIT, MESSAGE_WAIT, TOTAL_BYTES, Row, is_late, line, measured_again, misses

MB = 1024 * 1024
GOOD = {"name": "one", "target": MESSAGE_WAIT, "before": 60 * MB, "peaks": [100 * MB] * 3, "held": 0}


def test_a_row_within_its_targets_misses_nothing():
    row = Row(**GOOD, wait=0.049)
    assert misses(row, 0.0) == []
    assert not line(row, []).startswith("RED")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"wait": 0.051}, "others waited 51 ms"),
        ({"wait": 0.251, "target": FLOOD_WAIT}, "others waited 251 ms"),
        ({"lost": 1}, "1 sessions of others were lost"),
        ({"peaks": [60 * MB + 2 * TOTAL_BYTES + MB]}, "memory rose by 129 MB"),
        ({"peaks": [100 * MB, 90 * MB, 111 * MB]}, "memory grew from 100 to 111 MB"),
        ({"held": 7}, "7 bytes are held"),
        ({"held": None}, "did not say how many bytes"),
        ({"faults": ["a traceback is in the log"]}, "a traceback"),
    ],
)
def test_what_is_above_its_target_is_named(changed, words):
    row = Row(**{**GOOD, **changed})
    (missed,) = misses(row, 0.0)
    assert words in missed
    assert line(row, [missed]).startswith("RED")


@pytest.mark.parametrize(("noise", "machine"), [(0.3, 0.0), (0.0, 0.3)])
def test_a_wait_counts_as_far_as_it_exceeds_the_noise(noise, machine):
    assert misses(Row(**GOOD, wait=0.34, machine=machine), noise) == []
    assert len(misses(Row(**GOOD, wait=0.36, machine=machine), noise)) == 1


def test_the_second_measurement_counts_and_names_the_first_wait_when_an_attack_is_measured_again():
    first, second = Row(**GOOD, wait=0.2), Row(**GOOD, wait=0.01, got="1009")
    assert is_late(first, 0.0)
    row = measured_again(first, second)
    assert misses(row, 0.0) == []
    assert "the first time 200 ms" in line(row, [])
