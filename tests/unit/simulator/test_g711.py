from __future__ import annotations

import numpy as np
import pytest

from turnstile.simulator import g711

LAWS = {
    "ulaw": (g711.ULAW, g711.encode_ulaw, g711.decode_ulaw),
    "alaw": (g711.ALAW, g711.encode_alaw, g711.decode_alaw),
}


@pytest.mark.parametrize(
    ("table", "code", "value"),
    [
        (g711.ULAW, 0xFF, 0),
        (g711.ULAW, 0x00, -32124),
        (g711.ULAW, 0x80, 32124),
        (g711.ALAW, 0xD5, 8),
        (g711.ALAW, 0x55, -8),
        (g711.ALAW, 0xAA, 32256),
        (g711.ALAW, 0x2A, -32256),
    ],
)
def test_codes_have_the_values_of_the_standard(table, code, value):
    assert table[code] == value


@pytest.mark.parametrize("law", LAWS)
def test_every_value_of_the_table_comes_back(law):
    table, encode, decode = LAWS[law]
    assert (decode(encode(table)) == table).all()


@pytest.mark.parametrize("law", LAWS)
def test_samples_come_back_nearly(law):
    _, encode, decode = LAWS[law]
    samples = np.arange(-32_768, 32_768, 7).astype(np.int16)
    error = np.abs(decode(encode(samples)).astype(int) - samples)
    assert (error <= np.maximum(16, np.abs(samples.astype(int)) / 8)).all()
