"""A host's view of its session, without one."""

from __future__ import annotations

import pytest

from actors import host_requests
from actors.handle import SessionHandle
from actors.running_session import RunningSession
from turnstile.byte_budget import unlimited_budget
from turnstile.embed.feed import EventFeed
from turnstile.errors import SessionError


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


def test_more_requests_than_may_be_unanswered_fail_at_once(handle, monkeypatch):
    monkeypatch.setattr(host_requests, "_MOST_OPEN", 2)
    first, _, third = [handle.say("Hello") for _ in range(3)]
    assert not first.done()
    with pytest.raises(SessionError, match="too_many_held: 2 requests of this session's host and operators"):
        third.result(0)
    handle.note_end()
    with pytest.raises(SessionError, match="session_ended"):
        first.result(0)


def test_a_session_that_has_not_begun_cannot_be_steered():
    assert RunningSession(None, unlimited_budget()).steering() is None
