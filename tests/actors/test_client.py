"""The client's side: what it says goes where it belongs, and what it is told leaves in order."""

from __future__ import annotations

import json

import pytest

from actors.client import ClientActor, PastTheClient
from actors.messages import Agreed, End, ToClient
from actors.voice_agent import VoiceAgentDialect
from turnstile.audio.formats import PCM_24K
from turnstile.errors import Problem
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.session.effects import Answered, Reported
from turnstile.session.events import ConfigRequested, UserMessageGiven
from turnstile.testing import RecordingInbox
from turnstile.translate.serves import SERVES_ALL, Serves

SETTINGS = b'{"type":"Settings","agent":{}}'


def make(bench, profile=COMPONENT):
    dialect = VoiceAgentDialect(profile, "request-1", SERVES_ALL)
    actor = ClientActor(
        "s1", bench.dispatcher, bench.on_end, connection=bench.connection, dialect=dialect, journal=bench.journal
    )
    return bench.introduce(actor, "client")


@pytest.fixture
def client(bench):
    return make(bench)


def said(bench):
    return [json.loads(frame.data) for frame in bench.connection.sent if isinstance(frame, TextFrame)]


def test_a_deepgram_client_is_welcomed_by_name_and_a_component_is_not(bench):
    make(bench, COMPONENT)
    assert said(bench) == []
    make(bench, DEEPGRAM)
    assert said(bench) == [{"type": "Welcome", "request_id": "request-1"}]


def test_audio_passes_the_client_actor_by_and_nothing_else_does():
    client, upstream = RecordingInbox(), RecordingInbox()
    inbox = PastTheClient(client, upstream)
    received = [BinaryFrame(b'{"type":"Settings"}'), TextFrame(b"{}"), BinaryFrame(b""), Closed(1000, "")]
    for message in received:
        inbox.tell(message)
    assert upstream.messages == received[::2]
    assert client.messages == received[1::2]


def test_a_request_goes_to_the_coordinator_and_its_credit_back_to_the_socket(bench, client):
    data = b'{"type":"InjectUserMessage","content":"Hello."}'
    client.receive(TextFrame(data))
    assert isinstance(bench.coordinator.messages[0], UserMessageGiven)
    assert bench.connection.handled_bytes == len(data)
    assert bench.upstream.messages == []


def test_a_message_that_cannot_be_read_is_answered_and_told_nobody(bench, client):
    client.receive(TextFrame(b"{"))
    assert [(fault["type"], fault["code"]) for fault in said(bench)] == [("Error", "invalid_json")]
    assert bench.coordinator.messages == []
    assert bench.connection.handled_bytes == 1


def test_what_the_formats_agreed_are_is_told_upstream_when_settings_are_in_force(bench, client):
    client.receive(TextFrame(SETTINGS))
    request = bench.coordinator.wait_for(ConfigRequested)
    assert bench.upstream.messages == []
    client.receive(Answered(request.ref))
    assert isinstance(bench.upstream.messages[0], Agreed)
    assert bench.upstream.messages[0].output == PCM_24K
    assert [message["type"] for message in said(bench)] == ["SettingsApplied"]


def test_nothing_is_agreed_when_settings_are_refused(bench, client):
    client.receive(TextFrame(SETTINGS))
    client.receive(Answered(1, Problem("invalid_value", "voice: unknown"), in_force=False))
    assert bench.upstream.messages == []
    (end,) = bench.told_itself(client)
    client.release(end)
    assert [message["type"] for message in said(bench)] == ["Error"]
    assert bench.connection.closed == (1008, "invalid_value")


def test_frames_from_upstream_are_written_in_their_order(bench, client):
    frames = [TextFrame(b'{"type":"AgentStartedSpeaking"}'), BinaryFrame(b"\0\1"), TextFrame(b'{"type":"AgentDone"}')]
    client.receive(ToClient(frames))
    assert bench.connection.sent == frames
    assert bench.connection.flushes == 0
    client.run_ended()
    assert bench.connection.flushes == 1


def test_a_problem_that_answers_nothing_is_reported_in_the_profiles_manner(bench):
    for profile in (COMPONENT, DEEPGRAM):
        make(bench, profile).receive(Reported(Problem("stalled", "Nothing came.")))
    assert [message["type"] for message in said(bench)] == ["Error", "Welcome", "Warning"]


def test_the_session_ends_without_a_word_when_the_client_closes(bench, client):
    client.receive(Closed(1001, "leaving"))
    assert bench.told_itself(client) == [End(1001, "leaving")]
    assert ("client", "in", "closed", "1001 leaving") in bench.notes()
    client.release(End(1001, "leaving"))
    assert bench.connection.sent == []
    assert bench.connection.closed == (1001, "leaving")


@pytest.mark.parametrize("profile", [COMPONENT, DEEPGRAM])
def test_the_client_hears_an_error_and_then_the_close_when_there_is_a_problem(bench, profile):
    client = make(bench, profile)
    client.release(End(1011, "upstream_closed", Problem("upstream_closed", "Upstream closed.")))
    assert said(bench)[-1]["type"] == "Error"
    assert said(bench)[-1]["code"] == "upstream_closed"
    assert bench.connection.closed == (1011, "upstream_closed")


def test_text_of_both_ways_is_in_the_journal_and_audio_is_not(bench, client):
    client.receive(TextFrame(SETTINGS))
    client.receive(ToClient([TextFrame(b'{"type":"AgentDone"}'), BinaryFrame(b"\0")]))
    client.receive(BinaryFrame(b"\0"))
    assert [note[:3] for note in bench.notes()] == [("client", "in", "Settings"), ("client", "out", "AgentDone")]


def test_a_message_of_nobodys_is_a_fault(client):
    with pytest.raises(TypeError, match="ClientActor was told"):
        client.receive("hello")


def test_what_is_not_served_is_said_before_the_request_is_told_on(bench):
    dialect = VoiceAgentDialect(COMPONENT, "request-1", Serves(lambda _: False, lambda _: False))
    client = ClientActor(
        "s1", bench.dispatcher, bench.on_end, connection=bench.connection, dialect=dialect, journal=bench.journal
    )
    bench.introduce(client, "client")
    client.receive(TextFrame(b'{"type":"Settings","agent":{"think":{"provider":{"type":"open_ai","model":"gpt-9"}}}}'))
    assert "gpt-9" in said(bench)[0]["description"]
    assert "model" not in bench.coordinator.wait_for(ConfigRequested).patch
