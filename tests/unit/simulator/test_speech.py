from __future__ import annotations

import base64

import numpy as np
import pytest

from turnstile.simulator.speech import spoken


def _samples(word, speed=1.0):
    return np.frombuffer(base64.b64decode(spoken(word, "audio/pcm", speed).base64), dtype="<i2")


@pytest.mark.parametrize(("word", "milliseconds"), [("a", 100), (" hello", 120), ("incomprehensibilities", 320)])
def test_longer_words_sound_longer_within_bounds(word, milliseconds):
    assert spoken(word, "audio/pcm", 1.0).milliseconds == milliseconds
    assert len(_samples(word)) == 24 * milliseconds


def test_a_word_can_be_heard_and_begins_and_ends_softly():
    samples = _samples("hello")
    assert 7000 < abs(samples).max() <= 8000
    assert samples[0] == samples[-1] == 0


def test_words_differ_in_pitch_and_a_word_sounds_the_same_each_time():
    assert spoken("hello", "audio/pcm", 1.0) is spoken(" Hello", "audio/pcm", 1.0)
    assert spoken("hello", "audio/pcm", 1.0) != spoken("world", "audio/pcm", 1.0)


@pytest.mark.parametrize("encoding", ["audio/pcmu", "audio/pcma"])
def test_g711_has_a_byte_for_each_sample_at_8_khz(encoding):
    assert len(base64.b64decode(spoken("hello", encoding, 1.0).base64)) == 8 * 120
