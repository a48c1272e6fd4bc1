from __future__ import annotations

from turnstile.transports.keepalive import Keepalive, KeepaliveAction


def test_a_ping_is_asked_for_after_an_interval_of_silence_only():
    keepalive = Keepalive(interval=20, timeout=5, now=0)
    assert keepalive.check(10, is_reading=True) == (KeepaliveAction.WAIT, 10)
    keepalive.received_at = 15
    assert keepalive.check(20, is_reading=True) == (KeepaliveAction.WAIT, 15)
    assert keepalive.check(35, is_reading=True) == (KeepaliveAction.PING, 5)


def test_anything_received_answers_a_ping():
    keepalive = Keepalive(20, 5, 0)
    keepalive.check(20, is_reading=True)
    keepalive.received_at = 22
    assert keepalive.check(25, is_reading=True) == (KeepaliveAction.WAIT, 17)


def test_a_peer_is_gone_when_it_stays_silent_after_a_ping():
    keepalive = Keepalive(20, 5, 0)
    keepalive.check(20, is_reading=True)
    assert keepalive.check(24, is_reading=True) == (KeepaliveAction.WAIT, 1)
    assert keepalive.check(25, is_reading=True) == (KeepaliveAction.TIME_OUT, 0)


def test_a_peer_that_is_not_read_is_not_given_up():
    keepalive = Keepalive(20, 5, 0)
    keepalive.check(20, is_reading=True)
    assert keepalive.check(25, is_reading=False) == (KeepaliveAction.WAIT, 20)
