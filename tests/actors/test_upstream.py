"""The Realtime side: it reads its wire first, holds the audio, and lets no link be left behind."""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import replace
from functools import partial

import pytest

from actors.audio_uplink import AudioUplink
from actors.messages import AudioEvent, End, LocalSettings, Mark, ToClient
from actors.upstream import UpstreamActor
from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.input_audio import InputAudio
from turnstile.errors import Problem
from turnstile.ports import FunctionReturned, LinkFailed, LinkReady, UpstreamTarget
from turnstile.protocol.frames import PEER_TOO_SLOW, BinaryFrame, Closed, TextFrame
from turnstile.protocol.voice_agent.functions import FunctionEndpoint
from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.session import effects
from turnstile.session.events import (
    AgentSpoke,
    CallReturned,
    ConfigAnswered,
    FunctionCalled,
    HandedBack,
    Refused,
    ResponseFinished,
    ResponseProgressed,
    ResponseStarted,
)
from turnstile.session.link_events import LinkConnected, LinkLost, LinkOpened
from turnstile.session.turn_events import AudioHeard, CutOff, SpeechStarted, SpeechStopped, TurnCommitted
from turnstile.testing import RecordingConnection, patience
from turnstile.translate.host_overrides import HostFunction
from turnstile.translate.to_voice_agent import VoiceAgentTranslator

WEATHER = FunctionEndpoint(url="https://api.example.com/weather", method="POST", headers={"x-key": "made up"})
FORMATS = LocalSettings(PCM_24K, PCM_24K, "none", keeps_history=False)
AGREED = effects.ApplyLocal(FORMATS)
MULAW = AudioFormat("mulaw", 8_000)
TELEPHONE = effects.ApplyLocal(LocalSettings(MULAW, MULAW, "none", keeps_history=False))


class HostCalls:
    """The `HostFunctionCaller` port: keeps what is to be called."""

    def __init__(self, called):
        self._called = called

    def call(self, function, call_id, arguments, inbox, identity=""):
        assert not identity
        self._called.append((function, call_id, arguments, inbox))
        return Call(self._called, call_id)


class Call:
    """The `FunctionCall` port: notes that it was cancelled."""

    def __init__(self, called, call_id):
        self._called = called
        self._call_id = call_id

    def cancel(self):
        self._called.append(f"{self._call_id} cancelled")


class Upstream:
    """An `UpstreamActor` that was not started, and the far end of its link."""

    def __init__(
        self, bench, max_held=10_000, *, takes_events=False, shows_session=False, is_beta=False, translator=None
    ):
        self.bench = bench
        self.called = []
        self.link = RecordingConnection()
        self.actor = UpstreamActor(
            "s1",
            bench.dispatcher,
            bench.on_end,
            connector=bench.connector,
            target=lambda model: UpstreamTarget(f"ws://upstream/?model={model}", is_beta=is_beta),
            audio=AudioUplink(InputAudio(), max_held, takes_events=takes_events),
            translator=translator or VoiceAgentTranslator(COMPONENT),
            shows_session=shows_session,
            functions=self,
            host_functions=HostCalls(self.called),
            labels={"tags": "the host's"},
            source=bench.connection,
            clock=bench.clock,
            wall_clock=bench.wall_clock,
            journal=bench.journal,
        )
        bench.introduce(self.actor, "upstream")

    def call(self, request, inbox, identity=""):
        """Be the `FunctionCaller` port: keep what is to be called."""
        assert inbox is self.actor.inbox
        assert not identity
        self.called.append(request)
        return Call(self.called, request.call_id)

    def tell(self, *messages):
        """Have it take some messages in one run."""
        self.actor.inbox.tell_all(messages)
        while not self.actor.inbox.empty():
            self.actor.on_receive(self.actor.inbox.get().message)
        self.actor.run_ended()

    def open(self):
        """Open a link, and have it come up."""
        self.tell(effects.OpenLink("m1"))
        self.link = RecordingConnection()
        self.links(LinkReady(self.link))
        self.hears({"type": "session.created", "session": {}})
        return self

    def links(self, message, link=-1):
        """Have a link say something: the latest, or that of the given number."""
        self.bench.connector.asked[link][1].tell(message)
        self.tell()

    def hears(self, *events):
        for event in events:
            self.links(TextFrame(event if isinstance(event, bytes) else json.dumps(event).encode()))

    def ready(self):
        """Be up and configured, with the formats agreed."""
        self.open()
        self.hears({"type": "session.updated", "session": {}})
        self.tell(AGREED, effects.OpenAudio())
        return self

    def sent(self, link=None):
        return [json.loads(frame.data) for frame in (link or self.link).sent]

    def appended(self):
        pieces = [event["audio"] for event in self.sent() if event["type"] == "input_audio_buffer.append"]
        return b"".join(map(base64.b64decode, pieces))

    def facts(self):
        return self.bench.coordinator.messages

    def shown(self):
        """What the client was shown: its messages, audio as bytes."""
        told = [message for message in self.bench.client.messages if isinstance(message, ToClient)]
        frames = [frame for message in told for frame in message.frames]
        return [json.loads(frame.data) if isinstance(frame, TextFrame) else frame.data for frame in frames]


