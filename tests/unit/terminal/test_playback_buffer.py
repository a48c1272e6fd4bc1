import threading

from turnstile.terminal.playback_buffer import PlaybackBuffer
from turnstile.testing import patience


def test_what_waits_is_played_in_order_and_then_there_is_silence():
    playback = PlaybackBuffer(24_000)
    playback.put(b"\x01\x02")
    playback.put(b"\x03\x04\x05\x06")
    assert playback.take(4) == b"\x01\x02\x03\x04"
    assert playback.take(4) == b"\x05\x06\x00\x00"
    assert playback.take(4) == bytes(4)


def test_what_was_not_played_is_never_heard_when_it_is_thrown_away():
    playback = PlaybackBuffer(24_000)
    playback.put(b"\x01\x02\x03\x04")
    assert playback.take(2) == b"\x01\x02"
    playback.drop()
    playback.put(b"\x05\x06")
    assert playback.take(4) == b"\x05\x06\x00\x00"


def test_who_waits_goes_on_when_the_last_of_it_was_taken():
    playback = PlaybackBuffer(24_000)
    playback.put(b"\x01\x02\x03\x04")
    waiting = threading.Thread(target=playback.wait_until_empty, args=(patience(60),))
    waiting.start()
    playback.take(2)
    playback.take(2)
    waiting.join(patience())
    assert not waiting.is_alive()


def test_who_waits_goes_on_when_nobody_takes_anything():
    playback = PlaybackBuffer(24_000)
    playback.put(b"\x01\x02")
    playback.wait_until_empty(0.01)
    assert playback.take(2) == b"\x01\x02"
