"""The promise holds under random schedules."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schedule import Schedule


@settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_promise_is_kept_whatever_the_order(data):
    schedule = Schedule(data.draw)
    schedule.run()
    assert schedule.world.session.state.phase == "idle"
