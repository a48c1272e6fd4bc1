"""The audio's own road: a client's own events wait for the link in order, the oldest dropped when it takes long."""

from __future__ import annotations

import pytest

from actors.audio_uplink import AudioUplink
from turnstile.audio.uplink import InputAudio
from turnstile.testing import RecordingConnection


@pytest.fixture
def uplink():
    return AudioUplink(InputAudio(100), 8)


def test_a_clients_own_events_wait_for_the_link_and_then_go_at_once(uplink):
    link = RecordingConnection()
    uplink.pass_on(b"one")
    uplink.pass_on(b"two")
    uplink.connect(link)
    uplink.pass_on(b"three")
    assert [frame.data for frame in link.sent] == [b"one", b"two", b"three"]
    assert uplink.dropped == 0


def test_the_oldest_of_them_are_dropped_when_too_much_waits(uplink):
    link = RecordingConnection()
    for event in (b"first", b"second", b"3rd"):
        uplink.pass_on(event)
    uplink.connect(link)
    assert [frame.data for frame in link.sent] == [b"3rd"]
    assert uplink.dropped == 11


def test_a_clients_own_events_wait_in_their_order_while_they_are_to(uplink):
    link = RecordingConnection()
    uplink.connect(link)
    uplink.wait(on=True)
    uplink.pass_on(b"one")
    uplink.pass_on(b"two")
    assert link.sent == []
    uplink.wait(on=False)
    uplink.pass_on(b"three")
    assert [frame.data for frame in link.sent] == [b"one", b"two", b"three"]


def test_what_is_to_wait_does_not_go_when_the_link_opens_nor_without_one(uplink):
    link = RecordingConnection()
    uplink.wait(on=True)
    uplink.pass_on(b"one")
    uplink.connect(link)
    assert link.sent == []
    uplink.disconnect()
    uplink.wait(on=False)
    assert link.sent == []
    uplink.connect(link)
    assert [frame.data for frame in link.sent] == [b"one"]


def test_nothing_is_padded_where_there_is_no_link(uplink):
    assert uplink.commit("e1") is None
