"""The parts of a session, by what its client asks for."""

from __future__ import annotations

import pytest

from actors.dialects.registry import Dialects
from turnstile.config import load_config
from turnstile.errors import ClientProtocolError
from turnstile.server.requests import Rejection, UpgradeRequest, split_target
from turnstile.translate.host_overrides import HostOverrides


@pytest.fixture
def dialects():
    return Dialects(load_config(), lambda _: False)


def request(target):
    path, query = split_target(target)
    return UpgradeRequest(path, query, {}, "127.0.0.1:1", ())


@pytest.mark.parametrize(("query", "is_shared"), [("", False), ("?call_id=rtc_1", True)])
def test_a_session_that_joins_a_call_is_shared(dialects, query, is_shared):
    parts = dialects.named("realtime", request(f"/v1/realtime{query}"))("0123456789ab")
    assert parts.session.policy.is_shared is is_shared
    assert parts.address.query == ({"call_id": "rtc_1"} if is_shared else {})


@pytest.mark.parametrize(("query", "answers"), [("", True), ("?intent=transcription", False)])
def test_nobody_answers_the_turns_of_a_transcription_session(dialects, query, answers):
    parts = dialects.named("realtime", request(f"/v1/realtime{query}"))("0123456789ab")
    assert parts.session.state.api_answers_turns is answers


@pytest.mark.parametrize("asked", ["call_id=rtc_1", "intent=transcription"])
def test_the_model_that_the_host_decides_goes_with_no_call_and_no_intent(dialects, asked):
    rejection = dialects.named("realtime", request(f"/v1/realtime?{asked}"), HostOverrides(model="gpt-realtime"))
    assert isinstance(rejection, Rejection)
    assert rejection.text.startswith(f"{asked.partition('=')[0]}: cannot go with the model that the host")


@pytest.mark.parametrize(
    ("offered", "is_beta"), [(("realtime",), False), (("realtime", "openai-beta.realtime-v1"), True)]
)
def test_a_browser_asks_for_the_words_of_the_beta_by_a_subprotocol(dialects, offered, is_beta):
    browser = UpgradeRequest("/v1/realtime", {}, {}, "127.0.0.1:1", offered)
    assert dialects.named("realtime", browser)("0123456789ab").address.is_beta is is_beta


@pytest.mark.parametrize(("query", "asked"), [("", [{"instructions": "Rhyme."}]), ("?intent=transcription", [])])
def test_what_a_host_decides_of_an_agent_is_not_asked_of_a_session_without_one(dialects, query, asked):
    make_parts = dialects.named("realtime", request(f"/v1/realtime{query}"), HostOverrides(prompt="Rhyme."))
    _, *decided = make_parts("0123456789ab").dialect.opening()
    assert [config.patch for config in decided] == asked


@pytest.mark.parametrize("name", ["deepgram", "component", "realtime"])
@pytest.mark.parametrize(
    ("setting", "code"), [("message_values", "too_many_values"), ("message_depth", "too_many_levels")]
)
def test_the_operators_bounds_hold_for_each_dialect(name, setting, code):
    dialects = Dialects(load_config(flags={f"limits.{setting}": "100"}), lambda _: False)
    dialect = dialects.named(name)("0123456789ab").dialect
    nested = b"[" * 100 + b"]" * 100 + b",0" * 99 if setting == "message_values" else b"[" * 100 + b"]" * 100
    with pytest.raises(ClientProtocolError) as refused:
        dialect.read(b'{"type":"KeepAlive","x":[' + nested + b"]}")
    assert refused.value.problem.code == code
