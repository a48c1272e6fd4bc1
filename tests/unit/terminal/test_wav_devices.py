import wave

import pytest

from turnstile.errors import ConfigError
from turnstile.terminal.wav_devices import WavSink, WavSource
from turnstile.testing import ManualClock


def at_once(closed, _seconds):
    return closed.is_set()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_file_is_said_as_it_is_and_followed_by_silence(write_wav, rate):
    path = write_wav(rate=rate, seconds=0.05)
    question = WavSource(path, wait=at_once)
    said = b"".join(question.pieces())
    with wave.open(str(path)) as file:
        speech = file.readframes(file.getnframes())
    assert question.rate == rate
    assert said == speech + bytes(2 * 2 * rate)


def test_a_file_is_resampled_when_the_proxy_does_not_take_its_rate(write_wav):
    question = WavSource(write_wav(rate=11_025, seconds=1), wait=at_once)
    assert question.rate == 24_000
    assert len(b"".join(question.pieces())) == pytest.approx(3 * 48_000, abs=100)


def test_a_file_is_said_in_the_time_that_it_lasts(write_wav):
    clock = ManualClock(100)
    waits = []

    def wait(_closed, seconds):
        waits.append(seconds)
        clock.now += seconds + 0.005  # whoever waits wakes up a little late
        return False

    pieces = list(WavSource(write_wav(seconds=0.1), clock, wait).pieces())
    assert {len(piece) for piece in pieces} == {960}
    assert waits[:4] == pytest.approx([0, 0.015, 0.015, 0.015])
    assert clock.now == pytest.approx(100 + 2.1 - 0.02 + 0.005)


def test_nothing_more_of_a_file_is_said_when_it_is_closed(write_wav):
    question = WavSource(write_wav(), wait=at_once)
    pieces = question.pieces()
    next(pieces)
    question.close()
    question.close()
    assert list(pieces) == []


def test_a_file_that_is_not_there_is_refused_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.wav: cannot be read: No such file or directory"):
        WavSource(tmp_path / "none.wav")


def test_a_file_of_two_channels_is_refused_with_the_fix(write_wav):
    with pytest.raises(ConfigError, match="has 2 channels of 16 bits; give one channel of 16 bits"):
        WavSource(write_wav(channels=2))


def test_all_that_the_agent_says_is_in_the_recording_though_some_was_dropped(tmp_path):
    recording = WavSink(tmp_path / "answer.wav", 16_000)
    recording.play(b"\x01\x02")
    recording.drop()
    recording.play(b"\x03\x04")
    recording.close()
    with wave.open(str(tmp_path / "answer.wav")) as file:
        assert file.getparams()[:4] == (1, 2, 16_000, 2)
        assert file.readframes(2) == b"\x01\x02\x03\x04"


def test_a_recording_where_nothing_can_be_written_is_refused_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory; save elsewhere"):
        WavSink(tmp_path / "none" / "answer.wav", 24_000)


def test_a_disk_that_is_full_is_reported_when_the_recording_ends(tmp_path):
    recording = WavSink(tmp_path / "answer.wav", 24_000)

    def refuse(_data):
        raise OSError(28, "No space left on device")

    recording._file.writeframes = refuse
    recording.play(b"\x01\x02")
    recording.play(b"\x03\x04")
    with pytest.raises(ConfigError, match=r"answer\.wav: cannot be written: No space left on device"):
        recording.close()