@pytest.fixture
def upstream(bench):
    return Upstream(bench)


def created(name="r1", **fields):
    response = {"id": name, "status": "in_progress", "output": [], "conversation_id": "c1", **fields}
    return {"type": "response.created", "response": response}


def done(name="r1"):
    return {"type": "response.done", "response": {"id": name, "status": "completed", "output": []}}


def delta(audio, name="r1"):
    return {
        "type": "response.output_audio.delta",
        "response_id": name,
        "item_id": "i1",
        "delta": base64.b64encode(audio).decode(),
    }


# The link.


def test_a_link_is_asked_for_with_the_model_and_told_of_when_the_session_is_created(bench, upstream):
    upstream.tell(effects.OpenLink("m1"))
    assert bench.connector.asked[0][0].url == "ws://upstream/?model=m1"
    upstream.links(LinkReady(upstream.link))
    assert upstream.facts() == [LinkConnected()]
    upstream.hears({"type": "session.created", "session": {}})
    assert upstream.facts() == [LinkConnected(), LinkOpened()]
    assert upstream.link.held_back == [bench.connection]
    assert bench.connection.held_back == [upstream.link]


@pytest.mark.parametrize(
    ("first", "opened"),
    [
        ({"type": "session.created"}, LinkOpened(shows_session=False)),
        ({"type": "conversation.created"}, LinkOpened(shows_session=False)),
        ({"type": "session.updated", "session": {"a": 1}}, LinkOpened()),
    ],
)
def test_a_link_is_up_whichever_event_says_so_first_and_once(upstream, first, opened):
    upstream.tell(effects.OpenLink(None))
    upstream.links(LinkReady(upstream.link))
    upstream.hears(first, {"type": "session.created", "session": {}}, {"type": "conversation.created"})
    assert next(fact for fact in upstream.facts() if isinstance(fact, LinkOpened)) == opened
    assert sum(isinstance(fact, LinkOpened) for fact in upstream.facts()) == 1
    upstream.open()
    assert sum(isinstance(fact, LinkOpened) for fact in upstream.facts()) == 2


@pytest.mark.parametrize("shown", [{"output_modalities": ["text"]}, {"modalities": ["text"]}], ids=["current", "beta"])
def test_the_session_hears_how_long_a_link_lasts_and_what_kinds_of_output_it_has(bench, upstream, shown):
    upstream.tell(effects.OpenLink(None))
    upstream.links(LinkReady(upstream.link))
    upstream.hears({"type": "session.created", "session": {"expires_at": bench.wall_clock.now + 3600, **shown}})
    assert (upstream.facts()[-1].lifetime, upstream.facts()[-1].modalities) == (3600, ["text"])


def test_the_session_hears_why_when_a_link_cannot_be_opened(upstream):
    upstream.tell(effects.OpenLink(None))
    upstream.links(LinkFailed(Problem("upstream_refused", "The key was refused (401)."), retryable=False))
    assert upstream.facts() == [LinkLost("upstream_refused", "The key was refused (401).", retryable=False)]


def test_the_session_hears_how_long_upstream_asks_to_wait(upstream):
    upstream.tell(effects.OpenLink(None))
    upstream.links(LinkFailed(Problem("upstream_refused", "Busy (503)."), retryable=True, retry_after=7.0))
    assert upstream.facts() == [LinkLost("upstream_refused", "Busy (503).", retry_after=7.0)]


def test_a_line_in_the_log_says_why_when_the_proxy_has_closed_the_link(upstream, caplog):
    upstream.open().links(Closed(1008, PEER_TOO_SLOW, by_us=True))
    line, _ = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]  # and the loss
    assert PEER_TOO_SLOW in line
    assert "limits.unread_timeout" in line


