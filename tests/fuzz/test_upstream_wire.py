"""Upstream's wire: whatever comes is read, or dropped for one of the reasons that the `UpstreamActor` knows."""

from __future__ import annotations

import pytest
from events import BUILT, events
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import UPSTREAM_CODES, check_events, check_frames, sent
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from values import encoded, wire

from actors.upstream_events import UpstreamEvents
from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.beta_events import current_server_event
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.protocol.realtime import parse_server_event
from turnstile.protocol.shapes import IS_CANONICAL, valid_event
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.session.client_requests import ConfigRequested, UserMessageGiven
from turnstile.session.events import ResponseProgressed
from turnstile.session.facts import FactReader
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.translate.event_table import SERVER_EVENTS
from turnstile.translate.to_realtime_client import RealtimeTranslator
from turnstile.translate.to_voice_agent import VoiceAgentTranslator

translators = st.sampled_from(
    [
        lambda: (VoiceAgentTranslator(COMPONENT), check_frames),
        lambda: (VoiceAgentTranslator(DEEPGRAM), check_frames),
        lambda: (RealtimeTranslator("ts_", is_beta=False), check_events),
        lambda: (RealtimeTranslator("ts_", is_beta=True), check_events),
    ]
)


def parsed(data):
    """Return an event, or None for one that is refused under a documented code."""
    try:
        return current_server_event(parse_server_event(data)[0])
    except UpstreamProtocolError as error:
        assert error.problem.code in UPSTREAM_CODES
        assert error.problem.description
        return None


def read(reader, event):
    """Return the fact in an event, or None for one that has none or cannot be read."""
    try:
        return reader.fact(event)
    except UpstreamProtocolError:
        return None


def translated(translator, event, now):
    """Return an event's frames, none for one that cannot be read."""
    say = translator.audio if event["type"] == "response.output_audio.delta" else translator.translate
    try:
        return say(event, now)
    except UpstreamProtocolError:
        return []


def test_every_event_that_is_not_ignored_is_built():
    acted_on = {kind for kind, row in SERVER_EVENTS.items() if row.handling != "ignored"}
    assert acted_on <= {*BUILT}


@pytest.mark.parametrize("kind", BUILT)
@settings(max_examples=5)
@given(data=st.data())
def test_what_is_built_is_read(kind, data):
    event = parsed(encoded(data.draw(BUILT[kind])))
    FactReader().fact(event)
    VoiceAgentTranslator(COMPONENT).translate(event, 0.0)


def test_the_table_names_what_the_apis_library_names():
    adapter = TypeAdapter(RealtimeServerEvent)
    named = {kind["properties"]["type"]["const"] for kind in adapter.json_schema()["$defs"].values() if _is_event(kind)}
    assert named <= {*SERVER_EVENTS}


def _is_event(schema):
    properties = schema.get("properties", {})
    return "event_id" in properties and "const" in properties.get("type", {})


@given(wire(events))
def test_an_event_is_read_or_refused(data):
    event = parsed(data)
    if event is not None:
        assert isinstance(event["type"], str)
        read(FactReader(), event)


@given(wire(events))
def test_nothing_in_an_event_that_is_taken_for_plain_is_odd_or_old(data):
    event = parse_server_event(data)[0] if parsed(data) else {}
    if event.get("type") in IS_CANONICAL and IS_CANONICAL[event["type"]](event):
        assert valid_event(event) is event
        assert current_server_event(event) is event


@given(st.lists(wire(events), max_size=12), translators)
def test_a_client_can_read_what_events_come_to(frames, made):
    translator, check = made()
    for now, data in enumerate(frames):
        event = parsed(data)
        if event is not None:
            check(translated(translator, event, float(now)))


def heard(upstream, frames):
    """Return the facts in frames that come at once, and what the client hears of them."""
    facts, told = [], []

    def take(_event, fact, frames, _data, _audio):
        facts.extend([fact] if fact else ())
        told.extend(frames)

    upstream.read(frames, 0.0, take)
    return facts, told


def whole(frames):
    """Return frames with pieces of audio that follow one another in one."""
    audio, told = b"", []
    for frame in frames:
        if isinstance(frame, BinaryFrame):
            audio += frame.data
        else:
            told += [audio, frame.data]
            audio = b""
    return [part for part in (*told, audio) if part]


_voice = BUILT["response.output_audio.delta"].map(
    lambda event: encoded({**event, "response_id": "resp_1", "item_id": "item_1"})
)


@given(st.lists(st.one_of(wire(events), _voice, _voice), max_size=12), translators)
def test_what_comes_at_once_is_heard_as_if_each_event_came_alone(frames, made):
    begun = TextFrame(b'{"type":"response.created","response":{"id":"resp_1","conversation_id":"conv_1"}}')
    frames = [begun, *map(TextFrame, frames)]
    together, singly = (UpstreamEvents(made()[0]) for _ in range(2))
    facts, told = heard(together, frames)
    one_by_one = [heard(singly, [frame]) for frame in frames]
    assert facts == [fact for each, _ in one_by_one for fact in each]
    assert whole(told) == whole(frame for _, each in one_by_one for frame in each)


@given(st.lists(wire(events), max_size=12), st.booleans())
def test_what_events_tell_can_be_decided_and_sent(frames, is_transparent):
    session, reader = Session(Policy(is_transparent=is_transparent)), FactReader()
    happened = [ConfigRequested(1, {"instructions": "Be brief."}), UserMessageGiven(2, {"type": "message"})]
    for data in frames:
        event = parsed(data)
        if event is None:
            continue
        happened.append(read(reader, event))
        if isinstance(response_id := event.get("response_id"), str):
            happened.append(ResponseProgressed(response_id))
        for one in filter(None, happened):
            for effect in session.handle(one):
                sent(effect)
        happened = []
    assert repr(session)
