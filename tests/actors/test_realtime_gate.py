"""No event of a Realtime client's, however it is built, brings an update or a response past the gate."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from actors.dialects.realtime import RealtimeDialect
from actors.messages import AudioEvent
from turnstile.errors import ClientProtocolError
from turnstile.session import effects
from turnstile.session.client_requests import EventGiven, Request
from turnstile.session.events import ResponseFinished, ResponseStarted
from turnstile.session.in_flight import Response
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import State

# By what it tries; each as it is written.
FRAMES = {
    "plain create": '{"type": "response.create"}',
    "plain update": '{"type": "session.update", "session": {"instructions": "x"}}',
    "response is text": '{"type": "response.create", "response": "x"}',
    "response is a number": '{"type": "response.create", "response": 7}',
    "response is zero": '{"type": "response.create", "response": 0}',
    "response is false": '{"type": "response.create", "response": false}',
    "response is an empty text": '{"type": "response.create", "response": ""}',
    "response is a list": '{"type": "response.create", "response": ["x"]}',
    "response is an empty list": '{"type": "response.create", "response": []}',
    "response is null": '{"type": "response.create", "response": null}',
    "metadata are text": '{"type": "response.create", "response": {"metadata": "x"}}',
    "metadata are a list": '{"type": "response.create", "response": {"metadata": ["x"]}}',
    "metadata are null": '{"type": "response.create", "response": {"metadata": null}}',
    "audio of a response is text": '{"type": "response.create", "response": {"audio": "x"}}',
    "conversation is auto": '{"type": "response.create", "response": {"conversation": "auto"}}',
    "conversation is null": '{"type": "response.create", "response": {"conversation": null}}',
    "conversation is an id": '{"type": "response.create", "response": {"conversation": "conv_1"}}',
    "conversation is None": '{"type": "response.create", "response": {"conversation": "None"}}',
    "conversation is a list": '{"type": "response.create", "response": {"conversation": ["none"]}}',
    "conversation beside the response": '{"type": "response.create", "conversation": "none"}',
    "conversation twice": '{"type": "response.create", "response": {"conversation": "none", "conversation": "auto"}}',
    "response twice": '{"type": "response.create", "response": {"conversation": "none"}, "response": {}}',
    "type twice, gated last": '{"type": "of.the.future", "type": "response.create"}',
    "type twice, gated first": '{"type": "response.create", "type": "of.the.future"}',
    "type twice, as audio": '{"type": "session.update", "type": "input_audio_buffer.append", "session": {}}',
    "type twice, as a cancel": '{"type": "response.create", "type": "response.cancel"}',
    "type is escaped": '{"type": "response\\u002ecreate"}',
    "the name of type is escaped": '{"t\\u0079pe": "response.create"}',
    "type with capitals": '{"type": "Response.Create"}',
    "type with blanks": '{"type": " session.update ", "session": {}}',
    "type with half a character": '{"type": "response.create\\ud83d"}',
    "half a character inside": '{"type": "response.create", "response": {"instructions": "\\ud83d"}}',
    "half a character in an update": '{"type": "session.update", "session": {"instructions": "\\ud83d"}}',
    "type is a list": '{"type": ["response.create"]}',
    "event in a list": '[{"type": "response.create"}]',
    "two events": '{"type": "of.the.future"}{"type": "response.create"}',
    "session is text": '{"type": "session.update", "session": "x"}',
    "session is null": '{"type": "session.update", "session": null}',
    "session is a number": '{"type": "session.update", "session": 1}',
    "session is a list": '{"type": "session.update", "session": [{}]}',
    "session is missing": '{"type": "session.update"}',
    "session is empty": '{"type": "session.update", "session": {}}',
    "audio is text": '{"type": "session.update", "session": {"audio": "x"}}',
    "audio is null": '{"type": "session.update", "session": {"audio": null}}',
    "input is text": '{"type": "session.update", "session": {"audio": {"input": "x"}}}',
    "output is a number": '{"type": "session.update", "session": {"audio": {"output": 5}}}',
    "detection is text": '{"type": "session.update", "session": {"audio": {"input": {"turn_detection": "x"}}}}',
    "tools are text": '{"type": "session.update", "session": {"tools": "x"}}',
    "update of the beta": '{"type": "session.update", "session": {"voice": "ash", "turn_detection": "x"}}',
    "audio of the beta": '{"type": "session.update", "session": {"voice": "ash", "audio": "x"}}',
    "create of the beta": '{"type": "response.create", "response": {"modalities": ["text"], "metadata": 1}}',
    "transcription of the beta": '{"type": "transcription_session.update", "session": {}}',
}
GATED = {"session.update", "response.create"}


def tell(dialect, session, frame):
    """Give a client's frame to its session, as the actors do; return what goes upstream."""
    sent = []
    for told in dialect.read(frame.encode()):
        if isinstance(told, AudioEvent):
            sent.append(json.loads(told.event)["type"])
        elif isinstance(told, Request | EventGiven):
            sent += went_up(session.handle(told))
    return sent


def went_up(told):
    kinds = {effects.SendUpdate: "session.update", effects.SendCreate: "response.create"}
    passed = [json.loads(effect.event)["type"] for effect in told if isinstance(effect, effects.PassOn)]
    return passed + [kinds[type(effect)] for effect in told if type(effect) in kinds]


@pytest.fixture
def answering():
    """A session in which a response runs."""
    state = State(link="open", configured=True, response=Response("resp_1"))
    return Session(Policy(is_transparent=True), state)


@pytest.mark.parametrize("is_beta", [False, True])
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_nothing_that_is_gated_leaves_while_a_response_runs(answering, frame, is_beta):
    dialect, sent = RealtimeDialect(None, is_beta=is_beta), []
    with suppress(ClientProtocolError):
        sent = tell(dialect, answering, frame)
    assert GATED.isdisjoint(sent)
    assert not [kind for kind in sent if kind.strip().casefold() in GATED]


@pytest.mark.parametrize("is_beta", [False, True])
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_the_session_goes_on_whatever_was_given(answering, frame, is_beta):
    with suppress(ClientProtocolError):
        tell(RealtimeDialect(None, is_beta=is_beta), answering, frame)
    answering.handle(ResponseFinished("resp_1"))
    answering.handle(ResponseStarted("resp_2"))
    assert answering.state.response.response_id == "resp_2"


def test_a_response_beside_the_conversation_waits_for_nothing(answering):
    frame = '{"type": "response.create", "response": {"conversation": "none"}}'
    assert tell(RealtimeDialect(None, is_beta=False), answering, frame) == ["response.create"]
