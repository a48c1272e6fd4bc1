from __future__ import annotations

import pytest

from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.input_audio import APPEND_LIMIT, InputAudio

PCM_16K = AudioFormat("linear16", 16_000)


def _flowing(source=PCM_24K):
    audio = InputAudio()
    audio.set_client_format(source)
    return audio


def test_nothing_is_appended_while_nobody_knows_what_the_client_speaks():
    audio = InputAudio()
    assert not audio.has_format
    assert list(audio.feed(b"ab")) == list(audio.finish()) == []
    audio.set_client_format(PCM_24K)
    assert audio.has_format
    assert list(audio.feed(b"ef")) == [b"ef"]


def test_audio_is_converted_to_what_the_api_takes():
    audio = _flowing(PCM_16K)
    pieces = [*audio.feed(bytes(3_200)), *audio.finish()]
    assert sum(map(len, pieces)) == pytest.approx(4_800, abs=4)


def test_nothing_is_appended_when_the_converter_has_nothing_yet():
    assert list(_flowing(PCM_16K).feed(bytes(2))) == []


def test_a_stream_goes_on_when_the_same_format_is_agreed_again():
    audio = _flowing()
    list(audio.feed(b"abc"))
    audio.set_client_format(PCM_24K)
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
    assert audio.uncommitted
    audio.committed()
    assert not audio.uncommitted


def test_a_piece_lasts_as_long_as_its_format_says():
    assert _flowing(AudioFormat("mulaw", 8_000)).milliseconds(bytes(160)) == 20
    assert _flowing(PCM_16K).milliseconds(bytes(960)) == 20


MULAW = AudioFormat("mulaw", 8_000)


def test_audio_is_converted_to_what_upstream_says_that_it_takes():
    audio = InputAudio()
    audio.set_upstream_format({"type": "audio/pcmu"})
    audio.set_client_format(PCM_16K)
    pieces = [*audio.feed(bytes(3_200)), *audio.finish()]
    assert sum(map(len, pieces)) == pytest.approx(800, abs=4)
    assert audio.milliseconds(b"".join(pieces)) == pytest.approx(100, abs=1)


def test_what_was_heard_counts_on_when_upstream_says_that_it_takes_something_else():
    audio = _flowing()
    audio.feed(bytes(2_400))
    audio.set_upstream_format({"type": "audio/pcmu"})
    assert audio.padding() == MULAW.silence(400)
    assert list(audio.feed(bytes(480))) != [bytes(480)]


@pytest.mark.parametrize("shown", [{"type": "audio/pcm", "rate": 24_000}, {"type": "audio/opus"}, None])
def test_a_stream_that_need_not_or_cannot_change_goes_on(shown):
    audio = _flowing(PCM_16K)
    before = b"".join(audio.feed(bytes(1_600)))
    audio.set_upstream_format(shown)
    pieces = [before, *audio.feed(bytes(1_600)), *audio.finish()]
    assert sum(map(len, pieces)) == pytest.approx(4_800, abs=4)
