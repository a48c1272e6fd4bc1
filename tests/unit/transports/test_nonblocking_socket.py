from __future__ import annotations

import ssl

import pytest

from turnstile.transports.nonblocking_socket import Outgoing, PlainWire, TlsWire
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
    wire = TlsWire(Scripted(ssl.SSLWantReadError()))
    with pytest.raises(BlockingIOError):
        wire.receive()
    assert not wire.stalled_read_wants_write


def test_a_read_that_needs_a_write_says_so_until_the_next_one():
    wire = TlsWire(Scripted(ssl.SSLWantWriteError(), b"a"))
    with pytest.raises(BlockingIOError):
        wire.receive()
    assert wire.interest(reads=True, writes=False) == READ | WRITE
    assert wire.receive() == b"a"
    assert wire.interest(reads=True, writes=False) == READ


def test_a_read_that_needs_a_write_waits_for_nothing_while_nobody_reads():
    wire = TlsWire(Scripted(ssl.SSLWantWriteError()))
    with pytest.raises(BlockingIOError):
        wire.receive()
    assert wire.interest(reads=False, writes=False) == 0


def test_a_write_that_needs_a_read_says_so_until_the_next_one():
    wire = TlsWire(Scripted(ssl.SSLWantReadError(), 1))
    with pytest.raises(BlockingIOError):
        wire.send(memoryview(b"a"))
    assert wire.interest(reads=False, writes=True) == READ
    assert wire.send(memoryview(b"a")) == 1
    assert wire.interest(reads=False, writes=True) == WRITE


def test_a_tls_socket_that_takes_nothing_now_says_so():
    wire = TlsWire(Scripted(ssl.SSLWantWriteError()))
    with pytest.raises(BlockingIOError):
        wire.send(b"a")
    assert wire.interest(reads=True, writes=True) == READ | WRITE


def test_many_frames_leave_in_one_write_and_the_rest_goes_on_where_it_stopped():
    sock = Scripted(3, BlockingIOError(), 3, 2)
    wire, outgoing = PlainWire(sock), Outgoing()
    outgoing.add([b"abc", b"def"])
    outgoing.push(wire)
    assert (sock.sent, outgoing.size) == ([b"abc"], 3)
    outgoing.add([b"gh"])
    outgoing.push(wire)
    assert (sock.sent, outgoing.size) == ([b"abc", b"def", b"gh"], 0)


def test_only_what_the_socket_may_have_a_part_of_is_kept_when_shedding():
    sock = Scripted(1, BlockingIOError(), 2)
    wire, outgoing = PlainWire(sock), Outgoing()
    outgoing.add([b"abc"])
    outgoing.push(wire)
    outgoing.add([b"def"])
    outgoing.shed()
    assert outgoing.size == 2
    outgoing.push(wire)
    assert sock.sent == [b"a", b"bc"]
