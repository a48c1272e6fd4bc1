"""What every test keeps: no thread and no actor is left behind."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import settings
from pykka import ActorRegistry  # noqa: TID251 - only looked at

from turnstile.testing import patience

settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + patience(5)
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()]
    assert not left, f"threads left behind: {left}"
    actors = ActorRegistry.get_all()
    assert not actors, f"actors left behind: {actors}"
