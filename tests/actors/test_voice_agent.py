"""The voice-agent dialect: each message asks one thing of the session, and each answer says what became of it."""

from __future__ import annotations

import json

import pytest

from actors.dialects.voice_agent import VoiceAgentDialect
from actors.messages import End, LocalSettings
from turnstile.audio.formats import AudioFormat
from turnstile.errors import ClientProtocolError, Problem
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.json_bounds import JsonBounds
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    FunctionAnswered,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.effects import Answered
from turnstile.session.upstream_errors import close_code
from turnstile.translate.permissions import Permissions

LOCKED = Problem("voice_locked", "UpdateSpeak.speak.provider.voice: cannot change any more")
SERVES = Permissions(lambda model: model != "gpt-unserved", lambda url: "example.com" in url)


@pytest.fixture(params=[COMPONENT, DEEPGRAM], ids=lambda profile: profile.name)
def dialect(request):
    return VoiceAgentDialect(request.param, "request-1", SERVES)


def read(dialect, kind, **fields):
    return list(dialect.read(json.dumps({"type": kind, **fields}).encode()))


def words(told):
    return [json.loads(frame.data) for frame in told if isinstance(frame, TextFrame)]


PROVIDER = {"type": "open_ai"}
CONFIG = [
    ("UpdatePrompt", {"prompt": "Rhyme."}, "PromptUpdated"),
    ("UpdateThink", {"think": {"provider": PROVIDER, "prompt": "Rhyme."}}, "ThinkUpdated"),
    ("UpdateSpeak", {"speak": {"provider": {**PROVIDER, "speed": 1.25}}}, "SpeakUpdated"),
    (
        "UpdateListen",
        {"listen": {"provider": {"type": "deepgram", "model": "whisper-1", "language": "de"}}},
        "ListenUpdated",
    ),
]


@pytest.mark.parametrize(("kind", "fields", "ack"), CONFIG)
def test_an_update_is_one_request_and_acknowledged_when_it_is_in_force(dialect, kind, fields, ack):
    (request,) = [told for told in read(dialect, kind, **fields) if not isinstance(told, TextFrame)]
    assert isinstance(request, ConfigRequested)
    assert [message["type"] for message in words(dialect.answer(Answered(request.ref)))] == [ack]


@pytest.mark.parametrize(
    ("kind", "fields", "asked"),
    [
        ("InjectUserMessage", {"content": "Hello."}, UserMessageGiven),
        ("InjectAgentMessage", {"message": "Hello."}, AgentMessageGiven),
        ("FunctionCallResponse", {"id": "c1", "name": "look", "content": "rain"}, FunctionAnswered),
        ("ForceEndTurn", {}, TurnEndForced),
    ],
)
def test_what_is_no_update_is_one_request_and_has_no_acknowledgement(dialect, kind, fields, asked):
    (request,) = read(dialect, kind, **fields)
    assert isinstance(request, asked)
    assert list(dialect.answer(Answered(request.ref))) == []


def test_many_warnings_are_summed_up(dialect):
    functions = [{"name": f"f{number}", "endpoint": {"url": "http://elsewhere.org/"}} for number in range(100)]
    warnings = words(read(dialect, "UpdateThink", think={"functions": functions}))
    assert len(warnings) == 21
    assert {warning["code"] for warning in warnings} == {"field_not_supported"}
    assert warnings[19]["description"].startswith("UpdateThink: think.functions[19].endpoint: ")
    assert warnings[20]["description"] == "UpdateThink: ... and 80 more fields are ignored or adjusted."
    assert words(read(dialect, "UpdateThink", think={"functions": functions[:20]})) == []


def test_a_message_beyond_the_dialects_bounds_is_refused():
    dialect = VoiceAgentDialect(COMPONENT, "request-1", SERVES, JsonBounds(values=300))
    with pytest.raises(ClientProtocolError, match="more than 300 JSON values"):
        read(dialect, "KeepAlive", x=[1] * 300)


