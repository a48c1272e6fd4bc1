"""The house keeps its floors."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

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


WEB = [
    path
    for top in ("turnstile/inspector/page", "docs/examples", "tests/page")
    for suffix in ("js", "mjs", "html", "css")
    for path in sorted((ROOT / top).rglob(f"*.{suffix}"))
    if "node_modules" not in path.parts
]
# What a page of ours never does: take text for markup or code, have styles and handlers that its policy forbids.
FORBIDDEN = {
    "js": r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setAttribute\(\"(style|on))",
    "html": r"<style| style=| on[a-z]+=|<script>|javascript:",
    "css": r"expression\(|javascript:",
}
FOREIGN = r"\b(https?|wss?)://(?!www\.w3\.org/|127\.0\.0\.1|localhost)\w"


@pytest.mark.parametrize("path", WEB, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_of_a_page_is_short_and_does_nothing_that_its_policy_forbids(path):
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= 250
    assert [(number, line) for number, line in enumerate(lines, 1) if len(line) > 120 or line != line.rstrip()] == []
    if not path.is_relative_to(ROOT / "tests"):
        assert re.findall(FORBIDDEN[path.suffix.removeprefix(".")], text) == []
        assert re.findall(FOREIGN, text) == []
