import subprocess
import sys
from pathlib import Path

from turnstile.testing import patience

ROOT = Path(__file__).parents[2]


def test_every_import_stays_on_its_floor():
    # In a process of its own: the tool configures logging.
    tool = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [tool, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=patience(60), check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
