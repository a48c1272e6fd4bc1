"""Reads the Dockerfile, as far as this one needs it."""

from __future__ import annotations

import re


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions in order, each with its arguments in one line."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    return [(name.upper(), words.strip()) for name, _, words in (line.partition(" ") for line in joined.splitlines())]


def let_through(text: str) -> set[str]:
    """Return the names at the top of the tree that a ``.dockerignore`` lets through, which ignores all others."""
    patterns = [line for line in text.splitlines() if line and not line.startswith("#")]
    if patterns[0] != "*":
        raise ValueError("it ignores not all that it does not name")
    return {pattern[1:] for pattern in patterns if pattern.startswith("!")}


def left_out(text: str) -> set[str]:
    """Return the patterns of names that a ``.dockerignore`` leaves out wherever they stand in what it lets through."""
    _, *patterns = (line for line in text.splitlines() if line and not line.startswith(("#", "!")))
    if not all(pattern.startswith("**/") for pattern in patterns):
        raise ValueError("it leaves out what stands in one place")
    return {pattern.removeprefix("**/") for pattern in patterns}
