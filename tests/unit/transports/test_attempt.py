from __future__ import annotations

import socket
import time

import pytest

from turnstile.testing import RecordingInbox, patience
from turnstile.transports.attempt import Attempt
from turnstile.transports.network_operation import NetworkOperation


class Job:
    """Counts how often it was withdrawn."""

    withdrawn = 0

    def withdraw(self):
        self.withdrawn += 1


@pytest.fixture
def attempt():
    return Attempt(RecordingInbox())


def test_an_attempt_has_one_outcome():
    inbox = RecordingInbox()
    attempt = Attempt(inbox)
    assert attempt.begin()
    assert attempt.end("first")
    assert not attempt.end("second")
    assert inbox.messages == ["first"]
    assert attempt.is_over


def test_an_attempt_that_is_cancelled_before_it_begins_leaves_the_queue_and_never_begins(attempt):
    job = Job()
    attempt.waits_as(job)
    attempt.cancel()
    assert job.withdrawn == 1
    assert not attempt.begin()
    assert not attempt.has_begun


def test_an_attempt_that_was_over_before_its_job_was_known_leaves_the_queue(attempt):
    job = Job()
    attempt.cancel()
    attempt.waits_as(job)
    assert job.withdrawn == 1


def test_an_attempt_that_has_begun_is_not_looked_for_in_the_queue(attempt):
    job = Job()
    attempt.waits_as(job)
    attempt.begin()
    attempt.cancel()
    assert job.withdrawn == 0


class FirstReleased:
    """A lock that makes a call when it is first released."""

    def __init__(self, call):
        self._calls = [call]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._calls:
            self._calls.pop()()


def test_no_attempt_goes_on_when_it_begins_while_it_is_cancelled(attempt):
    operation, begun = NetworkOperation(time.monotonic, patience()), []
    attempt._lock = FirstReleased(lambda: begun.append(attempt.begin(operation)))
    attempt.cancel()
    assert begun == [False] or operation.is_cancelled


def test_the_socket_of_an_attempt_that_is_cancelled_is_shut_down_and_of_one_that_is_over_left_alone():
    for ends_first, cancelled in ((False, True), (True, False)):
        attempt, operation = Attempt(RecordingInbox()), NetworkOperation(time.monotonic, patience())
        attempt.begin(operation)
        near, far = socket.socketpair()
        with near, far:
            operation.use(near)
            if ends_first:
                attempt.end("open")
            attempt.cancel()
            assert operation.is_cancelled == cancelled
            far.settimeout(0)
            if cancelled:
                assert far.recv(1) == b""
            else:
                near.sendall(b"x")
                assert far.recv(1) == b"x"
