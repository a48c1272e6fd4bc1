"""The promise holds under random schedules."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from schedule import Schedule

from turnstile.testing import patience

MOVES = """
import sys
sys.path.insert(0, sys.argv[1])
from schedule import Schedule
for seed in range(100):
    schedule = Schedule(seed)
    schedule.run()
    print(schedule.moved, schedule.world.answers)
"""


@pytest.mark.parametrize("first", range(0, 4_000, 1_000))
def test_the_promise_is_kept_whatever_the_order(first):
    for seed in range(first, first + 1_000):
        schedule = Schedule(seed)
        schedule.run()
        assert schedule.world.session.state.phase == "idle", (seed, schedule.moved)


def test_a_drained_session_ends_with_all_settled_whatever_was_under_way():
    for seed in range(1_000):
        schedule = Schedule(seed, drains=True)
        schedule.run()
        assert schedule.world.closed, (seed, schedule.moved)


def test_a_session_with_a_lifetime_ends_at_rest_or_behind_its_grace_whatever_was_under_way():
    ends = Counter()
    for seed in range(500):
        schedule = Schedule(seed, limits=True)
        schedule.run()
        assert schedule.world.closed, (seed, schedule.moved)
        ends[schedule.world.is_cut_off] += 1
    assert min(ends[True], ends[False]) > 25


@pytest.mark.parametrize("first", range(0, 1_000, 500))
def test_a_conversation_outlives_a_link_that_is_lost_or_replaced_whenever_that_is(first):
    for seed in range(first, first + 500):
        schedule = Schedule(seed, troubles=1)
        schedule.run()
        assert schedule.world.session.state.phase == "idle", (seed, schedule.moved)


def test_a_seed_draws_the_same_schedule_in_every_process():
    drawn, plain = [], {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    for hashing in ("1", "2"):
        command = [sys.executable, "-c", MOVES, str(Path(__file__).parent)]
        environment = {**plain, "PYTHONHASHSEED": hashing}
        drawn.append(subprocess.check_output(command, env=environment, text=True, timeout=patience(60)))
    assert drawn[0] == drawn[1] != ""
