"""The promise holds in every interleaving of each small world."""

from __future__ import annotations

import pytest
from walk import LINK_PLANS, PLANS, walk

# How many states each plan has at least: a walk of fewer has lost its way.
STATES = (5_000, 30_000, 50_000, 60_000, 9_000, 13_000)
# Those whose links are lost, or replaced.
LINK_STATES = (2_000, 15_000, 7_000, 55_000)
# The others are walked by `make slow`, which every change passes, too.
_QUICK = 20_000


@pytest.mark.parametrize(
    ("plan", "states"),
    [
        pytest.param(plan, states, marks=[pytest.mark.slow] if states > _QUICK else [])
        for plan, states in zip((*PLANS, *LINK_PLANS), (*STATES, *LINK_STATES), strict=True)
    ],
)
def test_the_promise_is_kept_in_every_interleaving_of_a_small_world(plan, states):
    assert walk(plans=(plan,)).states > states
