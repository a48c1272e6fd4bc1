"""The promise holds in every interleaving of a small world."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from turnstile.testing import patience

WALK = Path(__file__).with_name("walk.py")


def test_the_promise_is_kept_in_every_interleaving_of_a_small_world(capsys):
    # A process of its own: measuring its coverage would take longer than walking.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, str(WALK)], env=plain, capture_output=True, text=True, check=False, timeout=patience(240)
    )
    assert done.returncode == 0, done.stderr
    with capsys.disabled():
        print(f"\n  {done.stdout.strip()}")  # noqa: T201 - the figure is part of the proof
    states = int(re.match(r"(\d+) states", done.stdout)[1])
    assert states > 100_000
