"""The rows of docs/protocol.md that need no socket: what an error of the API does, and what an event tells nobody."""

from __future__ import annotations

import json

import pytest

from turnstile.errors import Problem
from turnstile.protocol.beta_events import current_server_event
from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.session.client_requests import ConfigRequested, FunctionAnswered, UserMessageGiven
from turnstile.session.data import Data
from turnstile.session.effects import Answered, CallsCancelled, Reported, SendCreate, SendItem, SendUpdate
from turnstile.session.events import AsideStarted, ConfigAnswered, ItemConfirmed, Refused, ResponseFinished, TimerFired
from turnstile.session.facts import FactReader
from turnstile.session.in_flight import Call, Cancel, Commit, Create, Item, Response, UserAudio
from turnstile.session.link_events import LinkOpened
from turnstile.session.machine import Session
from turnstile.session.state import Now, State
from turnstile.translate.event_table import SERVER_EVENTS
from turnstile.translate.to_voice_agent import VoiceAgentTranslator

HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


def _session(**changes):
    fields = {"link": "open", "configured": True, "serial": 50}
    return Session(None, *Now(State(), Data()).change(**{**fields, **changes}))


def _of(effects, *kinds):
    return [effect for effect in effects if isinstance(effect, kinds)]


def _refused(event_id, code="invalid_value"):
    return Refused(event_id, code, "Upstream's words.")


def _two_updates_out():
    session = _session(response=Response("r"))
    session.handle(ConfigRequested(1, {"instructions": "Be calm."}))
    session.handle(ConfigRequested(2, {"speed": "bad"}))
    (update,) = _of(session.handle(ResponseFinished("r")), SendUpdate)
    return session, update


def test_a_refused_merged_update_is_taken_apart_and_only_the_bad_one_gets_the_error():
    session, update = _two_updates_out()
    (first,) = _of(session.handle(_refused(update.event_id)), SendUpdate)
    assert first.patch == {"instructions": "Be calm."}
    answer, second = _of(session.handle(ConfigAnswered({})), Answered, SendUpdate)
    assert answer == Answered(1)
    (error,) = _of(session.handle(_refused(second.event_id)), Answered)
    assert (error.ref, error.problem.code) == (2, "invalid_value")


def test_a_refused_item_is_answered_with_the_error_and_creates_nothing():
    session = _session()
    (item,) = _of(session.handle(UserMessageGiven(1, HELLO)), SendItem)
    effects = session.handle(_refused(item.event_id))
    assert [answer.problem.code for answer in _of(effects, Answered)] == ["invalid_value"]
    assert _of(effects, SendCreate) == []


def test_a_create_goes_when_its_item_is_confirmed():
    session = _session()
    (item,) = _of(session.handle(UserMessageGiven(1, HELLO)), SendItem)
    assert len(_of(session.handle(ItemConfirmed(item.item["id"])), SendCreate)) == 1


def test_a_create_refused_for_another_reason_is_reported_and_not_tried_again():
    session = _session(items=(Item("ts_1", stage="confirmed"),), requested=Create("ts_2", covers=("ts_1",)))
    effects = session.handle(_refused("ts_2"))
    assert [report.problem.code for report in _of(effects, Reported)] == ["invalid_value"]
    assert _of(effects, SendCreate) == []


def test_a_cancel_that_finds_nothing_active_ends_the_response():
    session = _session(response=Response("r", cancel=Cancel("ts_1", "asked")))
    session.handle(_refused("ts_1", "response_cancel_not_active"))
    assert session.state.phase == "idle"


def test_a_refused_commit_is_the_forced_turn_ends_error():
    session = _session(commits=(Commit("ts_1", ref=7),))
    (answer,) = _of(session.handle(_refused("ts_1", "input_audio_buffer_commit_empty")), Answered)
    assert (answer.ref, answer.problem.code) == (7, "input_audio_buffer_commit_empty")


def test_an_error_about_nothing_of_ours_is_reported():
    effects = _session().handle(Refused(None, "server_error", "The server had an error."))
    assert [report.problem.code for report in _of(effects, Reported)] == ["server_error"]


def test_a_stalled_response_is_reported_and_cancelled():
    session = _session(response=Response("r"))
    effects = session.handle(TimerFired("response", "r+0"))
    assert [report.problem.code for report in _of(effects, Reported)] == ["response_stalled"]
    assert session.state.phase == "cancelling"


def test_results_go_in_the_order_of_the_calls_when_all_are_there_followed_by_one_create():
    session = _session(calls=(Call("a", "r", 0), Call("b", "r", 1)))
    assert _of(session.handle(FunctionAnswered(1, "b", "B")), SendItem) == []
    items = _of(session.handle(FunctionAnswered(2, "a", "A")), SendItem)
    assert [item.item["output"] for item in items] == ["A", "B"]
    assert _of(session.handle(ItemConfirmed(items[0].item["id"])), SendCreate) == []
    assert len(_of(session.handle(ItemConfirmed(items[1].item["id"])), SendCreate)) == 1