@pytest.mark.parametrize(
    ("code", "reason", "words", "retryable"),
    [
        (1011, "oops", "Upstream closed the connection (1011 oops).", True),
        (1006, "", "Upstream closed the connection (1006).", True),
        (1013, "try again in 2.5s", "Upstream closed the connection (1013 try again in 2.5s).", True),
        (3000, "invalid_request_error", "Upstream closed the connection (3000 invalid_request_error).", False),
        (4000, "", "Upstream closed the connection (4000).", False),
    ],
)
def test_a_lost_link_is_told_of_with_its_close(bench, upstream, code, reason, words, retryable):
    upstream.open().links(Closed(code, reason))
    assert upstream.facts()[-1] == LinkLost("upstream_closed", words, retryable, Closed(code, reason))
    assert ("upstream", "in", "closed", "upstream_closed") in bench.notes()


def test_an_error_is_told_and_the_link_stays(upstream):
    upstream.open().hears({"type": "error", "error": {"code": "x", "message": "No.", "event_id": "e1"}})
    assert upstream.facts()[-1] == Refused("e1", "x", "No.")
    assert upstream.link.closed is None


def test_the_last_words_of_an_old_link_are_nobodys(upstream):
    upstream.open().links(Closed(1006, ""))
    upstream.open()
    facts = list(upstream.facts())
    upstream.links(Closed(1006, ""), link=0)
    upstream.links(TextFrame(json.dumps(created()).encode()), link=0)
    assert upstream.facts() == facts
    assert upstream.link.closed is None


def test_that_the_agent_spoke_is_told_once_a_link(upstream):
    spoke = {"type": "response.content_part.added", "response_id": "r1", "item_id": "i1", "part": {"type": "audio"}}
    upstream.open().hears(spoke, spoke)
    upstream.links(Closed(1006, ""))
    upstream.open().hears(spoke, spoke)
    assert upstream.facts().count(AgentSpoke()) == 2


def test_a_link_that_opens_after_another_was_asked_for_is_closed(upstream):
    upstream.tell(effects.OpenLink(None), effects.OpenLink(None))
    late = RecordingConnection()
    upstream.links(LinkReady(late), link=0)
    assert late.closed == (1000, "")


def test_a_link_that_stays_silent_is_closed_when_another_is_asked_for(upstream):
    upstream.tell(effects.OpenLink(None))
    silent = RecordingConnection()
    upstream.links(LinkReady(silent))
    upstream.open()
    assert silent.closed == (1000, "")
    assert upstream.link.closed is None


def test_the_attempt_to_open_a_link_ends_when_another_is_asked_for_or_the_session_ends(bench, upstream):
    ended = []
    for name in ("first", "second"):
        upstream.tell(effects.OpenLink(None))
        bench.connector.asked[-1][1].when_unwanted(partial(ended.append, name))
    assert ended == ["first"]
    upstream.actor.release(End(1000, ""))
    assert ended == ["first", "second"]


def test_the_link_is_closed_at_the_end(upstream):
    upstream.open().actor.release(End(1000, ""))
    assert upstream.link.closed == (1000, "")


def test_nothing_is_closed_at_the_end_when_no_link_was_opened(upstream):
    upstream.actor.release(End(1000, ""))
    upstream.actor.run_ended()
    assert upstream.link.closed is None


def test_a_link_that_opens_behind_the_end_is_closed(upstream):
    upstream.tell(effects.OpenLink(None))
    upstream.actor.release(End(1000, ""))
    link = upstream.bench.connector.asked[0][1]
    for message in (LinkReady(upstream.link), TextFrame(b"{}")):
        link.tell(message)
        upstream.actor.dropped(upstream.actor.inbox.get().message)
    assert upstream.link.closed == (1000, "")


def test_no_function_is_begun_and_no_link_opened_behind_the_end(bench):
    upstream = Upstream(bench)
    inbox = upstream.actor.inbox
    inbox.tell_all([End(1000, ""), effects.CallFunction("c1", "{}", WEATHER), effects.OpenLink(None)])
    upstream.actor.begin()
    assert upstream.actor.actor_stopped.wait(patience())
    assert upstream.actor.actor_ref.stop(timeout=patience()) is False
    assert (upstream.called, bench.connector.asked, bench.ended) == ([], [], ["ended"])


def test_what_was_being_said_is_over_for_the_client_when_the_link_is_lost(upstream):
    upstream.ready().hears(created(), delta(bytes(4800)))
    upstream.links(Closed(1006, ""))
    assert [one["type"] for one in upstream.shown() if isinstance(one, dict)][-2:] == ["AgentAudioDone", "AgentDone"]


def test_what_was_heard_before_a_failure_is_shown_before_the_end(bench, upstream):
    upstream.ready().hears(created())
    bench.connector.asked[-1][1].tell(TextFrame(json.dumps(delta(b"\1\0" * 2400)).encode()))
    upstream.actor.on_receive(upstream.actor.inbox.get().message)
    before = list(bench.client.messages)
    upstream.actor.on_failure(None, None, None)
    assert [type(told) for told in bench.client.messages[len(before) :]] == [ToClient, End]


