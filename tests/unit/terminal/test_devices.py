import sys

import pytest
from sound_card import FakeSounddevice

from turnstile.errors import ConfigError
from turnstile.terminal.devices import Microphone, Speaker, open_devices


@pytest.fixture
def install(monkeypatch):
    """Put a sound card into this process."""

    def install(**rates):
        card = FakeSounddevice(**rates)
        monkeypatch.setitem(sys.modules, "sounddevice", card)
        return card

    return install


def test_what_the_microphone_hears_is_given_in_order_until_it_is_closed():
    card = FakeSounddevice()
    microphone = Microphone(card)
    (stream,) = card.streams
    assert stream.calls == []
    stream.hear(b"\x01\x02")
    stream.hear(b"\x03\x04")
    pieces = microphone.pieces()
    assert [next(pieces), next(pieces)] == [b"\x01\x02", b"\x03\x04"]
    microphone.close()
    microphone.close()
    assert list(pieces) == []
    assert stream.calls == ["start", "close"]


def test_a_microphone_is_never_turned_on_when_it_was_closed_before():
    card = FakeSounddevice()
    microphone = Microphone(card)
    microphone.close()
    assert list(microphone.pieces()) == []
    assert card.streams[0].calls == ["close"]


def test_a_microphone_gives_fifty_pieces_a_second():
    card = FakeSounddevice()
    Microphone(card)
    assert card.streams[0].blocksize == 480


def test_sound_is_lost_and_nobody_waits_when_the_socket_does_not_keep_up():
    card = FakeSounddevice()
    microphone = Microphone(card)
    for _ in range(600):
        card.streams[0].hear(b"\x01\x02")
    microphone._pieces.put(None)
    assert len(list(microphone.pieces())) == 500


def test_the_speaker_plays_what_comes_and_silence_otherwise():
    card = FakeSounddevice()
    speaker = Speaker(card)
    (stream,) = card.streams
    assert stream.calls == ["start"]
    assert stream.take(4) == bytes(4)
    speaker.play(b"\x01\x02\x03\x04\x05\x06")
    assert stream.take(4) == b"\x01\x02\x03\x04"
    assert stream.take(4) == b"\x05\x06\x00\x00"
    speaker.close()
    assert stream.calls == ["start", "stop", "close"]


def test_what_the_speaker_has_not_played_is_thrown_away_when_it_is_told_so():
    card = FakeSounddevice()
    speaker = Speaker(card)
    speaker.play(b"\x01\x02\x03\x04")
    assert card.streams[0].take(2) == b"\x01\x02"
    speaker.drop()
    assert card.streams[0].take(2) == bytes(2)
    speaker.close()


def test_each_device_runs_at_a_rate_that_it_takes(install):
    install(inputs=(44_100,), outputs=(16_000, 48_000))
    microphone, speaker = open_devices()
    assert (microphone.rate, speaker.rate) == (44_100, 48_000)


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigError) as caught:
        open_devices()
    assert caught.value.problem.description == (
        '--audio: needs sounddevice; pip install "turnstile-realtime[audio]", or use --wav and --save.'
    )


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch, tmp_path):
    (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")')
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="needs the PortAudio library; apt install libportaudio2"):
        open_devices()


def test_a_missing_speaker_is_named(install):
    install(outputs=())
    with pytest.raises(ConfigError, match=r"no speaker can be used \(Error querying device -1\)"):
        open_devices()


def test_a_missing_microphone_is_named_and_the_speaker_turned_off(install):
    card = install(inputs=())
    with pytest.raises(ConfigError, match=r"no microphone can be used \(Error querying device -1\)"):
        open_devices()
    assert card.streams[0].calls[-1] == "close"
