from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.translate.word_boundary import whole_words


@pytest.mark.parametrize(
    ("text", "length", "whole"),
    [
        ("Hello there", 0, ""),
        ("Hello there", 3, ""),
        ("Hello there", 5, "Hello"),
        ("Hello there", 6, "Hello"),
        ("Hello there", 8, "Hello"),
        ("Hello there", 11, "Hello there"),
        ("Hello there ", 12, "Hello there "),
        ("Hello, there", 5, "Hello"),
        ("Hello.", 3, ""),
        ("I can't go", 5, "I"),
        ("It costs 3.50 now", 10, "It costs"),
        ("Hola, ¿qué tal?", 7, "Hola,"),
        ("Привет, мир", 9, "Привет,"),
        ("हिन्दी भाषा", 3, ""),
        ("今日は晴れです。", 3, "今日は"),
        ("今日は晴れです。", 7, "今日は晴れです"),
        ("新しいiPhoneです", 6, "新しい"),
        ("新しいiPhoneです", 9, "新しいiPhone"),
        ("が\u3099か", 1, ""),  # a letter and the mark on it
        ("สวัสดี ครับ", 3, "สวั"),
    ],
)
def test_a_text_is_cut_behind_its_last_whole_word(text, length, whole):
    assert whole_words(text, length) == whole


@given(st.text(alphabet="ab'.,- \n今日がั", max_size=20), st.integers(0, 25))
def test_what_is_left_is_the_beginning_of_the_text(text, length):
    whole = whole_words(text, length)
    assert text.startswith(whole)
    assert len(whole) <= length
