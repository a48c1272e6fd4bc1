from __future__ import annotations

from turnstile.translate.unserved import shortened, unserved


def test_a_field_that_nothing_comes_of_is_named_with_the_reason():
    assert unserved("think.endpoint").description == "think.endpoint: has no counterpart upstream; it is ignored."
    assert unserved("mood", "is not known").description == "mood: is not known; it is ignored."


def test_what_the_client_sent_is_quoted_and_shortened():
    assert shortened("x" * 100) == f"'{'x' * 40}'"
