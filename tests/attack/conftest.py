"""What the short form needs: the harness's modules, and a session that is driven on the test's own thread."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
# The scripts here share their modules by name, and with the tests of what a turn costs the session that counts.
sys.path[:0] = [str(HERE), str(HERE.parent / "actors")]
