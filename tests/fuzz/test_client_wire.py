"""The client's wire: whatever comes is read, or refused under a documented code; nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import CLIENT_CODES, REALTIME_CODES, check_events, check_frames, sent
from messages import BUILT, messages
from realtime_events import client_events
from values import SECRET, encoded, wire

from actors.dialects.realtime import RealtimeDialect
from actors.dialects.voice_agent import VoiceAgentDialect
from actors.messages import AudioEvent
from turnstile.errors import ClientProtocolError
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.protocol.voice_agent.client import MESSAGE_TYPES, parse_client_message
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.session.effects import Answered
from turnstile.session.events import ConfigAnswered
from turnstile.session.link_events import LinkOpened
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.translate.permissions import Permissions

SERVES = Permissions(lambda model: model != "gpt-unserved", lambda url: "api.example.com" in url)
profiles = st.sampled_from([COMPONENT, DEEPGRAM])


def read(dialect, data, codes):
    """Return what a dialect reads out of a frame; what it refuses, it refuses under one of `codes`, in words."""
    try:
        return [*dialect.read(data)]
    except ClientProtocolError as error:
        assert error.problem.code in codes
        assert error.problem.description
        assert SECRET not in error.problem.description
        return [dialect.problem(error.problem, fatal=False)]


def told(session, dialect, things):
    """Tell a session what a dialect read; returns what the client hears, and checks what upstream is sent."""
    frames = []
    for thing in things:
        if isinstance(thing, TextFrame | BinaryFrame):
            frames.append(thing)
        elif not isinstance(thing, AudioEvent):
            for effect in session.handle(thing):
                sent(effect)
                if isinstance(effect, Answered):
                    frames += dialect.answer(effect)
    return frames


def confirm(session):
    """Let upstream come up, and take what it was configured to."""
    updating = session.state.updating
    return ConfigAnswered(updating.target) if updating else LinkOpened()


def test_a_message_of_every_type_is_built():
    assert sorted(BUILT) == sorted(MESSAGE_TYPES)


@pytest.mark.parametrize("kind", BUILT)
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_built_is_read(kind, data):
    assert parse_client_message(encoded(data.draw(BUILT[kind]))).type == kind


@given(wire(messages), profiles)
def test_a_frame_is_read_or_refused(data, profile):
    told_at_once = read(VoiceAgentDialect(profile, "request-1", SERVES), data, CLIENT_CODES)
    check_frames(thing for thing in told_at_once if isinstance(thing, TextFrame))


@given(st.lists(wire(messages), max_size=8), profiles)
def test_what_was_read_can_be_decided_answered_and_sent(frames, profile):
    dialect, session = VoiceAgentDialect(profile, "request-1", SERVES), Session(Policy(max_held=4))
    check_frames(dialect.opening())
    for data in frames:
        check_frames(told(session, dialect, read(dialect, data, CLIENT_CODES)))
        check_frames(told(session, dialect, [confirm(session)]))


@given(st.lists(wire(client_events), max_size=6), st.booleans())
def test_an_event_of_a_realtime_client_passes_or_is_refused(frames, is_beta):
    dialect, session = RealtimeDialect(None, is_beta=is_beta), Session(Policy(is_transparent=True))
    check_events(told(session, dialect, dialect.opening()))
    for data in frames:
        check_events(told(session, dialect, read(dialect, data, REALTIME_CODES)))
        check_events(told(session, dialect, [confirm(session)]))
