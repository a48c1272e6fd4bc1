"""A host's view of its session, without one."""

from __future__ import annotations

import pytest

from actors.handle import SessionHandle
from turnstile.embed.feed import EventFeed


@pytest.fixture
def handle():
    return SessionHandle(EventFeed(1), lambda call: call())


def test_a_wait_without_end_never_blocks_for_long_so_that_an_interrupt_just_before_it_is_heard(handle, monkeypatch):
    waits = []

    def wait(timeout=None):
        waits.append(timeout)
        return len(waits) == 3

    monkeypatch.setattr(handle._ended, "wait", wait)
    assert handle.wait() is True
    assert waits == [1.0, 1.0, 1.0]


def test_a_wait_with_an_end_is_over_then(handle):
    assert handle.wait(0.0) is False
    handle.note_end()
    assert handle.wait(0.0) is handle.wait() is True
