"""The parts of a session, by what its client asks for."""

from __future__ import annotations

import pytest

from actors.dialects.registry import Dialects
from turnstile.config import load_config
from turnstile.errors import ClientProtocolError
from turnstile.server.requests import Rejection, UpgradeRequest, split_target
from turnstile.session.effects import PassOn, SendUpdate
from turnstile.session.link_events import LinkOpened
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


@pytest.mark.parametrize("session", [{"instructions": "Rhyme."}, {"type": "transcription"}])
def test_no_client_joins_a_call_with_a_session_that_the_host_decides(dialects, session):
    rejection = dialects.named("realtime", request("/v1/realtime?call_id=rtc_1"), HostOverrides(session=session))
    assert rejection.text == "call_id: cannot go with the session that the host of this session decides.\n"


def test_what_the_host_decides_goes_upstream_alone_so_that_no_update_of_the_clients_has_it_refused(dialects):
    decided = HostOverrides(session={"instructions": "Rhyme."})
    parts = dialects.named("realtime", request("/v1/realtime"), decided)("0123456789ab")
    wrong = b'{"type":"session.update","session":{"type":"realtime","no_such_field":1}}'
    bare = b'{"type":"response.create","response":{"conversation":"none"}}'
    read = [asked for event in (wrong, bare) for asked in parts.dialect.read(event)]
    for asked in (*parts.dialect.opening(), *read):
        parts.session.handle(asked)
    sent = [effect for effect in parts.session.handle(LinkOpened()) if isinstance(effect, SendUpdate | PassOn)]
    assert [getattr(effect, "patch", None) for effect in sent] == [{"instructions": "Rhyme."}, None]


def test_a_client_does_not_only_transcribe_where_the_host_decides_otherwise(dialects):
    decided = HostOverrides(session={"type": "realtime"})
    rejection = dialects.named("realtime", request("/v1/realtime?intent=transcription"), decided)
    assert rejection.text.startswith("intent: cannot go with the session")


@pytest.mark.parametrize("query", ["", "?model=gpt-realtime", "?intent=transcription"])
def test_a_client_only_transcribes_where_the_host_decides_so(dialects, query):
    vad = {"audio": {"input": {"turn_detection": None}}}
    decided = HostOverrides("Rhyme.", session={"type": "transcription", **vad})
    parts = dialects.named("realtime", request(f"/v1/realtime{query}"), decided)("0123456789ab")
    assert parts.address.query == {"intent": "transcription"}
    wanted, config = parts.dialect.opening()
    assert (wanted.model, config.patch) == (None, vad)


@pytest.mark.parametrize("name", ["deepgram", "component"])
def test_a_client_that_may_only_transcribe_has_no_voice_agent(dialects, name):
    rejection = dialects.named(name, None, HostOverrides(session={"type": "transcription"}))
    assert (rejection.status, rejection.text.split(":")[0]) == (400, "This client may only transcribe")


def test_an_upstream_of_the_beta_has_no_sessions_that_only_transcribe():
    flags = {
        "upstream.kind": "azure-preview",
        "upstream.url": "wss://x.openai.azure.com/openai/realtime?api-version=2024-10-01-preview",
    }
    dialects = Dialects(load_config(flags=flags), lambda _: False)
    decided = HostOverrides(session={"type": "transcription"})
    assert dialects.named("realtime", request("/v1/realtime"), decided).text.startswith("intent: cannot go with")


def test_the_model_that_the_host_decides_is_that_of_the_session(dialects):
    decided = HostOverrides(session={"model": "gpt-realtime-mini"})
    parts = dialects.named("realtime", request("/v1/realtime?model=another"), decided)("0123456789ab")
    (wanted,) = parts.dialect.opening()
    assert wanted.model == "gpt-realtime-mini"


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
