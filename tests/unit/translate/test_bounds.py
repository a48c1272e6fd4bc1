from __future__ import annotations

import pytest

from turnstile.translate.bounds import IDLE_TIMEOUT, OUTPUT_TOKENS, SPEED


@pytest.mark.parametrize(
    ("bounds", "given", "used"),
    [
        (IDLE_TIMEOUT, 0, 5_000),
        (IDLE_TIMEOUT, 4_999.9, 5_000),
        (IDLE_TIMEOUT, 12_345.6, 12_346),
        (IDLE_TIMEOUT, 60_000, 30_000),
        (OUTPUT_TOKENS, 0, 1),
        (OUTPUT_TOKENS, 8_192, 4_096),
        (SPEED, 0.1, 0.25),
        (SPEED, 2, 1.5),
    ],
)
def test_a_number_out_of_bounds_is_brought_in_and_said(bounds, given, used):
    assert bounds.nearest(given) == used
    (problem,) = bounds.warnings("field", given)
    assert problem.code == "field_adjusted"
    assert problem.description.startswith(f"field: {given} is no ")
    assert problem.description.endswith(f"; {used} is used.")


def test_a_whole_number_goes_up_as_one():
    assert isinstance(IDLE_TIMEOUT.nearest(10_000.0), int)


@pytest.mark.parametrize("given", [None, 5_000, 30_000.0])
def test_nothing_is_said_of_what_is_taken_as_it_is(given):
    assert list(IDLE_TIMEOUT.warnings("field", given)) == []


def test_the_words_name_the_field_the_value_and_what_is_used():
    (problem,) = IDLE_TIMEOUT.warnings("agent.idleTimeoutMs", 60_000)
    words = "agent.idleTimeoutMs: 60000 is no whole number from 5000 to 30000; 30000 is used."
    assert problem.description == words
