from __future__ import annotations

import ssl

import pytest

from turnstile.transports.nonblocking_socket import TlsSocket
from turnstile.transports.poll import READ, WRITE


class Scripted:
    """A socket whose calls end as told."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.sent = []

    def _next(self):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def recv(self, _size):
        return self._next()

    def send(self, data):
        taken = self._next()
        self.sent.append(bytes(data[:taken]))
        return taken


def test_nothing_is_read_over_tls_when_nothing_is_there():
    sock = TlsSocket(Scripted(ssl.SSLWantReadError()))
    with pytest.raises(BlockingIOError):
        sock.receive()
    assert not sock.stalled_read_wants_write


def test_a_read_that_needs_a_write_says_so_until_the_next_one():
    sock = TlsSocket(Scripted(ssl.SSLWantWriteError(), b"a"))
    with pytest.raises(BlockingIOError):
        sock.receive()
    assert sock.interest(reads=True, writes=False) == READ | WRITE
    assert sock.receive() == b"a"
    assert sock.interest(reads=True, writes=False) == READ


def test_a_read_that_needs_a_write_waits_for_nothing_while_nobody_reads():
    sock = TlsSocket(Scripted(ssl.SSLWantWriteError()))
    with pytest.raises(BlockingIOError):
        sock.receive()
    assert sock.interest(reads=False, writes=False) == 0


def test_a_write_that_needs_a_read_says_so_until_the_next_one():
    sock = TlsSocket(Scripted(ssl.SSLWantReadError(), 1))
    with pytest.raises(BlockingIOError):
        sock.send(memoryview(b"a"))
    assert sock.interest(reads=False, writes=True) == READ
    assert sock.send(memoryview(b"a")) == 1
    assert sock.interest(reads=False, writes=True) == WRITE


def test_a_tls_socket_that_takes_nothing_now_says_so():
    sock = TlsSocket(Scripted(ssl.SSLWantWriteError()))
    with pytest.raises(BlockingIOError):
        sock.send(b"a")
    assert sock.interest(reads=True, writes=True) == READ | WRITE