def test_a_response_that_the_user_broke_in_on_voids_its_calls_and_a_late_result_is_of_no_use():
    session = _session(response=Response("r"), calls=(Call("a", "r", 0),))
    assert _of(session.handle(ResponseFinished("r", "cancelled")), CallsCancelled) == [CallsCancelled(("a",))]
    (answer,) = session.handle(FunctionAnswered(1, "a", "late"))
    assert answer.problem.code == "function_call_cancelled"


def test_nothing_is_sent_before_the_link_says_that_it_is_up():
    session = Session()
    assert _of(session.handle(ConfigRequested(1, {"instructions": "Be calm."})), SendUpdate) == []
    assert len(_of(session.handle(LinkOpened()), SendUpdate)) == 1


@pytest.mark.parametrize("name", [name for name, row in SERVER_EVENTS.items() if row.handling == "ignored"])
def test_an_ignored_event_tells_nobody_anything(name):
    assert VoiceAgentTranslator(COMPONENT).translate({"type": name}, 0.0) == []
    assert FactReader().fact({"type": name}) is None


@pytest.mark.parametrize("kind", ["text.delta", "text.done", "audio.delta", "audio.done", "audio_transcript.done"])
def test_a_beta_event_has_its_current_name(kind):
    assert current_server_event({"type": f"response.{kind}"})["type"] == f"response.output_{kind}"


def test_a_spoken_answer_locks_the_voice_and_an_out_of_band_response_is_no_business_of_the_gate():
    reader = FactReader()
    created = {"type": "response.created", "response": {"id": "o", "conversation_id": None}}
    assert reader.fact(created) == AsideStarted("o")
    part = {"type": "response.content_part.added", "part": {"type": "audio"}}
    assert reader.fact({**part, "response_id": "o"}) is None
    assert reader.fact({**part, "response_id": "r"}) is not None
    done = reader.fact({"type": "response.done", "response": {"id": "o", "status": "completed"}})
    session = _session(response=Response("r"), asides_running=("o",), audio_open=True)
    assert session.handle(done) == []
    assert session.state.response


def test_a_failed_transcription_is_told():
    event = {"type": "conversation.item.input_audio_transcription.failed", "item_id": "i", "error": {"code": "unheard"}}
    (frame,) = VoiceAgentTranslator(COMPONENT).translate(event, 0.0)
    assert b"unheard" in frame.data


def test_no_audio_of_a_response_is_passed_on_after_the_user_has_broken_in():
    translator = VoiceAgentTranslator(COMPONENT)
    translator.translate({"type": "response.created", "response": {"id": "r"}}, 0.0)
    translator.translate({"type": "input_audio_buffer.speech_started", "item_id": "i"}, 0.0)
    delta = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": "AAAAAAAA"}
    assert translator.translate(delta, 0.0) == []


@pytest.mark.parametrize("name", ["conversation.item.added", "conversation.item.created", "conversation.item.done"])
def test_a_confirming_event_says_that_the_item_is_there(name):
    assert FactReader().fact({"type": name, "item": {"id": "ts_1"}}) == ItemConfirmed("ts_1")


def _told(*events):
    translator = VoiceAgentTranslator(COMPONENT)
    translator.translate({"type": "response.created", "response": {"id": "r"}}, 0.0)
    frames = [frame for event in events for frame in translator.translate({"response_id": "r", **event}, 0.0)]
    return [json.loads(frame.data)["type"] for frame in frames]


def test_the_final_text_is_told_once_whichever_event_brings_it():
    item = {"id": "i", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]}
    delta = {"type": "response.output_text.delta", "item_id": "i", "delta": "Hello."}
    text = {"type": "response.output_text.done", "item_id": "i", "text": "Hello."}
    done = {"type": "conversation.item.done", "item": item}
    assert _told(delta, text, done) == _told(delta, done, text) == ["AgentStartedSpeaking", "ConversationText"]


def test_a_call_is_told_once_whichever_event_brings_it():
    call = {"call_id": "c", "name": "get_weather", "arguments": "{}"}
    arguments = {"type": "response.function_call_arguments.done", **call}
    item = {"type": "response.output_item.done", "item": {"type": "function_call", "status": "completed", **call}}
    assert _told(arguments, item) == _told(item, arguments) == ["FunctionCallRequest"]


def test_input_that_is_cleared_is_no_turn_any_more():
    fact = FactReader().fact({"type": "input_audio_buffer.cleared"})
    session = _session(user_audio=UserAudio(speaking=True))
    session.handle(fact)
    assert not session.state.user_audio.speaking


def test_a_response_that_fails_is_told():
    details = {"type": "failed", "error": {"code": "insufficient_quota", "message": "Too many."}}
    response = {"id": "r", "status": "failed", "status_details": details, "output": []}
    fact = FactReader().fact({"type": "response.done", "response": response})
    (report,) = Session(state=State(link="open", response=Response("r"))).handle(fact)[:1]
    assert report == Reported(Problem("insufficient_quota", "Too many."))
