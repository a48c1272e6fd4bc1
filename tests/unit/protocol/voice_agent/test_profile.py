from __future__ import annotations

from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM


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
