"""Which of pykka's private names the product uses, where, and with which versions of pykka."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pykka
from pykka._envelope import Envelope

ROOT = Path(__file__).parents[3]
HERE = ROOT / "actors" / "pykka_names.py"
PRIVATE = {
    "_actor_loop_teardown",
    "_create_actor_inbox",
    "_create_future",
    "_handle_failure",
    "_handle_receive",
    "_start_actor_loop",
    "_stop",
}
OF_PYKKAS_ACTORS = {name for name in dir(pykka.Actor) if name.startswith("_") and not name.startswith("__")}


def names_in(file):
    """Return the attributes and methods that a file names, and the modules that it imports from."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names


def test_pykkas_actors_have_each_private_name_that_is_used():
    assert names_in(HERE) & OF_PYKKAS_ACTORS == PRIVATE
    assert Envelope("message").reply_to is None


def test_no_other_module_imports_from_a_private_module_of_pykkas():
    users = [
        file.relative_to(ROOT)
        for part in ("actors", "turnstile")
        for file in sorted((ROOT / part).rglob("*.py"))
        if re.search(r"^ *(?:from|import) pykka\._", file.read_text(), re.MULTILINE)
    ]
    assert users == [HERE.relative_to(ROOT)]


def test_no_other_module_of_the_actors_overrides_or_calls_what_is_private_to_pykkas_actors():
    # `_stop` and the like are also names of our own, in classes that are no actors.
    for name in ("dispatch", "lifecycle", "client", "coordinator", "upstream"):
        assert not names_in(ROOT / "actors" / f"{name}.py") & OF_PYKKAS_ACTORS


def test_pykka_is_held_under_the_next_minor_version():
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [one for one in dependencies if one.startswith("pykka")] == ["pykka>=4.5,<4.6"]