# Commands.


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (effects.SendUpdate("e1", {"instructions": "Rhyme."}, 0), "session.update"),
        (effects.SendItem("e1", {"type": "message"}), "conversation.item.create"),
        (effects.SendCreate("e1", {}, 0), "response.create"),
        (effects.SendCancel("e1", "r1"), "response.cancel"),
        (effects.SendTruncate("e1", "i1", 250), "conversation.item.truncate"),
    ],
)
def test_a_command_leaves_under_its_id_and_with_the_run(upstream, command, kind):
    before = upstream.open().link.flushes
    upstream.actor.on_receive(command)
    assert [(event["type"], event["event_id"]) for event in upstream.sent()] == [(kind, "e1")]
    assert upstream.link.flushes == before
    upstream.actor.run_ended()
    assert upstream.link.flushes == before + 1


@pytest.mark.parametrize("command", [effects.SendUpdate("e1", {}, 0), effects.SendCreate("e1", {}, 0)])
@pytest.mark.parametrize(
    "closing",
    [
        created(),
        {"type": "input_audio_buffer.speech_stopped", "item_id": "i1"},
        {"type": "input_audio_buffer.committed", "item_id": "i1"},
    ],
)
def test_a_gated_command_is_handed_back_when_a_fact_has_overtaken_it(bench, upstream, command, closing):
    upstream.open().hears(closing)
    upstream.tell(command)
    assert upstream.sent() == []
    assert upstream.facts()[-1] == HandedBack("e1")
    assert ("upstream", "note", "handed back", "e1") in bench.notes()


def test_a_gated_command_goes_when_its_decision_knew_the_latest_fact(upstream):
    upstream.open().hears(created(), done())
    upstream.tell(effects.SendUpdate("e1", {}, 1), effects.SendCreate("e2", {}, 1))
    assert [event["event_id"] for event in upstream.sent()] == ["e1", "e2"]


def test_an_out_of_band_response_overtakes_nothing(upstream):
    upstream.open().hears(created(conversation_id=None))
    upstream.tell(effects.SendCreate("e1", {}, 0))
    assert [event["event_id"] for event in upstream.sent()] == ["e1"]


def test_what_is_no_gated_command_goes_whatever_came(upstream):
    upstream.open().hears(created())
    upstream.tell(effects.SendItem("e1", {}), effects.SendCancel("e2", "r1"))
    assert [event["event_id"] for event in upstream.sent()] == ["e1", "e2"]


def test_a_command_without_a_link_goes_nowhere(upstream):
    upstream.tell(effects.SendItem("e1", {}))
    upstream.actor.run_ended()
    assert upstream.facts() == []


def test_a_message_of_nobodys_is_a_fault(upstream):
    with pytest.raises(TypeError, match="UpstreamActor cannot take"):
        upstream.tell("hello")


# Events.


def test_the_client_is_shown_an_event_before_the_session_hears_of_it(bench, upstream):
    order = []
    bench.client.tell = lambda told: order.append(f"client: {type(told).__name__}")
    upstream.ready().hears(created(), delta(bytes(4800)))
    bench.coordinator.tell = lambda fact: order.append(type(fact).__name__)
    order.clear()
    upstream.hears(done())
    assert order == ["client: ToClient", "ResponseFinished"]


def test_the_session_hears_of_a_function_call_before_the_client_can_answer_it(bench, upstream):
    order = []
    upstream.ready().hears(created())
    bench.client.tell = lambda _: order.append("client")
    bench.coordinator.tell = lambda fact: order.append(type(fact).__name__)
    upstream.hears(
        {
            "type": "response.function_call_arguments.done",
            "response_id": "r1",
            "item_id": "i1",
            "output_index": 0,
            "call_id": "c1",
            "name": "look",
            "arguments": "{}",
        }
    )
    assert order == [FunctionCalled.__name__, "client"]


def call(name="look", call_id="c1"):
    fields = {"response_id": "r1", "item_id": "i1", "output_index": 0, "call_id": call_id, "arguments": "{}"}
    return {"type": "response.function_call_arguments.done", "name": name, **fields}


def test_a_function_with_an_endpoint_is_the_proxys_to_call_once_the_update_is_in_force(upstream):
    upstream.open().tell(effects.SendUpdate("e1", {"tools": []}, 0, {"look": WEATHER}))
    assert upstream.sent()[-1]["session"] == {"type": "realtime", "tools": []}
    upstream.hears({"type": "session.updated", "session": {}}, created(), call(), call("other", "c2"))
    calls = [fact for fact in upstream.facts() if isinstance(fact, FunctionCalled)]
    assert [fact.endpoint for fact in calls] == [WEATHER, None]
    requests = [one["functions"][0] for one in upstream.shown() if one["type"] == "FunctionCallRequest"]
    assert [request["client_side"] for request in requests] == [False, True]


