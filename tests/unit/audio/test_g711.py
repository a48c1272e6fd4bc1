from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.audio.g711 import decode, encode

LAWS = ["mulaw", "alaw"]
EVERY_CODE = bytes(range(256))


@pytest.mark.parametrize(
    ("law", "code", "sample"),
    [
        # Corners of the tables of ITU-T G.711: silence, the smallest step and the loudest sample of each sign.
        ("mulaw", 0xFF, 0),
        ("mulaw", 0x80, 32124),
        ("mulaw", 0x00, -32124),
        ("mulaw", 0xFE, 8),
        ("alaw", 0xD5, 8),
        ("alaw", 0x55, -8),
        ("alaw", 0xAA, 32256),
        ("alaw", 0x2A, -32256),
    ],
)
def test_a_code_means_the_sample_of_the_standard(law, code, sample):
    assert decode(law, bytes([code])).tolist() == [sample]


@pytest.mark.parametrize("law", LAWS)
def test_every_code_comes_back_as_a_code_that_means_the_same(law):
    meanings = decode(law, EVERY_CODE)
    assert decode(law, encode(law, meanings)).tolist() == meanings.tolist()


@pytest.mark.parametrize("law", LAWS)
@given(sample=st.integers(-0x8000, 0x7FFF))
def test_a_sample_becomes_the_code_that_comes_nearest(law, sample):
    (heard,) = decode(law, encode(law, np.array([sample], np.int16))).tolist()
    distances = abs(decode(law, EVERY_CODE).astype(int) - sample)
    assert abs(heard - sample) == distances.min()
