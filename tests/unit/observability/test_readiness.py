"""Whether more clients are welcome."""

from __future__ import annotations

import pytest

from turnstile.observability.merged_figures import merged
from turnstile.observability.readiness import LATELY, unready

NOW = 1_800_000_000.0
READY = {"draining": {"1": 0}, "full": {"1": 0}, "upstream_last_success": 0.0, "upstream_last_failure": 0.0}
OTHER = {**READY, "draining": {"2": 0}, "full": {"2": 0}}


def test_a_proxy_that_has_just_started_is_ready():
    assert unready(READY, NOW) == []


@pytest.mark.parametrize("reason", ["draining", "full"])
def test_a_reason_counts_when_it_is_every_process_s(reason):
    ends = {**READY, reason: {"1": 1}}
    assert unready(ends, NOW) == [reason]
    assert unready(merged([ends, OTHER]), NOW) == []
    assert unready(merged([ends, {**OTHER, reason: {"2": 1}}]), NOW) == [reason]


def test_upstream_is_out_of_reach_until_a_minute_after_the_last_failure():
    failed = {**READY, "upstream_last_failure": NOW}
    assert unready(failed, NOW) == ["upstream_unreachable"]
    assert unready(failed, NOW + LATELY - 1) == ["upstream_unreachable"]
    assert unready(failed, NOW + LATELY) == []


def test_an_attempt_that_succeeds_later_in_any_process_ends_it():
    failed = {**READY, "upstream_last_failure": NOW}
    assert unready(merged([failed, {**OTHER, "upstream_last_success": NOW + 1}]), NOW + 2) == []
    assert unready(merged([failed, {**OTHER, "upstream_last_success": NOW - 1}]), NOW + 2) == ["upstream_unreachable"]