def test_an_update_that_says_nothing_of_endpoints_leaves_them_as_they_are(upstream):
    upstream.open()
    for endpoints in ({"look": WEATHER}, None):
        upstream.tell(effects.SendUpdate("e1", {}, 0, endpoints))
        upstream.hears({"type": "session.updated", "session": {}})
    upstream.hears(created(), call())
    assert upstream.facts()[-1].endpoint is WEATHER


def test_an_update_that_was_refused_brings_no_endpoint_into_force(upstream):
    upstream.open().tell(effects.SendUpdate("e1", {}, 0, {"look": WEATHER}))
    upstream.hears({"type": "error", "error": {"code": "x", "message": "No.", "event_id": "e1"}})
    upstream.tell(effects.SendUpdate("e2", {}, 0))
    upstream.hears({"type": "session.updated", "session": {}}, created(), call())
    assert upstream.facts()[-1].endpoint is None


def test_a_call_is_made_and_its_result_shown_and_told(upstream):
    upstream.open().tell(effects.SendUpdate("e1", {}, 0, {"look": WEATHER}))
    upstream.hears({"type": "session.updated", "session": {}}, created(), call())
    upstream.tell(effects.CallFunction("c1", '{"city": "Paris"}', WEATHER))
    (request,) = upstream.called
    assert (request.call_id, request.arguments, request.url) == ("c1", '{"city": "Paris"}', WEATHER.url)
    assert (request.method, request.headers) == ("POST", {"x-key": "made up"})
    assert "made up" not in repr(request)
    upstream.tell(FunctionReturned("c1", "hail"))
    assert upstream.shown()[-1] == {"type": "FunctionCallResponse", "id": "c1", "name": "look", "content": "hail"}
    assert upstream.facts()[-1] == CallReturned("c1", "hail")


def test_a_call_to_the_host_is_cancelled_when_nobody_wants_its_result_any_more(upstream):
    function = HostFunction({"name": "look"}, len)
    for call_id in ("c1", "c2", "c3"):
        upstream.open().tell(effects.CallFunction(call_id, "{}", function))
    assert upstream.called[-1] == (len, "c3", "{}", upstream.actor.inbox)
    upstream.called.clear()
    upstream.tell(effects.CallsCancelled(("c1", "unknown")))
    upstream.tell(FunctionReturned("c2", "hail"))
    upstream.actor.release(End(1000, ""))
    assert upstream.called == ["c1 cancelled", "c3 cancelled"]


def test_a_call_over_http_is_cancelled_with_its_response_or_its_session(upstream):
    for call_id in ("c1", "c2", "c3"):
        upstream.open().tell(effects.CallFunction(call_id, "{}", WEATHER))
    upstream.called.clear()
    upstream.tell(effects.CallsCancelled(("c1",)))
    upstream.tell(FunctionReturned("c2", "hail"))
    upstream.actor.release(End(1000, ""))
    assert upstream.called == ["c1 cancelled", "c3 cancelled"]


def test_a_result_that_goes_upstream_is_history_for_a_client_that_keeps_it(upstream):
    upstream.ready().tell(effects.ApplyLocal(replace(FORMATS, keeps_history=True)))
    upstream.hears(created(), call())
    upstream.tell(effects.SendItem("e1", {"type": "function_call_output", "call_id": "c1", "output": "hail"}))
    assert upstream.shown()[-1]["function_calls"][0]["response"] == "hail"


def test_what_the_user_did_not_hear_is_told_with_the_users_speech(upstream):
    upstream.ready().hears(created(), delta(bytes(48_000)))
    upstream.bench.timers.advance(0.25)
    upstream.hears({"type": "input_audio_buffer.speech_started", "item_id": "i9"})
    assert upstream.facts()[-1] == SpeechStarted((CutOff("i1", 250),))


def test_nothing_is_heard_of_a_response_that_is_being_cancelled(upstream):
    upstream.ready().hears(created(), delta(bytes(4800)))
    upstream.tell(effects.SendCancel("e1", "r1"))
    shown = len(upstream.shown())
    upstream.hears(delta(bytes(4800)))
    assert len(upstream.shown()) == shown


@pytest.mark.parametrize("asked", [effects.SendItem("e1", {"type": "message"}), effects.SendCreate("e1", {}, 0)])
def test_latencies_count_from_what_asks_for_the_answer(upstream, asked):
    upstream.ready().tell(asked)
    upstream.bench.timers.advance(0.5)
    upstream.hears(created(), delta(bytes(4800)))
    assert next(one for one in upstream.shown() if isinstance(one, dict))["total_latency"] == 0.5


