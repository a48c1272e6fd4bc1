"""A small number of the random sessions; `make soak` plays a thousand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from seeded_client import Profile
from soak import LOSING, soak


@pytest.mark.parametrize("turns", ["server", "proxy"])
def test_random_sessions_lose_nothing_and_break_no_rule(turns):
    result = soak(40, Profile(turns=turns))
    assert (result.faults, result.unlike) == ({}, []), str(result)
    assert result.counts["recordings that replay to the same effects"] == 40
    # One response may answer all that was said in a session.
    assert result.counts["responses"] >= result.counts["sessions in which something was said"] > 0


@pytest.mark.parametrize("dialect", ["voice agent", "realtime"])
def test_random_sessions_outlive_their_links_and_lose_nothing(dialect):
    result = soak(12, Profile(dialect=dialect, turns="proxy", **LOSING), at_once=12)
    assert (result.faults, result.unlike) == ({}, []), str(result)
    assert result.counts["sessions with a renewal"] == 12
    assert result.counts["recordings that replay to the same effects"] == 12
