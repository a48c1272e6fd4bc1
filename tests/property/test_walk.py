"""The promise holds in every interleaving of a small world."""

from __future__ import annotations

from walk import walk


def test_the_promise_is_kept_in_every_interleaving_of_a_small_world(capsys):
    walked = walk()
    with capsys.disabled():
        print(f"\n  {walked.states} states, {walked.transitions} transitions, {walked.ends} ends walked")  # noqa: T201
    assert walked.ends > 10_000