def test_cancelled_calls_are_told_to_the_client_if_it_knew_of_them(upstream):
    upstream.tell(effects.CallsCancelled(("c9",)))
    assert upstream.shown() == []


def test_audio_reaches_the_client_as_it_came(upstream):
    upstream.ready().hears(created(), delta(b"\1\0" * 2400))
    assert upstream.shown()[-1] == b"\1\0" * 2400


def test_the_session_hears_once_a_second_that_a_response_is_alive(bench, upstream):
    bench.clock.now = 10.0
    upstream.ready().hears(created(), delta(bytes(480)), delta(bytes(480)))
    text = {"type": "response.output_audio_transcript.delta", "response_id": "r1", "item_id": "i1", "delta": "Hi"}
    bench.clock.now = 11.0
    upstream.hears(text, text, delta(bytes(480)))
    alive = [fact for fact in upstream.facts() if isinstance(fact, ResponseProgressed)]
    assert alive == [ResponseProgressed("r1")] * 2


def test_an_event_of_a_new_type_is_said_once_in_the_log(upstream, caplog):
    caplog.set_level(logging.INFO)
    facts = len(upstream.open().facts())
    upstream.hears({"type": "weather.report"}, {"type": "weather.report"}, {"type": "rate_limits.updated"})
    assert [record.message for record in caplog.records] == [
        "Upstream sends events of a type that is new: weather.report"
    ]
    assert len(upstream.facts()) == facts


def test_the_types_noted_as_new_are_bounded(upstream, caplog):
    caplog.set_level(logging.INFO)
    upstream.open().hears(*({"type": f"weather.{number}"} for number in range(100)))
    upstream.hears({"type": "x" * 100}, {"type": "x" * 100})
    assert len(caplog.records) == 32


def test_an_event_in_a_binary_frame_is_read_as_one(upstream):
    upstream.ready()
    upstream.links(BinaryFrame(json.dumps(created()).encode()))
    upstream.links(BinaryFrame(json.dumps(delta(b"\1\0" * 2400)).encode()))
    assert upstream.facts()[-1] == ResponseStarted("r1")
    assert upstream.shown()[-1] == b"\1\0" * 2400


def test_a_binary_frame_that_is_no_event_is_accounted_for_and_said_once(upstream, caplog):
    facts = len(upstream.open().facts())
    before = upstream.link.handled_bytes
    for junk in (b"\0\1\2", b"{}", b"\xff" * 1000):
        upstream.links(BinaryFrame(junk))
    assert upstream.link.handled_bytes - before == 1005
    assert len(upstream.facts()) == facts
    assert [record.message for record in caplog.records] == [
        "Upstream sends binary frames that are no events; they are ignored."
    ]


def test_the_credit_for_an_event_is_given_back_when_it_was_worked_on(upstream):
    upstream.open()
    before = upstream.link.handled_bytes
    upstream.hears(b'{"type":"rate_limits.updated"}')
    assert upstream.link.handled_bytes - before == 30


def test_the_credit_for_each_event_is_given_back_when_several_come_at_once(bench, upstream):
    upstream.open()
    size, messages = upstream.link.handled_bytes, upstream.link.handled_messages
    bench.connector.asked[-1][1].tell_all([TextFrame(b"{}"), BinaryFrame(b"1"), TextFrame(b"")])
    upstream.tell()
    assert (upstream.link.handled_bytes - size, upstream.link.handled_messages - messages) == (3, 3)


def test_the_credit_for_each_frame_of_audio_is_given_back_when_several_wait(bench, upstream):
    upstream.tell(BinaryFrame(b"12"), BinaryFrame(b"3456"), BinaryFrame(b"78"))
    assert (bench.connection.handled_bytes, bench.connection.handled_messages) == (8, 3)


GARBAGE = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"7",
    b"{}",
    b'{"type":7}',
    b'{"type":"response.created"}',
    b'{"type":"response.created","response":"r1"}',
    b'{"type":"response.created","response":{"id":{}}}',
    b'{"type":"response.done","response":[]}',
    b'{"type":"response.done","response":{}}',
    b'{"type":"response.output_audio.delta"}',
    b'{"type":"response.output_audio.delta","response_id":"r0","item_id":"i","delta":7}',
    b'{"type":"response.output_item.done","response_id":"r0","item":"x"}',
    b'{"type":"response.content_part.added","response_id":"r0","part":"x"}',
    b'{"type":"conversation.item.added","item":7}',
    b'{"type":"conversation.item.added"}',
    b'{"type":"input_audio_buffer.committed"}',
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_an_event_that_cannot_be_read_is_dropped_and_logged_and_the_session_goes_on(upstream, caplog, garbage):
    upstream.ready().hears(created("r0"))
    facts = list(upstream.facts())
    caplog.clear()
    upstream.hears(garbage)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be read" in caplog.text
    assert upstream.facts() == facts
    upstream.hears(done("r0"))
    assert upstream.facts()[-1] == ResponseFinished("r0")


