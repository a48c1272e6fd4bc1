"""The reasons to wait, for people."""

from __future__ import annotations

import pytest

from turnstile.session.waits import Reason, Waits


@pytest.mark.parametrize("waits", Waits)
def test_each_reason_has_words_with_the_id_of_what_is_waited_for(waits):
    plain, named = Reason(waits).in_words, Reason(waits, "resp_1").in_words
    assert named == f"{plain} (resp_1)"
    assert plain != str(waits)


def test_a_response_without_a_name_is_named_so_in_words():
    assert Reason(Waits.RESPONSE, "(unnamed)").in_words == "the end of a response (unnamed)"
