from __future__ import annotations

import pytest

from turnstile.audio.formats import PCM_24K
from turnstile.translate.translator import Translator


def test_a_language_has_to_translate():
    with pytest.raises(NotImplementedError):
        Translator().audio({}, 0.0)


def test_what_a_language_has_no_words_for_is_not_told():
    silent = Translator()
    silent.configure_output(PCM_24K, "none", keeps_history=True)
    silent.call_from_here({"f"})
    silent.asked(0.0)
    silent.silence("r")
    assert silent.take_cut_off() == ()
    assert silent.calls_cancelled(("c",)) == silent.call_returned("c", "") == silent.call_answered("c", "") == []
    assert silent.link_lost() == []


def test_audio_in_a_row_is_told_one_by_one_where_a_language_does_not_say_otherwise():
    class Speaks(Translator):
        def translate(self, event, now, data=None):
            return [(event["delta"], now, data)]

    assert Speaks().audio_in_a_row([{"delta": "A"}, {"delta": "B"}], 1.0, [b"a", None]) == [
        ("A", 1.0, b"a"),
        ("B", 1.0, None),
    ]