# The client's audio.


def test_audio_waits_for_the_session_and_then_goes_in_its_order(bench, upstream):
    upstream.open().tell(BinaryFrame(b"\1\0" * 100), BinaryFrame(b"\2\0" * 100), AGREED)
    assert upstream.appended() == b""
    upstream.tell(effects.OpenAudio(), BinaryFrame(b"\3\0" * 100))
    assert upstream.appended() == b"\1\0" * 100 + b"\2\0" * 100 + b"\3\0" * 100
    assert bench.connection.handled_bytes == 600


def test_the_oldest_audio_goes_first_and_the_client_is_told_once_when_too_much_waits(bench):
    upstream = Upstream(bench, max_held=1000).open()
    for number in range(5):
        upstream.tell(BinaryFrame(bytes([number, 0]) * 200))
    (reported,) = [told for told in bench.client.messages if isinstance(told, effects.Reported)]
    assert reported.problem.code == "audio_dropped"
    assert bench.connection.handled_bytes == 2000  # dropped audio blocks nobody
    upstream.tell(AGREED, effects.OpenAudio())
    assert upstream.appended() == b"\3\0" * 200 + b"\4\0" * 200


def test_the_client_is_told_too_when_it_is_its_own_audio_events_that_are_too_many(bench):
    upstream = Upstream(bench, max_held=1000, takes_events=True).open()
    upstream.tell(*(AudioEvent(b"{%d}" % number * 200) for number in range(5)))
    (reported,) = [told for told in bench.client.messages if isinstance(told, effects.Reported)]
    assert reported.problem.code == "audio_dropped"


def test_audio_waits_again_while_the_link_is_lost(upstream):
    upstream.ready().links(Closed(1006, ""))
    upstream.tell(BinaryFrame(b"\1\0" * 100))
    upstream.open()
    assert upstream.appended() == b""
    upstream.tell(effects.OpenAudio())
    assert upstream.appended() == b"\1\0" * 100


def test_audio_does_not_go_when_the_link_that_was_ready_for_it_is_gone(upstream):
    upstream.ready().links(Closed(1006, ""))
    upstream.tell(effects.OpenAudio(), BinaryFrame(b"\1\0" * 100))  # decided before the loss was known
    upstream.open()
    assert upstream.appended() == b""


def test_no_audio_is_lost_when_the_formats_are_told_while_the_link_is_down(upstream):
    upstream.open().links(Closed(1006, ""))
    upstream.tell(AGREED, BinaryFrame(b"\1\0" * 100))
    upstream.open()
    upstream.tell(BinaryFrame(b"\2\0" * 100))
    assert upstream.appended() == b""
    upstream.tell(effects.OpenAudio())
    assert upstream.appended() == b"\1\0" * 100 + b"\2\0" * 100


def test_audio_behind_a_mark_goes_when_all_before_it_has_gone(upstream):
    upstream.ready().tell(BinaryFrame(b"\1\0"), Mark(1), BinaryFrame(b"\2\0"), Mark(2), BinaryFrame(b"\3\0"))
    assert upstream.appended() == b"\1\0"
    upstream.tell(effects.SendItem("e1", {"type": "message"}), effects.LetAudioGo(1))
    assert upstream.appended() == b"\1\0\2\0"
    upstream.tell(effects.SendCommit("e2"), effects.LetAudioGo(2))
    kinds = [event["type"].rpartition(".")[2] for event in upstream.sent()]
    assert kinds == ["append", "create", "append", "append", "commit", "append"]  # one is the commit's padding


def test_audio_does_not_wait_at_a_mark_that_has_been_passed(upstream):
    upstream.ready().tell(effects.LetAudioGo(1), Mark(1), BinaryFrame(b"\1\0"))
    assert upstream.appended() == b"\1\0"


def test_audio_that_is_observed_is_told_once_a_run(upstream):
    upstream.ready().tell(effects.ObserveAudio(on=True), BinaryFrame(bytes(4800)), BinaryFrame(bytes(4800)))
    upstream.actor.run_ended()
    assert [fact for fact in upstream.facts() if isinstance(fact, AudioHeard)] == [AudioHeard(200.0)]