def test_a_keep_alive_asks_nothing(dialect):
    assert read(dialect, "KeepAlive") == []


def test_live_thinking_is_answered_by_a_warning_at_once(dialect):
    (told,) = words(read(dialect, "UpdateThink_Live", think={"provider": PROVIDER}))
    assert told["code"] == "not_supported"


def test_a_payload_for_a_think_provider_is_answered_by_a_warning_at_once(dialect):
    (told,) = words(read(dialect, "__customToThinkProvider", content={"a": 1}))
    assert told["code"] == "not_supported"


def test_what_has_no_counterpart_is_warned_of_once(dialect):
    think = {"provider": {**PROVIDER, "temperature": 1}}
    told = [len(words(read(dialect, "UpdateThink", think=think))) for _ in range(2)]
    assert told == [1, 0]


def test_the_conversation_that_came_before_stays_when_thinking_is_replaced(dialect):
    messages = [{"role": "user", "content": "Hello."}]
    read(dialect, "Settings", agent={"context": {"messages": messages}})
    (request,) = read(dialect, "UpdateThink", think={"provider": PROVIDER, "prompt": "Rhyme."})
    assert request.patch["instructions"].startswith("Rhyme.\n\nThe conversation so far:")


def test_tags_and_endpoints_are_asked_for(dialect):
    function = {"name": "f", "endpoint": {"url": "https://api.example.com/"}}
    (request,) = read(dialect, "Settings", tags=["a"], agent={"think": {"functions": [function]}})
    assert request.local.labels == {"tags": "a"}
    assert [*request.patch["endpoints"]] == ["f"]


def test_settings_carry_the_formats_and_are_acknowledged(dialect):
    audio = {"input": {"encoding": "mulaw", "sample_rate": 8000}}
    (request,) = read(dialect, "Settings", audio=audio, agent={})
    assert isinstance(request.local, LocalSettings)
    assert request.local.input == AudioFormat("mulaw", 8000)
    assert words(dialect.answer(Answered(request.ref))) == [{"type": "SettingsApplied"}]


def test_the_greeting_is_told_as_text_once(dialect):
    told = []
    for _ in range(2):
        (request,) = read(dialect, "Settings", agent={"greeting": "Welcome!"})
        told += words(dialect.answer(Answered(request.ref)))
    assert [message["type"] for message in told] == ["SettingsApplied", "ConversationText", "SettingsApplied"]
    assert told[1]["content"] == "Welcome!"


def test_what_settings_hold_that_is_not_served_is_warned_of_before_they_are_asked_for(dialect):
    think = {"provider": {**PROVIDER, "model": "gpt-unserved"}}
    *warnings, request = read(dialect, "Settings", agent={"think": think})
    assert any("gpt-unserved" in warning["description"] for warning in words(warnings))
    assert "model" not in request.patch


def test_a_model_that_is_served_is_asked_for(dialect):
    think = {"provider": {**PROVIDER, "model": "gpt-realtime-2"}}
    *_, request = read(dialect, "Settings", agent={"think": think})
    assert request.patch["model"] == "gpt-realtime-2"


def test_each_part_that_is_not_in_force_is_a_warning_before_the_acknowledgement(dialect):
    (request,) = read(dialect, "UpdatePrompt", prompt="Rhyme.")
    differs = Problem("not_in_force", "UpdatePrompt.prompt: 'Rhyme.' was asked for; upstream has '' in force.")
    *warnings, ack = words(dialect.answer(Answered(request.ref, shortfalls=(LOCKED, differs))))
    assert [(told["type"], told["description"]) for told in warnings] == [
        ("Warning", LOCKED.description),
        ("Warning", differs.description),
    ]
    assert ack["type"] == "PromptUpdated"


