from __future__ import annotations

import math

import pytest

from turnstile.audio.formats import PCM_24K
from turnstile.translate.translator import Translator


def test_a_language_has_to_translate():
    with pytest.raises(NotImplementedError):
        Translator().audio({}, 0.0)


def test_what_a_language_has_no_words_for_is_not_told():
    silent = Translator()
    silent.configure_output(PCM_24K, "none", keeps_history=True)
    silent.set_proxy_functions({"f"})
    silent.start_latency(0.0)
    silent.mute("r")
    assert silent.take_truncations() == ()
    assert silent.cancel_calls(("c",)) == silent.show_call_result("c", "") == silent.close_call("c", "") == []
    assert silent.link_lost() == []
    assert silent.kept_bytes == 0
    assert silent.played_until == -math.inf


def test_audio_in_a_row_is_told_one_by_one_where_a_language_does_not_say_otherwise():
    class Speaks(Translator):
        def translate(self, event, now, data=None):
            return [(event["delta"], now, data)]

    assert Speaks().audio_batch([{"delta": "A"}, {"delta": "B"}], 1.0, [b"a", None]) == [
        ("A", 1.0, b"a"),
        ("B", 1.0, None),
    ]
