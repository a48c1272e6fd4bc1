"""A session at rest costs no thread, and little memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from idle import measure


@pytest.mark.slow
def test_500_sessions_at_rest_hold_few_threads_and_little_memory():
    result = measure(500, rest=lambda: 0.0)
    assert result.threads < 20
    assert result.resident_mb < 120
