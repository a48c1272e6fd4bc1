"""How long a Realtime client plays what it is sent, where its session ends when it is idle."""

from __future__ import annotations

import base64
import math

import pytest

from turnstile.protocol.frames import TextFrame
from turnstile.translate.played_realtime import PlayedRealtimeTranslator


@pytest.fixture
def translator():
    return PlayedRealtimeTranslator("ts_", is_beta=False)


def delta(size, **changes):
    audio = base64.b64encode(bytes(size)).decode()
    return {"type": "response.output_audio.delta", "response_id": "r1", "item_id": "i1", "delta": audio, **changes}


def test_nothing_plays_before_any_audio_was_sent(translator):
    assert translator.played_until == -math.inf


def test_audio_is_passed_on_as_it_came_and_plays_for_its_length_behind_what_plays(translator):
    assert translator.audio(delta(48_000), 10.0, b"as it came") == [TextFrame(b"as it came")]
    assert translator.played_until == pytest.approx(11.0)
    translator.audio(delta(96_000), 10.5, b"")
    assert translator.played_until == pytest.approx(13.0)


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [({"type": "audio/pcmu"}, 6.0), ({"type": "audio/pcm", "rate": 24_000}, 1.0), ({"type": "opus"}, 1.0), (None, 1.0)],
)
def test_audio_is_measured_in_the_format_of_the_session(translator, shown, seconds):
    translator.set_upstream_format({"type": "audio/pcma"})
    translator.set_upstream_format(shown)
    translator.audio(delta(48_000), 0.0, b"")
    assert translator.played_until == pytest.approx(seconds)


@pytest.mark.parametrize("kind", ["input_audio_buffer.speech_started", "conversation.item.truncated"])
def test_nothing_plays_any_more_when_the_client_has_stopped_it(translator, kind):
    translator.audio(delta(48_000), 0.0, b"")
    translator.translate({"type": kind}, 0.5, b"{}")
    assert translator.played_until == -math.inf


def test_another_event_stops_nothing(translator):
    translator.audio(delta(48_000), 0.0, b"")
    translator.translate({"type": "response.output_audio.done"}, 0.5, b"{}")
    assert translator.played_until == pytest.approx(1.0)


@pytest.mark.parametrize("changes", [{"item_id": None}, {"delta": 7}])
def test_audio_that_is_none_is_passed_on_and_not_measured(translator, changes):
    assert translator.audio(delta(48_000, **changes), 0.0, b"{}") == [TextFrame(b"{}")]
    assert translator.played_until == -math.inf
