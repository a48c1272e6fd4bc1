"""What of thinking can be taken is taken, and the rest is said."""

from __future__ import annotations

import pytest

from turnstile.protocol.voice_agent.parts import Think
from turnstile.translate.language_model import language_model
from turnstile.translate.permissions import Permissions

ALL = Permissions(lambda _: True, lambda _: True)


def _thought(**think):
    patch, warnings = language_model((Think.model_validate(think),), ALL, "think")
    return patch, [problem.description for problem in warnings]


@pytest.mark.parametrize(
    ("tokens", "used", "warned"),
    [
        (100, 100, False),
        ("inf", "inf", False),
        (-1, "inf", False),
        (0, 1, True),
        (10.5, 10, True),
        (8_192, 4_096, True),
    ],
)
def test_the_length_of_an_answer_is_brought_into_its_bounds(session, tokens, used, warned):
    patch, told = _thought(maxOutputTokens=tokens)
    assert session(patch) == {"max_output_tokens": used}
    words = f"think.maxOutputTokens: {tokens} is no whole number from 1 to 4096; {used} is used."
    assert told == ([words] if warned else [])


@pytest.mark.parametrize(
    ("modalities", "used", "ignored"),
    [
        (["audio", "video"], ["audio"], ["video"]),
        (["TEXT"], None, ["TEXT"]),
        ("text", ["text"], []),
        ([], None, []),
    ],
)
def test_of_the_kinds_of_answer_those_that_are_known_are_taken(session, modalities, used, ignored):
    patch, told = _thought(outputModalities=modalities)
    assert session(patch).get("output_modalities") == used
    assert told == [f"think.outputModalities: '{name}' is none of text, audio; it is ignored." for name in ignored]


def test_a_choice_of_tools_that_is_unknown_is_left_to_the_api(session):
    patch, told = _thought(toolChoice="any", prompt="Be brief.")
    assert session(patch) == {"instructions": "Be brief."}
    assert told == ["think.toolChoice: 'any' is none of auto, none, required or one function; it is ignored."]


def test_of_a_long_description_the_beginning_is_used(session):
    patch, told = _thought(functions=[{"name": "f", "description": "x" * 1_025}])
    assert session(patch)["tools"][0]["description"] == "x" * 1_024
    assert told == ["think.functions[0].description: has 1025 characters; the first 1024 are used."]
