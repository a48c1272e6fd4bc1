"""The house keeps its floors."""

import subprocess
import sys
from pathlib import Path

from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(config_filename='pyproject.toml'))"


def test_every_import_stays_on_its_floor():
    # A process of its own: the linter configures logging, and switches off the loggers that are there.
    done = subprocess.run(
        [sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience(60)
    )
    assert done.returncode == 0, done.stdout
