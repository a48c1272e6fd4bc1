"""The client's side: what it says goes where it belongs, and what it is told leaves in order."""

from __future__ import annotations

import json

import pytest

from actors.audio_router import AudioRouter
from actors.client import ClientActor
from actors.dialects.realtime import RealtimeDialect
from actors.dialects.voice_agent import VoiceAgentDialect
from actors.invalid_messages import InvalidMessages
from actors.lifecycle import EVICTED, KEPT_COUNT_RUNS
from actors.messages import AnswersGiven, End, Mark, SessionSnapshot, ToClient
from turnstile.byte_budget import ProcessBudget
from turnstile.errors import Problem
from turnstile.protocol.frames import DOES_NOT_FIT, PEER_TOO_SLOW, BinaryFrame, Closed, TextFrame
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.session.client_requests import AudioFollows, ConfigRequested, EventGiven, LinkWanted, UserMessageGiven
from turnstile.session.effects import Answered, Reported, SessionAssumed
from turnstile.testing import ManualClock, RecordingInbox
from turnstile.translate.permissions import Permissions

SETTINGS = b'{"type":"Settings","agent":{}}'


def make(bench, profile=COMPONENT):
    dialect = VoiceAgentDialect(profile, "request-1", Permissions(lambda _: True, lambda _: True))
    actor = ClientActor(
        "s1", bench.dispatcher, bench.on_end, connection=bench.connection, dialect=dialect, journal=bench.journal
    )
    return bench.introduce(actor, "client")


