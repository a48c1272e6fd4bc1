"""One connection of the ops listener, without a thread that serves it."""

from __future__ import annotations

import errno
import socket
from types import SimpleNamespace

import pytest
from waitress.adjustments import Adjustments

from turnstile.inspector.ops_channel import OpsChannel


@pytest.fixture
def channel():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    server = SimpleNamespace(active_channels={}, pull_trigger=lambda: None)
    channel = OpsChannel(server, ours, ("", None), Adjustments(listen="127.0.0.1:0"), map={})
    yield channel
    theirs.close()
    if channel.socket is not None:
        channel.cut_off()


def test_who_waits_for_the_client_to_leave_is_called_when_it_does_and_at_once_when_it_has(channel):
    called = []
    channel.when_left(lambda: called.append("waited"))
    channel.cut_off()
    assert called == ["waited"]
    channel.when_left(lambda: called.append("too late"))
    assert called == ["waited", "too late"]


def test_a_connection_that_fails_while_it_is_answered_has_been_left(channel, monkeypatch):
    called = []
    channel.when_left(lambda: called.append("left"))

    def fail(_):
        raise OSError(errno.ETIMEDOUT, "timed out")

    monkeypatch.setattr(channel, "recv", fail)
    channel.handle_read()
    assert (called, channel.connected) == (["left"], False)