@pytest.mark.parametrize(
    ("kind", "fields", "named"),
    [
        ("UpdatePrompt", {"prompt": "Rhyme."}, {"instructions": "prompt"}),
        ("UpdateThink", {"think": [{"provider": PROVIDER, "prompt": "a"}]}, {"instructions": "think.prompt"}),
        (
            "UpdateSpeak",
            {"speak": {"provider": {**PROVIDER, "voice": "echo"}}},
            {"audio.output.voice": "speak.provider.voice"},
        ),
        (
            "UpdateListen",
            {"listen": {"provider": {"type": "deepgram"}}},
            {"audio.input.transcription": "listen.provider"},
        ),
    ],
)
def test_a_request_knows_what_its_message_calls_the_fields(dialect, kind, fields, named):
    (request,) = read(dialect, kind, **fields)
    assert (request.message, request.fields) == (kind, named)


def test_a_refused_agent_message_has_an_answer_of_its_own(dialect):
    (request,) = read(dialect, "InjectAgentMessage", message="Hello.")
    problem = Problem("injection_refused", "The agent is speaking.")
    (told,) = words(dialect.answer(Answered(request.ref, problem, in_force=False)))
    assert (told["type"], told["message"]) == ("InjectionRefused", "The agent is speaking.")


def test_requests_are_told_apart_whatever_the_order_of_their_answers(dialect):
    (first,) = read(dialect, "UpdatePrompt", prompt="Rhyme.")
    (second,) = read(dialect, "UpdateSpeak", speak={"provider": {**PROVIDER, "speed": 1.25}})
    told = words([*dialect.answer(Answered(second.ref)), *dialect.answer(Answered(first.ref))])
    assert [message["type"] for message in told] == ["SpeakUpdated", "PromptUpdated"]


def test_an_answered_request_is_not_remembered(dialect):
    (request,) = read(dialect, "UpdatePrompt", prompt="Rhyme.")
    list(dialect.answer(Answered(request.ref)))
    assert dialect._unanswered == {}


def test_what_is_dropped_of_a_message_is_warned_of(dialect):
    think = {"provider": PROVIDER, "prompt": "Rhyme.", "context_length": 10}
    *warnings, request = read(dialect, "UpdateThink", think=think)
    assert [message["type"] for message in words(warnings)] == ["Warning"]
    assert isinstance(request, ConfigRequested)


def test_a_message_that_cannot_be_read_asks_nothing(dialect):
    with pytest.raises(ClientProtocolError):
        read(dialect, "Nonsense")
    assert dialect._unanswered == {}


BAD_SETTINGS = [
    ({}, "invalid_message"),
    ({"agent": {"think": {"functions": 3}}}, "invalid_message"),
    ({"agent": {}, "audio": {"output": {"encoding": "mp3"}}}, "unsupported_encoding"),
    ({"agent": {}, "audio": {"input": {"sample_rate": 11}}}, "unsupported_sample_rate"),
]


@pytest.mark.parametrize(("fields", "code"), BAD_SETTINGS)
def test_first_settings_that_cannot_be_read_end_the_session_with_words(dialect, fields, code):
    (end,) = read(dialect, "Settings", **fields)
    assert (end.code, end.reason, end.problem.code) == (1008, code, code)
    assert end.problem.description.startswith("Settings: ")


@pytest.mark.parametrize(("fields", "code"), BAD_SETTINGS)
def test_later_settings_that_cannot_be_read_are_answered_and_the_session_goes_on(dialect, fields, code):
    read(dialect, "Settings", agent={})
    with pytest.raises(ClientProtocolError) as refused:
        read(dialect, "Settings", **fields)
    assert refused.value.problem.code == code


UNPARSED_SETTINGS = [
    (b'{"type": "Settings", "agent": {', "invalid_json"),
    (b'{"type":"Settings","agent":%s1%s}' % (b"[" * 200, b"]" * 200), "too_many_levels"),
    (b'{"tags":[%s0],"type" : "Settings"}' % (b"0," * 30_000), "too_many_values"),
]


@pytest.mark.parametrize(("data", "code"), UNPARSED_SETTINGS)
def test_first_settings_that_cannot_even_be_parsed_end_the_session_with_words(dialect, data, code):
    (end,) = dialect.read(data)
    assert (end.code, end.reason, end.problem.code) == (1008, code, code)
    assert end.problem.description.startswith("Settings: ")


