"""The tests of credentials share their keys, tokens and services by name."""

from __future__ import annotations

import queue
import sys
from pathlib import Path

import pytest

from turnstile.testing import patience

sys.path.insert(0, str(Path(__file__).parents[2] / "credentials"))

from http_service import serve, serve_raw

__all__ = ["serve", "serve_raw"]

WAIT = patience()


class Calls:
    """What an I/O thread is to call; the test makes the calls, one by one."""

    def __init__(self):
        self._calls = queue.SimpleQueue()

    def soon(self, call):
        self._calls.put(call)

    def make_next(self):
        self._calls.get(timeout=WAIT)()


@pytest.fixture
def calls():
    return Calls()