def test_frames_that_come_in_a_row_go_on_together_and_before_all_that_comes_behind(bench, upstream):
    upstream.ready()
    upstream.tell(
        BinaryFrame(b"\1\0" * 2400), BinaryFrame(b"\2\0" * 2400), effects.SendCommit("e1"), BinaryFrame(b"\3\0")
    )
    kinds = [event["type"].removeprefix("input_audio_buffer.") for event in upstream.sent()[-3:]]
    assert kinds == ["append", "commit", "append"]
    assert upstream.appended() == b"\1\0" * 2400 + b"\2\0" * 2400 + b"\3\0"
    assert bench.connection.handled_bytes == 9602


def test_a_commit_is_padded_to_what_the_api_takes(upstream):
    upstream.ready().tell(BinaryFrame(b"\1\0" * 240), effects.SendCommit("e1"))
    assert len(upstream.appended()) == 4800
    assert (upstream.sent()[-1]["type"], upstream.sent()[-1]["event_id"]) == ("input_audio_buffer.commit", "e1")


def test_a_commit_of_enough_audio_is_not_padded(upstream):
    upstream.ready().tell(BinaryFrame(bytes(9600)), effects.SendCommit("e1"))
    assert len(upstream.appended()) == 9600


def test_a_commit_of_nothing_is_refused_here(upstream):
    upstream.ready().tell(BinaryFrame(bytes(9600)), effects.SendCommit("e1"), effects.SendCommit("e2"))
    assert [event["event_id"] for event in upstream.sent() if "event_id" in event] == ["e1"]
    assert upstream.facts()[-1].event_id == "e2"
    assert upstream.facts()[-1].code == "input_audio_buffer_commit_empty"


def test_what_the_server_committed_is_not_committed_again(upstream):
    upstream.ready().tell(BinaryFrame(bytes(9600)))
    upstream.hears({"type": "input_audio_buffer.committed", "item_id": "i1"})
    upstream.tell(effects.SendCommit("e1"))
    assert upstream.facts()[-2:] == [
        TurnCommitted("i1"),
        Refused("e1", "input_audio_buffer_commit_empty", "There is no input audio to commit."),
    ]


def test_facts_come_in_the_order_of_the_wire(upstream):
    upstream.ready().hears(
        {"type": "input_audio_buffer.speech_stopped", "item_id": "i1"},
        {"type": "input_audio_buffer.committed", "item_id": "i1"},
        created(),
        done(),
    )
    kinds = [type(fact) for fact in upstream.facts()]
    assert kinds == [
        LinkConnected,
        LinkOpened,
        ConfigAnswered,
        SpeechStopped,
        TurnCommitted,
        ResponseStarted,
        ResponseFinished,
    ]


def test_calls_that_the_client_was_asked_for_are_told_as_cancelled(upstream):
    call = {"response_id": "r1", "item_id": "i1", "output_index": 0, "call_id": "c1", "name": "look", "arguments": "{}"}
    upstream.ready().hears(created(), {"type": "response.function_call_arguments.done", **call})
    upstream.tell(effects.CallsCancelled(("c1", "c9")))
    assert upstream.shown()[-1]["type"] == "FunctionCallCancelled"
    assert "c9" not in str(upstream.shown()[-1])


def test_audio_of_another_response_is_not_heard(upstream):
    upstream.ready().hears(created())
    shown = upstream.shown()
    upstream.hears(delta(bytes(480), "r9"))
    assert upstream.shown() == shown


# The formats of the link.


def _formats(kind):
    return {"audio": {side: {"format": {"type": kind}} for side in ("input", "output")}}


@pytest.mark.parametrize("session", [{}, _formats("audio/pcmu")])
def test_audio_is_in_the_format_that_was_asked_for_when_upstream_shows_no_other(bench, session):
    upstream = Upstream(bench).open()
    upstream.tell(effects.SendUpdate("ts_1", _formats("audio/pcmu"), 0))
    upstream.hears({"type": "session.updated", "session": session})
    upstream.tell(effects.OpenAudio(), TELEPHONE)
    upstream.tell(BinaryFrame(b"\xff" * 160))
    assert upstream.appended() == b"\xff" * 160


def test_audio_is_in_the_format_that_upstream_shows_instead_of_the_one_asked_for(bench):
    upstream = Upstream(bench).open()
    upstream.tell(effects.SendUpdate("ts_1", _formats("audio/pcmu"), 0))
    upstream.hears({"type": "session.updated", "session": _formats("audio/pcm")})
    upstream.tell(effects.OpenAudio(), TELEPHONE)
    upstream.tell(BinaryFrame(b"\xff" * 1_600), effects.SendCommit("ts_2"))
    assert len(upstream.appended()) == pytest.approx(9_600, abs=4)