def make_realtime(bench):
    actor = ClientActor(
        "s1",
        bench.dispatcher,
        bench.on_end,
        connection=bench.connection,
        dialect=RealtimeDialect(None, is_beta=False, id_prefix="ts_"),
        journal=bench.journal,
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


def routed(*frames):
    """Return what the UpstreamActor and the ClientActor are told of some frames."""
    client, upstream = RecordingInbox(), RecordingInbox()
    inbox = AudioRouter(client, upstream)
    for frame in frames:
        inbox.tell(frame)
    return upstream.messages, client.messages


def test_what_is_read_at_once_is_forwarded_as_it_is_one_by_one():
    audio, text = BinaryFrame(b"\0"), TextFrame(b"{}")
    client, upstream = RecordingInbox(), RecordingInbox()
    inbox = AudioRouter(client, upstream)
    for frames in ([audio, audio], [audio, text, audio], [audio], [text], [audio, audio]):
        inbox.tell_all(frames)
    assert upstream.messages == [audio, audio, audio, Mark(1), audio, audio, Mark(2), audio, audio]
    assert client.messages == [text, AudioFollows(1), text, AudioFollows(2)]


def test_audio_passes_the_client_actor_by_and_nothing_else_does():
    received = [BinaryFrame(b'{"type":"Settings"}'), TextFrame(b"{}"), Closed(1000, "")]
    assert routed(*received) == (received[:1], received[1:])


def test_both_ways_are_marked_where_audio_follows_text():
    audio, text = BinaryFrame(b"\0"), TextFrame(b"{}")
    upstream, client = routed(audio, text, text, audio, audio, text, audio)
    assert upstream == [audio, Mark(1), audio, audio, Mark(2), audio]
    assert client == [text, text, AudioFollows(1), text, AudioFollows(2)]


def test_a_mark_goes_on_to_the_coordinator_in_its_place(bench, client):
    client.on_receive(TextFrame(b'{"type":"InjectUserMessage","content":"Hello."}'))
    client.on_receive(AudioFollows(1))
    assert [type(told) for told in bench.coordinator.messages] == [UserMessageGiven, AudioFollows]


APPEND, COMMIT, ITEM = (
    TextFrame(b'{"type":"%s"}' % kind)
    for kind in (b"input_audio_buffer.append", b"input_audio_buffer.commit", b"conversation.item.create")
)


def test_both_ways_are_marked_where_an_append_follows_another_event(bench):
    client = make_realtime(bench)
    for frame in (APPEND, APPEND, COMMIT, APPEND, ITEM, ITEM, APPEND):
        client.on_receive(frame)
    upstream = [told if isinstance(told, Mark) else "append" for told in bench.upstream.messages]
    assert upstream == [Mark(1), "append", "append", Mark(2), "append", Mark(3), "append"]
    coordinator = [told.mark if isinstance(told, AudioFollows) else type(told) for told in bench.coordinator.messages]
    assert coordinator == [LinkWanted, 1, EventGiven, 2, EventGiven, EventGiven, 3]


def shown(kind, behind=0):
    return ToClient([TextFrame(b'{"type":"%s"}' % kind)], behind)


def test_what_upstream_said_after_what_is_answered_is_shown_after_the_answer(bench, client):
    client.on_receive(TextFrame(SETTINGS))
    before, after = shown(b"AgentDone"), shown(b"AgentDone2", 1)
    for message in (before, after, BinaryFrame(b""), Answered(1), AnswersGiven(1), after):
        client.on_receive(message)
    kinds = [message["type"] for message in said(bench)]
    assert kinds == ["AgentDone", "SettingsApplied", "AgentDone2", "AgentDone2"]


def test_each_answer_of_the_sessions_is_waited_for(bench, client):
    for message in (shown(b"0", 1), shown(b"1", 2), AnswersGiven(1), shown(b"2", 2), AnswersGiven(2), shown(b"3", 2)):
        client.on_receive(message)
        if message == AnswersGiven(1):
            assert [message["type"] for message in said(bench)] == ["0"]
    assert [message["type"] for message in said(bench)] == ["0", "1", "2", "3"]


def test_nothing_waits_for_an_answer_that_was_given_before_it_came(bench, client):
    client.on_receive(AnswersGiven(2))
    client.on_receive(shown(b"0", 2))
    assert [message["type"] for message in said(bench)] == ["0"]


def test_what_upstream_shows_of_the_session_keeps_its_place_too(bench):
    client = make_realtime(bench)
    for message in (SessionSnapshot({"session": {"id": "s"}}, 1), shown(b"b", 1)):
        client.on_receive(message)
    assert said(bench) == []
    client.on_receive(AnswersGiven(1))
    assert [message["type"] for message in said(bench)] == ["session.created", "b"]


def test_a_session_that_upstream_has_not_shown_is_told_of_to_a_client_that_waits_for_it(bench, client):
    make_realtime(bench).on_receive(SessionAssumed({"model": "m"}))
    (created,) = said(bench)
    assert (created["type"], created["session"]) == ("session.created", {"model": "m"})
    client.on_receive(SessionAssumed({}))
    assert len(said(bench)) == 1


def test_what_was_still_to_be_shown_is_when_the_session_ends(bench, client):
    client.on_receive(shown(b"AgentDone", 1))
    client.release(End(1000, ""))
    assert [message["type"] for message in said(bench)] == ["AgentDone"]


def test_a_request_goes_to_the_coordinator_and_its_credit_back_to_the_socket(bench, client):
    data = b'{"type":"InjectUserMessage","content":"Hello."}'
    client.on_receive(TextFrame(data))
    assert isinstance(bench.coordinator.messages[0], UserMessageGiven)
    assert bench.connection.handled_bytes == len(data)
    assert bench.upstream.messages == []


def test_the_credit_comes_back_before_the_session_counts_the_request(bench, client):
    handled, tell = [], bench.coordinator.tell
    bench.coordinator.tell = lambda message: (handled.append(bench.connection.handled_bytes), tell(message))
    data = b'{"type":"InjectUserMessage","content":"Hello."}'
    client.on_receive(TextFrame(data))
    assert handled == [len(data)]


def test_the_credit_for_each_message_is_given_back_when_several_wait(bench, client):
    client.inbox.tell_all([TextFrame(b"{"), TextFrame(b"[]"), Closed(1000, "")])
    client.on_receive(TextFrame(b'{"type":"KeepAlive"}'))
    assert (bench.connection.handled_bytes, bench.connection.handled_messages) == (23, 3)


def test_a_message_that_cannot_be_read_is_answered_and_told_nobody(bench, client):
    client.on_receive(TextFrame(b"{"))
    assert [(fault["type"], fault["code"]) for fault in said(bench)] == [("Error", "invalid_json")]
    assert bench.coordinator.messages == []
    assert bench.connection.handled_bytes == 1


def test_nothing_goes_on_when_the_first_settings_are_refused(bench, client):
    client.on_receive(TextFrame(SETTINGS))
    client.on_receive(Answered(1, Problem("invalid_value", "voice: unknown"), in_force=False))
    assert bench.upstream.messages == []
    (end,) = bench.told_itself(client)
    client.release(end)
    assert [message["type"] for message in said(bench)] == ["Error"]
    assert bench.connection.closed == (1008, "invalid_value")


def test_frames_from_upstream_are_written_in_their_order(bench, client):
    frames = [TextFrame(b'{"type":"AgentStartedSpeaking"}'), BinaryFrame(b"\0\1"), TextFrame(b'{"type":"AgentDone"}')]
    client.on_receive(ToClient(frames))
    assert bench.connection.sent == frames
    assert bench.connection.flushes == 0
    client.run_ended()
    assert bench.connection.flushes == 1


def test_a_problem_that_answers_nothing_is_reported_in_the_profiles_manner(bench):
    for profile in (COMPONENT, DEEPGRAM):
        make(bench, profile).on_receive(Reported(Problem("stalled", "Nothing came.")))
    assert [message["type"] for message in said(bench)] == ["Error", "Welcome", "Warning"]


def test_the_session_ends_without_a_word_when_the_client_closes(bench, client):
    client.on_receive(Closed(1001, "leaving"))
    assert bench.told_itself(client) == [End(1001, "leaving", by="client")]
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
    client.on_receive(TextFrame(SETTINGS))
    client.on_receive(ToClient([TextFrame(b'{"type":"AgentDone"}'), BinaryFrame(b"\0")]))
    client.on_receive(BinaryFrame(b"\0"))
    assert [note[:3] for note in bench.notes()] == [("client", "in", "Settings"), ("client", "out", "AgentDone")]


def test_a_message_of_nobodys_is_a_fault(client):
    with pytest.raises(TypeError, match="ClientActor cannot take"):
        client.on_receive("hello")


def test_what_is_not_served_is_said_before_the_request_is_told_on(bench):
    dialect = VoiceAgentDialect(COMPONENT, "request-1", Permissions(lambda _: False, lambda _: False))
    client = ClientActor(
        "s1", bench.dispatcher, bench.on_end, connection=bench.connection, dialect=dialect, journal=bench.journal
    )
    bench.introduce(client, "client")
    client.on_receive(
        TextFrame(b'{"type":"Settings","agent":{"think":{"provider":{"type":"open_ai","model":"gpt-9"}}}}')
    )
    assert "gpt-9" in said(bench)[0]["description"]
    assert "model" not in bench.coordinator.wait_for(ConfigRequested).patch


def make_counted(bench, dialect, most, clock):
    client = ClientActor(
        "s1",
        bench.dispatcher,
        bench.on_end,
        connection=bench.connection,
        dialect=dialect,
        invalid=InvalidMessages(most, clock),
        journal=bench.journal,
    )
    return bench.introduce(client, "client")


VOICE_AGENT = VoiceAgentDialect(COMPONENT, "request-1", Permissions(lambda _: True, lambda _: True))
INVALID = [
    pytest.param(VOICE_AGENT, TextFrame(b""), id="empty"),
    pytest.param(VOICE_AGENT, TextFrame(b"1"), id="no object"),
    pytest.param(VOICE_AGENT, TextFrame(b'{"type":"Sing"}'), id="of no known type"),
    pytest.param(RealtimeDialect(None, is_beta=False), TextFrame(b"1"), id="no object, realtime"),
    pytest.param(RealtimeDialect(None, is_beta=False), TextFrame(b'{"type":"session.update"}'), id="no session"),
    pytest.param(RealtimeDialect(None, is_beta=False), BinaryFrame(b"audio"), id="binary"),
]


@pytest.mark.parametrize(("dialect", "frame"), INVALID)
def test_a_session_ends_when_more_invalid_messages_come_within_a_minute_than_may(bench, caplog, dialect, frame):
    clock = ManualClock()
    client = make_counted(bench, dialect, 3, clock)
    for _ in range(3):
        client.on_receive(frame)
        clock.now += 19
    assert len(said(bench)) == 3
    assert bench.told_itself(client) == []
    client.on_receive(frame)
    assert bench.told_itself(client) == [End(1008, "too many invalid messages")]
    assert len(said(bench)) == 4
    assert [record.getMessage().count("limits.invalid_messages") for record in caplog.records] == [1]


@pytest.mark.parametrize(("dialect", "frame"), INVALID)
def test_a_session_goes_on_when_its_invalid_messages_come_slowly_enough(bench, dialect, frame):
    clock = ManualClock()
    client = make_counted(bench, dialect, 3, clock)
    for _ in range(12):
        client.on_receive(frame)
        clock.now += 20
    assert bench.told_itself(client) == []


def test_valid_messages_are_not_counted_among_the_invalid_ones(bench):
    client = make_counted(bench, VOICE_AGENT, 1, ManualClock())
    for _ in range(5):
        client.on_receive(TextFrame(b'{"type":"KeepAlive"}'))
    assert bench.told_itself(client) == []


@pytest.mark.parametrize(
    ("closed", "words"),
    [
        (Closed(1009, "frame with 2000 bytes exceeds limit", by_us=True), "limits.client_message_bytes"),
        (Closed(1009, DOES_NOT_FIT, by_us=True), "session.max_held_bytes"),
        (Closed(1008, PEER_TOO_SLOW, by_us=True), "limits.unread_timeout"),
        (Closed(1008, "no answer to a ping within 20 s", by_us=True), "no answer to a ping"),
        (Closed(1002, "invalid opcode", by_us=True), "1002 invalid opcode"),
    ],
)
def test_a_line_in_the_log_says_why_when_the_proxy_has_closed_the_connection(client, caplog, closed, words):
    client.on_receive(closed)
    assert [words in record.getMessage() for record in caplog.records] == [True]


def test_no_line_is_logged_when_the_client_has_closed_the_connection(client, caplog):
    client.on_receive(Closed(1000, "done"))
    assert not [record for record in caplog.records if "was closed" in record.getMessage()]


def test_what_the_dialect_keeps_is_charged_once_in_some_runs_until_the_end(bench):
    process = ProcessBudget()
    dialect = VoiceAgentDialect(COMPONENT, "request-1", Permissions(lambda _: True, lambda _: True))
    dialect._history = "x" * 1000
    client = ClientActor(
        "s1",
        bench.dispatcher,
        bench.on_end,
        connection=bench.connection,
        dialect=dialect,
        budget=process.session(""),
        journal=bench.journal,
    )
    bench.introduce(client, "client")
    for _ in range(KEPT_COUNT_RUNS):
        client.run_ended()
    assert process.held == dialect.kept_bytes > 0
    client.release(EVICTED)
    assert process.held == 0
    assert bench.connection.closed == (EVICTED.code, EVICTED.reason)
