"""A session that is enforced: no frame of a client's changes a field of it; and whatever is sent for a token."""

from __future__ import annotations

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st
from judging import CLIENT_CODES, REALTIME_CODES
from messages import messages
from realtime_events import client_events
from test_client_wire import confirm, profiles, read
from values import encoded, wire

from actors.dialects.realtime import RealtimeDialect
from actors.dialects.voice_agent import VoiceAgentDialect
from actors.messages import AudioEvent, End
from turnstile.auth.browser_tokens import BrowserTokens
from turnstile.auth.client_secrets import ClientSecrets
from turnstile.auth.identity import Identity
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.protocol.json_bounds import JSON_BOUNDS
from turnstile.server.http_exchange import HttpExchange
from turnstile.server.requests import Rejection
from turnstile.session.client_requests import AgentMessageGiven, EventGiven
from turnstile.session.effects import Answered, SendUpdate
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.translate.host_overlay import HostOverlay
from turnstile.translate.host_overrides import HostOverrides
from turnstile.translate.permissions import Permissions

SESSION = {
    "type": "realtime",
    "instructions": "Rhyme.",
    "tools": [],
    "tool_choice": "none",
    "output_modalities": ["text"],
    "max_output_tokens": 100,
    "tracing": None,
    "audio": {
        "input": {"format": {"type": "audio/pcmu"}, "turn_detection": None},
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.1},
    },
}
PARTS = {"audio": {"input": {}, "output": {}}}
TOKENS = BrowserTokens("a secret that is as long as it must be", asks=True, now=lambda: 0.0)
NAMES = st.sampled_from(sorted({"session", "response", "audio", "input", "output", "voice", "modalities", *SESSION}))
ANY = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=5) | st.sampled_from(["ash", "auto", "transcription"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
SESSIONS = st.dictionaries(st.sampled_from(["audio", "input", "output", "tools", "instructions", "tracing"]), ANY)
widenings = st.fixed_dictionaries(
    {"type": st.sampled_from(["session.update", "response.create"])},
    optional={"session": ANY, "response": ANY, "event_id": st.just("e")},
).map(encoded)


def overlay():
    return HostOverlay(HostOverrides(session=SESSION))


def check_patch(patch, values=SESSION, parts=PARTS):
    """Check that a change of the session leaves each enforced field as it is, but for the conversation's history."""
    for name, value in values.items():
        if name == "instructions":
            assert patch.get(name, value).startswith(value)
        elif name in parts:
            check_patch(patch.get(name, {}), value, parts[name])
        elif name != "type":
            assert patch.get(name, value) == value


def leaves(values, prefix=()):
    for name, value in values.items():
        if name in {"audio", "input", "output"}:
            yield from leaves(value, (*prefix, name))
        elif name not in {"type", "tools"}:
            yield *prefix, name


def check_response(response):
    """Check that a client's response names no enforced field, and no tools."""
    assert not response.get("tools")
    assert not {"prompt", "voice", "modalities", "output_audio_format"} & response.keys()
    for path in leaves(SESSION):
        value = response
        for name in path:
            value = value.get(name, {}) if isinstance(value, dict) else {}
        assert value == {}


def check(session, things, *, of_client=True):
    for thing in things:
        if isinstance(thing, AgentMessageGiven) and of_client:
            check_response(thing.response)
        elif isinstance(thing, EventGiven) and orjson.loads(thing.event)["type"] == "response.create":
            check_response(orjson.loads(thing.event).get("response") or {})
        if isinstance(thing, TextFrame | BinaryFrame | AudioEvent | End):
            continue
        for effect in session.handle(thing):
            if isinstance(effect, SendUpdate):
                check_patch(effect.patch)
                assert not effect.patch.get("prompt")
            assert not (isinstance(effect, Answered) and effect.problem and effect.problem.code == "internal_error")


@given(st.lists(widenings | wire(client_events), max_size=6), st.booleans())
def test_no_event_of_a_realtime_client_widens_its_session(frames, is_beta):
    dialect, session = RealtimeDialect(None, is_beta=is_beta, host=overlay()), Session(Policy(is_transparent=True))
    check(session, dialect.opening())
    for data in frames:
        check(session, read(dialect, data, REALTIME_CODES))
        check(session, [confirm(session)])


@given(st.lists(wire(messages), max_size=6), profiles)
def test_no_message_of_a_voice_agent_client_widens_its_session(frames, profile):
    allowed = Permissions(lambda _: True, lambda _: True, overlay())
    dialect, session = VoiceAgentDialect(profile, "request-1", allowed), Session(Policy(max_held=4))
    for data in frames:
        check(session, read(dialect, data, CLIENT_CODES), of_client=False)
        check(session, [confirm(session)])


@given(
    st.text(max_size=80).map("ek_{}".format)
    | st.integers(3, 80).map(lambda cut: TOKENS.make(Identity(), 9).value[:cut])
)
def test_what_is_no_token_is_refused(token):
    assert isinstance(TOKENS.check(token), Rejection)


@given(
    wire(st.fixed_dictionaries({}, optional={"session": ANY, "expires_after": ANY, "more": ANY}))
    | st.fixed_dictionaries({"session": SESSIONS}).map(encoded)
)
def test_the_body_of_a_request_for_a_token_leads_to_one_or_to_an_error_in_words(body):
    secrets, outcomes = ClientSecrets(TOKENS, lambda _, decided: decided(Identity("a")), bool, JSON_BOUNDS), []
    sent = bytearray()
    exchange = HttpExchange("192.0.2.7:1", secrets.decide, sent.extend, outcomes.append)
    exchange.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
    exchange.receive(b"Content-Length: %d\r\n\r\n" % len(body))
    exchange.receive(body or b" ")
    head, _, content = bytes(sent).partition(b"\r\n\r\n")
    answer = json.loads(content)
    if head.startswith(b"HTTP/1.1 200 "):
        decided = TOKENS.check(answer["value"])
        assert decided.name == "a"
        host = HostOverlay(decided.overrides)
        asked = {"tools": [], "audio": {"output": {"voice": "ash"}}, "input": []}
        check_patch(host.session(asked), decided.overrides.session)
        host.change(asked, {})
        host.response(asked)
    else:
        assert head.startswith(b"HTTP/1.1 400 ")
        assert answer["error"]["message"]
        assert answer["error"]["type"] == "invalid_request_error"


@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"POST / HTTP/1.1\r\n", b"\r\n", b"Host: a\r\n", b"0\r\n\r\n"]))
)
def test_whatever_comes_instead_of_http_is_answered_once_or_waited_for(parts):
    sent = []
    exchange = HttpExchange(
        "192.0.2.7:1", lambda _m, _r, done: done(Rejection(404, "No.")), sent.append, lambda _: None
    )
    for part in parts:
        if part:
            exchange.receive(part)
    assert len(sent) == exchange.is_answered