@pytest.mark.parametrize(
    "data", [b'{"type": "UpdatePrompt', b"[1]", b"[" * 300, b'{"type": "Nope", "agent": {"type": "Settings"}}']
)
def test_what_is_no_settings_ends_nothing_though_it_cannot_be_read(dialect, data):
    with pytest.raises(ClientProtocolError):
        dialect.read(data)


def test_another_message_that_cannot_be_read_ends_nothing_though_no_settings_came(dialect):
    with pytest.raises(ClientProtocolError):
        read(dialect, "UpdatePrompt")


def test_first_settings_that_upstream_refuses_end_the_session_with_its_words(dialect):
    (request,) = read(dialect, "Settings", agent={})
    problem = Problem("invalid_value", "Invalid value: 'x'.")
    told = list(dialect.answer(Answered(request.ref, problem, in_force=False)))
    assert told == [End(1008, "invalid_value", problem.about("Settings"), by="upstream")]


def test_first_settings_that_upstream_does_not_answer_end_the_session_as_its_failure(dialect):
    (request,) = read(dialect, "Settings", agent={})
    (end,) = dialect.answer(Answered(request.ref, Problem("update_stalled", "Nothing came."), in_force=False))
    assert end.code == close_code("update_stalled")


def test_later_settings_that_upstream_refuses_are_reported_and_the_session_goes_on(dialect):
    (first,) = read(dialect, "Settings", agent={})
    list(dialect.answer(Answered(first.ref)))
    (second,) = read(dialect, "Settings", agent={"think": {"prompt": "Rhyme."}})
    told = dialect.answer(Answered(second.ref, Problem("invalid_value", "Invalid value: 'x'."), in_force=False))
    assert [message["code"] for message in words(told)] == ["invalid_value"]


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("Settings", {"agent": {"idleTimeoutMs": 60_000}}, "agent.idleTimeoutMs"),
        ("UpdateThink", {"think": {"mood": "calm"}}, "think.mood"),
        ("UpdateSpeak", {"speak": {"provider": {"speed": 9}}}, "speak.provider.speed"),
        ("UpdateListen", {"listen": {"provider": {"language": "klingon"}}}, "listen.provider.language"),
    ],
)
def test_a_warning_begins_with_the_message_and_the_field_that_it_is_about(dialect, kind, fields, field):
    (warning,) = words(read(dialect, kind, **fields))
    assert warning["type"] == "Warning"
    assert warning["description"].startswith(f"{kind}: {field}: ")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("InjectUserMessage", {"content": "Hello."}),
        ("FunctionCallResponse", {"id": "c1", "content": "rain"}),
        ("ForceEndTurn", {}),
    ],
)
def test_what_became_of_a_message_is_told_in_words_that_begin_with_it(dialect, kind, fields):
    (request,) = read(dialect, kind, **fields)
    (told,) = words(dialect.answer(Answered(request.ref, Problem("invalid_value", "No."), in_force=False)))
    assert told["description"] == f"{kind}: No."


def test_words_that_begin_with_the_message_are_told_as_they_are(dialect):
    (request,) = read(dialect, "UpdatePrompt", prompt="Rhyme.")
    problem = Problem("prompt_too_long", "UpdatePrompt.prompt: too long.")
    (told,) = words(dialect.answer(Answered(request.ref, problem, in_force=False)))
    assert told["description"] == problem.description


def test_acknowledgements_are_kept_until_they_are_due(dialect):
    (request,) = read(dialect, "Settings", agent={"greeting": "x" * 5_000})
    assert 5_000 < dialect.kept_bytes < 6_000
    dialect.answer(Answered(request.ref))
    assert dialect.kept_bytes == 0


def test_what_is_kept_of_ever_new_warnings_is_bounded(dialect):
    for number in range(1_000):
        read(dialect, "UpdateThink", think={f"field_{number}": 1})
    assert 50_000 < dialect.kept_bytes < 300_000
