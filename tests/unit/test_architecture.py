"""The house keeps its floors."""

import subprocess
import sys
from collections import defaultdict
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


def test_no_two_modules_of_the_product_share_a_name():
    # The vendors' words are protocol's to use: its modules may be named as others are.
    modules = [
        path
        for top in ("actors", "turnstile")
        for path in (ROOT / top).rglob("*.py")
        if not path.stem.startswith("__") and not path.is_relative_to(ROOT / "turnstile" / "protocol")
    ]
    paths = defaultdict(list)
    for path in [*modules, ROOT / "proxy_main.py"]:
        paths[path.stem].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in paths.items() if len(found) > 1} == {}
    assert len(paths) > 100
