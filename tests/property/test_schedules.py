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


def seeds(quick, in_all):
    """Give a test the seeds that it begins with, in parts: the first `quick`, and the others in the long form."""
    parts = range(0, in_all, quick)
    return pytest.mark.parametrize(
        "seeds",
        [
            pytest.param(range(first, first + quick), id=f"{first}", marks=[pytest.mark.slow] if first else [])
            for first in parts
        ],
    )


@seeds(1_000, 12_000)
def test_the_promise_is_kept_whatever_the_order(seeds):
    for seed in seeds:
        schedule = Schedule(seed)
        schedule.run()
        assert schedule.world.session.state.phase == "idle", (seed, schedule.moved)


@seeds(400, 4_000)
def test_a_drained_session_ends_with_all_settled_whatever_was_under_way(seeds):
    for seed in seeds:
        schedule = Schedule(seed, drains=True)
        schedule.run()
        assert schedule.world.closed, (seed, schedule.moved)


@seeds(300, 3_000)
def test_a_session_with_a_lifetime_ends_at_rest_or_behind_its_grace_whatever_was_under_way(seeds):
    ends = Counter()
    for seed in seeds:
        schedule = Schedule(seed, limits=True)
        schedule.run()
        assert schedule.world.closed, (seed, schedule.moved)
        ends[schedule.world.is_cut_off] += 1
    assert min(ends[True], ends[False]) > 15


@seeds(400, 4_000)
def test_a_conversation_outlives_a_link_that_is_lost_or_replaced_whenever_that_is(seeds):
    for seed in seeds:
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
