"""The proofs import each other by name, and run untraced: to measure them takes twice their time and covers nothing."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _coverage_pauses():
    tracer = sys.gettrace()
    if type(tracer).__module__.partition(".")[0] != "coverage":  # None, or a debugger's
        yield
        return
    sys.settrace(None)
    yield
    sys.settrace(tracer)
