from __future__ import annotations

import pytest

from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.uplink import APPEND_LIMIT, InputAudio

PCM_16K = AudioFormat("linear16", 16_000)


def _flowing(source=PCM_24K):
    audio = InputAudio(max_held=1_000)
    audio.agree(source)
    assert list(audio.open()) == []
    return audio


def test_audio_is_held_until_the_session_is_ready():
    audio = InputAudio(max_held=1_000)
    assert list(audio.feed(b"ab")) == list(audio.feed(b"cd")) == []
    audio.agree(PCM_24K)
    assert list(audio.open()) == [b"abcd"]
    assert list(audio.feed(b"ef")) == [b"ef"]


def test_audio_stays_held_when_upstream_is_ready_before_a_format_is_agreed():
    audio = InputAudio(max_held=1_000)
    assert list(audio.feed(b"ab")) == list(audio.open()) == list(audio.finish()) == []
    audio.agree(PCM_24K)
    assert list(audio.finish()) == []
    assert list(audio.open()) == [b"ab"]


def test_the_oldest_audio_is_dropped_and_counted_when_too_much_is_held():
    audio = InputAudio(max_held=5)
    for piece in (b"ab", b"cd", b"ef"):
        assert list(audio.feed(piece)) == []
    audio.agree(PCM_24K)
    assert audio.dropped == 2
    assert list(audio.open()) == [b"cdef"]


def test_audio_is_held_again_when_upstream_is_gone():
    audio = _flowing()
    list(audio.feed(b"ab"))
    audio.close()
    assert not audio.has_uncommitted
    assert list(audio.feed(b"cd")) == []
    assert list(audio.open()) == [b"cd"]


def test_audio_is_converted_to_what_the_api_takes():
    audio = _flowing(PCM_16K)
    pieces = [*audio.feed(bytes(3_200)), *audio.finish()]
    assert sum(map(len, pieces)) == pytest.approx(4_800, abs=4)


def test_nothing_is_appended_when_the_converter_has_nothing_yet():
    assert list(_flowing(PCM_16K).feed(bytes(2))) == []


def test_a_stream_goes_on_when_the_same_format_is_agreed_again():
    audio = _flowing()
    list(audio.feed(b"abc"))
    audio.agree(PCM_24K)
    assert list(audio.feed(b"d")) == [b"cd"]


def test_audio_is_cut_to_what_one_append_takes():
    pieces = list(_flowing().feed(bytes(APPEND_LIMIT + 2)))
    assert list(map(len, pieces)) == [APPEND_LIMIT, 2]


@pytest.mark.parametrize(
    ("source", "fed", "missing"),
    [(PCM_24K, 4_798, bytes(2)), (PCM_24K, 4_800, b""), (AudioFormat("mulaw", 8_000), 799, b"\xff")],
)
def test_a_commit_is_padded_with_silence_to_100_milliseconds(source, fed, missing):
    audio = _flowing(source)
    list(audio.feed(bytes(fed)))
    assert audio.padding() == missing


def test_there_is_nothing_to_commit_when_all_was_committed():
    audio = _flowing()
    list(audio.feed(bytes(4_800)))
    assert audio.has_uncommitted
    audio.committed()
    assert not audio.has_uncommitted


def test_a_piece_lasts_as_long_as_its_format_says():
    assert _flowing(AudioFormat("mulaw", 8_000)).milliseconds(bytes(160)) == 20
    assert _flowing(PCM_16K).milliseconds(bytes(960)) == 20


def test_empty_frames_do_not_wait():
    audio = InputAudio(max_held=10)
    for _ in range(100):
        assert list(audio.feed(b"")) == []
    assert len(audio._held) == 0


def test_what_is_dropped_is_whole_samples():
    audio = InputAudio(max_held=5)
    audio.agree(PCM_24K)
    for frame in (b"a", b"bcd", b"ef"):
        list(audio.feed(frame))
    assert audio.dropped == 2
    assert b"".join(audio.open()) == b"cdef"
