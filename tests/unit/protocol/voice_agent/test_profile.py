from __future__ import annotations

import pytest

from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM, NOTICES


def test_a_deepgram_client_is_welcomed_and_sent_only_what_its_sdk_knows():
    assert (DEEPGRAM.welcomes, DEEPGRAM.has_extras, DEEPGRAM.errors_end, DEEPGRAM.input_rate) == (
        True,
        False,
        True,
        24_000,
    )


def test_a_component_is_sent_its_extras_and_errors_that_the_session_survives():
    assert (COMPONENT.welcomes, COMPONENT.has_extras, COMPONENT.errors_end, COMPONENT.input_rate) == (
        False,
        True,
        False,
        16_000,
    )


@pytest.mark.parametrize("profile", [COMPONENT, DEEPGRAM])
@pytest.mark.parametrize("code", sorted(NOTICES))
def test_what_did_not_fail_is_a_warning_to_everybody(profile, code):
    assert not profile.is_error(code)


def test_a_fault_that_the_session_survives_is_an_error_to_a_component_only():
    assert COMPONENT.is_error("response_failed")
    assert not DEEPGRAM.is_error("response_failed")


@pytest.mark.parametrize("profile", [COMPONENT, DEEPGRAM])
@pytest.mark.parametrize("code", ["response_failed", "upstream_lost"])
def test_what_the_session_ends_with_is_an_error_whatever_it_is(profile, code):
    assert profile.is_error(code, fatal=True)


@pytest.mark.parametrize("code", ["upstream_lost", "upstream_restored", "not_restored", "turn_lost"])
def test_what_becomes_of_a_conversation_whose_link_is_lost_is_a_warning_to_both(code):
    assert not COMPONENT.is_error(code)
    assert not DEEPGRAM.is_error(code)
