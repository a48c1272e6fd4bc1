"""How long a voice waits in the converter: measured, not timed.

A soft pulse goes in, in frames of 20 ms. What is held back after a frame is the audio that went in and has not come
out: by the lengths, and by how much later the pulse stands in what comes out, since a filter may delay what it gives.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from turnstile.audio.convert import Converter
from turnstile.audio.formats import AudioFormat

UPSTREAM_RATE = 24_000
RATES = (8_000, 16_000, 22_050, 32_000, 44_100, 48_000)
PAIRS = tuple(pair for rate in RATES for pair in ((rate, UPSTREAM_RATE), (UPSTREAM_RATE, rate)))
_FRAME_SECONDS, _FRAMES, _PULSE_AT = 0.02, 60, 0.403
_PULSE_WIDTH, _PULSE_REACH = 0.0005, 0.004  # seconds: its spread, and where it is over


def pulse(rate):
    """Return samples with a pulse that has no part above 2 kHz."""
    times = np.arange(round(_FRAMES * _FRAME_SECONDS * rate)) / rate - _PULSE_AT
    return np.round(20_000 * np.exp(-0.5 * (times / _PULSE_WIDTH) ** 2)).astype("<i2")


def place_of_pulse(samples, rate):
    """Return where in it the pulse stands, in seconds: its centre of mass."""
    values = samples.astype(float)
    reach, peak = round(_PULSE_REACH * rate), int(np.argmax(values))
    near = slice(max(0, peak - reach), peak + reach + 1)
    return float(np.average(np.arange(len(values))[near], weights=np.clip(values[near], 0, None))) / rate


def held_back(source, target):
    """Return the milliseconds of audio that a conversion holds back after a frame of 20 ms: on average, at most.

    Args:
        source: Sample rate that goes in.
        target: The one that comes out.
    """
    converter = Converter(AudioFormat("linear16", source), AudioFormat("linear16", target))
    samples, size = pulse(source), round(_FRAME_SECONDS * source)
    pieces, waiting, heard = [], [], 0
    for number in range(_FRAMES):
        pieces.append(converter.feed(samples[number * size : (number + 1) * size].tobytes()))
        heard += len(pieces[-1]) // 2
        waiting.append((number + 1) * _FRAME_SECONDS - heard / target)
    came = np.frombuffer(b"".join(pieces), "<i2")
    late = place_of_pulse(came, target) - place_of_pulse(samples, source)
    return {"mean": (sum(waiting) / _FRAMES + late) * 1000, "most": (max(waiting) + late) * 1000}


def all_held_back():
    """Return the same for each pair of rates."""
    return {f"{source} to {target}": held_back(source, target) for source, target in PAIRS}
