from __future__ import annotations

import base64
import json
from contextlib import suppress

import numpy as np
import pytest
from deepgram.agent.v1 import types as sdk
from hypothesis import given
from hypothesis import strategies as st

from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.wav_format import wav_header
from turnstile.errors import Problem, UpstreamProtocolError
from turnstile.protocol.frames import BinaryFrame
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.translate.client_output import problem_to_frame
from turnstile.translate.event_table import SERVER_EVENTS
from turnstile.translate.to_voice_agent import VoiceAgentTranslator

SDK_TYPES = {
    "AgentAudioDone": sdk.AgentV1AgentAudioDone,
    "AgentStartedSpeaking": sdk.AgentV1AgentStartedSpeaking,
    "ConversationText": sdk.AgentV1ConversationText,
    "Error": sdk.AgentV1Error,
    "FunctionCallCancelled": sdk.AgentV1FunctionCallCancelled,
    "FunctionCallRequest": sdk.AgentV1FunctionCallRequest,
    "AgentThinking": sdk.AgentV1AgentThinking,
    "FunctionCallResponse": sdk.AgentV1ReceiveFunctionCallResponse,
    "History": sdk.AgentV1HistoryContent,
    "LatencyReport": sdk.AgentV1LatencyReport,
    "UserStartedSpeaking": sdk.AgentV1UserStartedSpeaking,
    "Warning": sdk.AgentV1Warning,
}
CALL = {"call_id": "call_1", "name": "get_weather", "arguments": "{}"}


def created(response_id="r", **fields):
    return {"type": "response.created", "response": {"id": response_id, **fields}}


def done(status="completed", details=None, output=(), response_id="r"):
    response = {"id": response_id, "status": status, "status_details": details, "output": list(output)}
    return {"type": "response.done", "response": response}


def item(text="Hello.", item_id="i", kind="output_audio", **fields):
    part = {"type": kind, "text" if kind == "output_text" else "transcript": text}
    return {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": [part], **fields}


def about(kind, of="r", **fields):
    return {"type": f"response.{kind}", "response_id": of, "item_id": "i", **fields}


def text_done(text="Hello.", **fields):
    return about("output_text.done", text=text, **fields)


def transcript_done(text="Hello."):
    return about("output_audio_transcript.done", transcript=text)


def item_event(name, given_item):
    return {"type": f"conversation.item.{name}", "item": given_item}


def audio_delta(pcm=b"\x01\x00\x02\x00", of="r"):
    return about("output_audio.delta", of, delta=base64.b64encode(pcm).decode())


def speech(what):
    return {"type": f"input_audio_buffer.speech_{what}", "item_id": "u"}


def transcription(what, item_id="u", **fields):
    return {"type": f"conversation.item.input_audio_transcription.{what}", "item_id": item_id, **fields}


class Listener:
    """Hears what a translator tells, as a client of the profile does."""

    def __init__(self, profile=COMPONENT, output=None, container="none", *, keeps_history=False):
        self.profile = profile
        self.translator = VoiceAgentTranslator(profile)
        if output is not None or container != "none" or keeps_history:
            self.translator.configure_output(output or PCM_24K, container, keeps_history=keeps_history)
        self.now = 0.0

    def hears(self, *events):
        return self.read(frame for event in events for frame in self.translator.translate(event, self.now))

    def read(self, frames):
        return [frame.data if isinstance(frame, BinaryFrame) else self._message(frame.data) for frame in frames]

    def _message(self, data):
        message = json.loads(data)
        kind = SDK_TYPES.get(message["type"])
        if kind is not None:
            assert not kind.model_validate(message, strict=True).model_extra
        else:
            assert self.profile is COMPONENT, f"the SDK does not know {message}"
        return message


def kinds(heard):
    return ["audio" if isinstance(message, bytes) else message["type"] for message in heard]


@pytest.fixture
def component():
    return Listener()


@pytest.fixture
def deepgram():
    return Listener(DEEPGRAM)


# The agent's answer, in order and once.


def test_a_response_is_told_in_order_and_once():
    events = [created(), audio_delta(), audio_delta(), transcript_done(), item_event("done", item()), done()]
    told = ["AgentStartedSpeaking", "audio", "audio", "ConversationText", "LatencyReport", "AgentAudioDone"]
    assert kinds(Listener(DEEPGRAM).hears(*events)) == told
    assert kinds(Listener(COMPONENT).hears(*events)) == [*told, "AgentDone"]


@pytest.mark.parametrize(
    "first",
    [
        audio_delta(),
        about("output_text.delta", delta="Hel"),
        about("output_audio_transcript.delta", delta="Hel"),
        text_done(),
        item_event("done", item()),
    ],
)
def test_the_agent_starts_speaking_before_whatever_is_first(component, first):
    assert kinds(component.hears(created(), first))[0] == "AgentStartedSpeaking"


def test_latencies_count_from_the_end_of_the_users_turn(component):
    component.hears(speech("stopped"))
    component.now = 0.125
    component.hears(created(output_modalities=["audio"]))
    component.now = 0.25
    component.hears(about("output_audio_transcript.delta", delta="Hel"))
    component.now = 1.0
    (started, _) = component.hears(audio_delta())
    assert (started["total_latency"], started["ttt_latency"], started["tts_latency"]) == (1.0, 0.25, 0.75)


def test_latencies_count_from_the_response_when_nobody_spoke(component):
    component.now = 5.0
    component.hears(created())
    component.now = 5.5
    (started, _) = component.hears(audio_delta())
    assert (started["total_latency"], started["ttt_latency"], started["tts_latency"]) == (0.5, 0.5, 0.0)


def test_the_end_of_a_turn_counts_for_one_response_only(component):
    component.hears(speech("stopped"))
    component.now = 3.0
    component.hears(created(), done(), created("r2"))
    (started, _) = component.hears(audio_delta(of="r2"))
    assert started["total_latency"] == 0.0


@pytest.mark.parametrize(
    "event",
    [
        text_done(),
        transcript_done(),
        item_event("added", item()),
        item_event("created", item()),
        item_event("done", item(kind="output_text")),
        done(output=[item()]),
    ],
)
def test_the_final_text_is_told_by_whatever_event_holds_it_first(component, event):
    texts = [
        message
        for message in component.hears(created(), event, item_event("done", item()), done(output=[item()]))
        if message["type"] == "ConversationText"
    ]
    assert texts == [{"type": "ConversationText", "role": "assistant", "content": "Hello."}]


def test_the_text_of_deltas_is_told_at_the_end_when_nothing_else_holds_it(component):
    deltas = [about("output_text.delta", delta=delta) for delta in ("Hel", "lo.")]
    assert component.hears(created(), *deltas, done())[1]["content"] == "Hello."


def test_deltas_that_come_after_the_final_text_are_not_told_again(component):
    late = about("output_text.delta", delta="Hello.")
    assert kinds(component.hears(created(), text_done(), late, done())) == [
        "AgentStartedSpeaking",
        "ConversationText",
        "LatencyReport",
        "AgentAudioDone",
        "AgentDone",
    ]


def test_what_the_user_says_in_writing_is_told_once(component):
    said = {"id": "u", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
    heard = component.hears(item_event("added", said), item_event("done", said))
    assert heard == [{"type": "ConversationText", "role": "user", "content": "Hello."}]


@pytest.mark.parametrize("content", [None, [], [{"type": "input_audio", "transcript": None}]])
def test_what_the_user_says_aloud_is_left_to_its_transcription(component, content):
    assert component.hears(item_event("added", {"id": "u", "role": "user", "content": content})) == []


def test_how_long_the_user_took_to_be_understood_is_told_with_the_answer(component):
    component.hears(speech("stopped"))
    component.now = 0.5
    component.hears(transcription("completed", transcript="Hi."), created(), audio_delta())
    assert component.hears(done())[0]["stt_latency"] == 0.5


def test_latencies_count_from_the_commit_where_nothing_was_heard_to_stop(component):
    component.hears({"type": "input_audio_buffer.committed", "item_id": "u"})
    component.now = 0.5
    component.hears(transcription("completed", transcript="Hi."), created(), audio_delta())
    report = component.hears(done())[0]
    assert (report["stt_latency"], report["total_latency"]) == (0.5, 0.5)


def test_the_commit_that_follows_the_end_of_speech_ends_no_turn_again(component):
    component.hears(speech("stopped"))
    component.now = 0.5
    component.hears({"type": "input_audio_buffer.committed", "item_id": "u"}, created(), audio_delta())
    assert component.hears(done())[0]["total_latency"] == 0.5


def test_each_item_of_a_response_has_its_text(component):
    output = [item("One.", "i"), {"type": "function_call", "id": "f"}, item("Two.", "j")]
    heard = component.hears(created(), done(output=output))
    assert [message["content"] for message in heard if message["type"] == "ConversationText"] == ["One.", "Two."]


def test_an_item_that_ends_late_is_not_told_again_in_the_next_response(component):
    component.hears(created(), text_done(), done(), created("r2"))
    assert component.hears(item_event("done", item())) == []


@pytest.mark.parametrize(
    "unfinished",
    [
        item(status="in_progress"),
        item(text=""),
        item(content=[]),
        item(role="user"),
        {"id": "f", "type": "function_call"},
    ],
)
def test_an_item_that_holds_no_final_text_of_the_agent_tells_nothing(component, unfinished):
    assert component.hears(created(), item_event("added", unfinished)) == []


def test_an_item_outside_of_a_response_tells_nothing(component):
    assert component.hears(item_event("done", item())) == []


def test_each_turn_is_also_history_when_the_client_keeps_it():
    listener = Listener(keeps_history=True)
    heard = listener.hears(created(), text_done(), transcription("completed", transcript="Hi."))
    assert [(message["type"], message.get("role")) for message in heard if message["type"] in SDK_TYPES] == [
        ("AgentStartedSpeaking", None),
        ("ConversationText", "assistant"),
        ("History", "assistant"),
        ("ConversationText", "user"),
        ("History", "user"),
    ]


def test_a_response_that_says_nothing_starts_and_ends_nothing(component):
    assert component.hears(created(), done()) == []


def test_a_response_is_over_when_the_next_one_begins_without_its_end(component):
    component.hears(created(), audio_delta())
    assert kinds(component.hears(created("r2"))) == ["AgentAudioDone", "AgentDone"]
    assert component.hears(done()) == []


def test_an_answer_is_over_when_the_link_is_lost(component):
    component.hears(created(), audio_delta())
    assert kinds(component.read(component.translator.link_lost())) == ["AgentAudioDone", "AgentDone"]
    assert component.translator.link_lost() == []


# Audio.


def test_audio_is_the_clients_in_its_format():
    listener = Listener(output=AudioFormat("linear16", 48_000))
    tone = (12_000 * np.sin(np.arange(4_800))).astype("<i2").tobytes()
    heard = listener.hears(created(), audio_delta(tone), done())
    assert len(b"".join(part for part in heard if isinstance(part, bytes))) == pytest.approx(19_200, abs=4)
    assert kinds(heard)[-4:] == ["audio", "LatencyReport", "AgentAudioDone", "AgentDone"]


def test_audio_of_g711_goes_as_it_is():
    listener = Listener(output=AudioFormat("mulaw", 8_000))
    assert listener.hears(created(), audio_delta(b"abc"))[1] == b"abc"


def test_audio_of_a_format_that_cannot_be_converted_is_left_out_and_reported(component):
    component.translator.set_upstream_format({"type": "audio/opus"})
    (problem,) = component.hears(created())
    assert problem["code"] == "audio_not_convertible"
    assert component.hears(audio_delta()) == []


def test_audio_that_the_converter_holds_starts_the_answer_and_comes_at_its_end():
    listener = Listener(output=AudioFormat("linear16", 16_000))
    assert kinds(listener.hears(created(), audio_delta(bytes(6)))) == ["AgentStartedSpeaking"]
    assert kinds(listener.hears(done())) == ["audio", "LatencyReport", "AgentAudioDone", "AgentDone"]


def test_the_first_audio_of_each_response_has_the_header_when_wav_is_asked_for():
    listener = Listener(container="wav")
    heard = listener.hears(created(), audio_delta(b"ab"), audio_delta(b"cd"), done(), created("r2"))
    heard += listener.hears(audio_delta(b"ef", of="r2"))
    audio = [part for part in heard if isinstance(part, bytes)]
    assert audio == [wav_header(PCM_24K) + b"ab", b"cd", wav_header(PCM_24K) + b"ef"]


def test_the_header_comes_with_the_rest_when_all_audio_was_held():
    listener = Listener(output=AudioFormat("linear16", 16_000), container="wav")
    heard = listener.hears(created(), audio_delta(bytes(6)), done())
    assert heard[1].startswith(b"RIFF")


@pytest.mark.parametrize(
    "event", [audio_delta(), text_done(), about("output_text.delta", delta="x"), about("output_item.done", item={})]
)
def test_nothing_is_heard_of_an_unknown_response(component, event):
    assert component.hears(event) == []
    component.hears(created("r2"))
    assert component.hears(event) == []


def test_nothing_is_heard_of_a_response_out_of_band(component):
    assert component.hears(created(conversation_id=None), audio_delta(), text_done(), done()) == []


def test_a_response_goes_on_beside_one_out_of_band(component):
    component.hears(created(conversation_id="conv"), created("o", conversation_id=None))
    assert kinds(component.hears(audio_delta(of="o"), audio_delta())) == ["AgentStartedSpeaking", "audio"]


# The user breaks in.


def test_no_audio_of_a_response_is_heard_after_the_user_has_broken_in(component):
    component.hears(created(), audio_delta())
    assert kinds(component.hears(speech("started"), audio_delta(), done("cancelled"))) == [
        "UserStartedSpeaking",
        "LatencyReport",
        "AgentAudioDone",
        "AgentDone",
    ]


def test_what_the_converter_holds_is_not_heard_either_nor_in_the_next_response():
    listener = Listener(output=AudioFormat("linear16", 48_000))
    listener.hears(created(), audio_delta(b"\x00\x40" * 2_400))
    assert "audio" not in kinds(listener.hears(speech("started"), done("cancelled")))
    heard = listener.hears(created("r2"), audio_delta(bytes(4_800), of="r2"), done(response_id="r2"))
    assert set(b"".join(part for part in heard if isinstance(part, bytes))) <= {0, 1, 255}  # silence, and its dither


def test_an_answer_that_nobody_heard_does_not_start_when_the_user_has_broken_in(component):
    events = [created(), speech("started"), about("output_text.delta", delta="Hel"), text_done(), done("cancelled")]
    assert kinds(component.hears(*events)) == ["UserStartedSpeaking"]


def test_an_answer_that_completes_although_the_user_broke_in_is_told(component):
    heard = component.hears(created(), speech("started"), text_done(), done())
    ends = ["AgentStartedSpeaking", "ConversationText", "AgentAudioDone", "AgentDone"]
    assert kinds(heard) == ["UserStartedSpeaking", *ends]


def test_the_next_response_is_heard_again(component):
    component.hears(created(), speech("started"), done("cancelled"), created("r2"))
    assert kinds(component.hears(audio_delta(of="r2"))) == ["AgentStartedSpeaking", "audio"]


def said_until(component, **fields):
    """Let the agent speak for a second, and the user break in after a quarter of it."""
    component.hears({"type": "session.updated", "session": {"audio": {"input": fields}}} if fields else created("x"))
    component.hears(created(), audio_delta(bytes(48_000)))
    component.now += 0.25
    return kinds(component.hears(speech("started")))


def test_what_the_user_did_not_hear_is_known_once(component):
    assert said_until(component) == ["UserStartedSpeaking"]
    assert component.translator.take_truncations() == (("i", 250),)
    assert component.translator.take_truncations() == ()


def test_what_plays_on_after_its_response_is_done_is_cut_off_too(component):
    component.hears(created(), audio_delta(bytes(48_000)), done())
    component.now = 0.5
    component.hears(speech("started"))
    assert component.translator.take_truncations() == (("i", 500),)


def test_the_user_cuts_nothing_off_twice(component):
    said_until(component)
    component.translator.take_truncations()
    component.hears(audio_delta(), speech("started"))
    assert component.translator.take_truncations() == ()


def test_the_user_cuts_nothing_off_where_the_session_lets_the_agent_finish(component):
    assert said_until(component, turn_detection={"type": "server_vad", "interrupt_response": False})
    assert component.translator.take_truncations() == ()
    assert kinds(component.hears(audio_delta())) == ["audio"]


@pytest.mark.parametrize("detection", [{"type": "semantic_vad"}, {"type": "server_vad", "interrupt_response": True}])
def test_the_user_cuts_off_where_the_session_says_so_or_nothing(component, detection):
    said_until(component, turn_detection=detection)
    assert component.translator.take_truncations() == (("i", 250),)


def test_what_the_client_has_plays_on_when_the_link_is_lost(component):
    component.hears(created(), audio_delta(bytes(48_000)))
    component.translator.link_lost()
    component.hears(speech("started"))
    assert component.translator.take_truncations() == (("i", 1),)


def test_no_audio_of_a_response_is_heard_that_is_being_cancelled(component):
    component.hears(created(), audio_delta())
    component.translator.mute("another")
    assert kinds(component.hears(audio_delta())) == ["audio"]
    component.translator.mute("r")
    assert component.hears(audio_delta()) == []


# Function calls.


@pytest.mark.parametrize(
    "event",
    [
        about("function_call_arguments.done", **CALL),
        about("output_item.done", item={"type": "function_call", "status": "completed", **CALL}),
    ],
)
def test_a_call_is_asked_of_the_client_once(component, event):
    again = about("output_item.done", item={"type": "function_call", "status": "completed", **CALL})
    (request,) = component.hears(created(), event, again)
    assert request["functions"] == [{"id": "call_1", "name": "get_weather", "arguments": "{}", "client_side": True}]


@pytest.mark.parametrize(
    "event",
    [
        about("function_call_arguments.done", call_id="call_1", arguments="{}"),
        about("function_call_arguments.done", of="o", **CALL),
        about("output_item.done", item={"type": "function_call", "status": "incomplete", **CALL}),
        about("function_call_arguments.done", **{**CALL, "arguments": '{"city": '}),
        about("function_call_arguments.done", **{**CALL, "arguments": "[]"}),
        about("output_item.done", item=item()),
    ],
)
def test_a_call_is_not_asked_when_it_is_not_complete(component, event):
    assert component.hears(created(), event) == []


def test_a_call_that_nobody_could_answer_is_complained_of(component):
    call = {"type": "function_call", "status": "completed", **CALL, "arguments": '{"city": '}
    (fault,) = component.hears(created(), about("output_item.done", item=call))
    assert fault["code"] == "function_call_unreadable"


def test_the_agent_thinks_while_it_writes_a_call(component):
    call = {"type": "function_call", "status": "in_progress", "name": "get_weather"}
    (thinking,) = component.hears(created(), about("output_item.added", item=call))
    assert thinking == {"type": "AgentThinking", "content": "Calling get_weather."}


@pytest.mark.parametrize("added", [{"type": "message"}, {"type": "function_call"}])
def test_the_agent_does_not_think_aloud_of_anything_else(component, added):
    assert component.hears(created(), about("output_item.added", item=added)) == []


def test_what_a_call_took_is_told(component):
    component.translator.start_latency(1.0)
    component.translator.start_latency(1.5)
    component.now = 2.0
    component.hears(created(), about("output_item.added", item={"type": "function_call"}))
    (report,) = component.hears(done())
    assert report == {"type": "LatencyReport", "ttt_token_latency": 1.0, "ttt_tool_latency": 1.0}


def test_a_call_that_the_proxy_makes_is_shown_with_its_result(component):
    component.translator.set_proxy_functions({"get_weather"})
    (request,) = component.hears(created(), about("function_call_arguments.done", **CALL))
    assert request["functions"][0]["client_side"] is False
    (response,) = component.read(component.translator.show_call_result("call_1", "hail"))
    assert (response["name"], response["content"]) == ("get_weather", "hail")


def test_a_call_and_its_result_are_history_when_the_client_keeps_it():
    listener = Listener(keeps_history=True)
    listener.hears(created(), about("function_call_arguments.done", **CALL))
    (history,) = listener.translator.close_call("call_1", "hail")
    assert json.loads(history.data)["function_calls"][0]["response"] == "hail"


def test_a_call_without_arguments_is_asked_as_it_is(component):
    (request,) = component.hears(created(), about("function_call_arguments.done", **{**CALL, "arguments": ""}))
    assert request["functions"][0]["arguments"] == ""


def test_a_call_is_asked_when_its_arguments_are_complete_after_all(component):
    cut = about("function_call_arguments.done", **{**CALL, "arguments": '{"city": '})
    whole = about("output_item.done", item={"type": "function_call", "status": "completed", **CALL})
    assert kinds(component.hears(created(), cut, whole)) == ["FunctionCallRequest"]


def test_a_cancelled_call_is_told_with_its_name_once(component):
    component.hears(created(), about("function_call_arguments.done", **CALL))
    cancelled = component.read(component.translator.cancel_calls(("call_1", "call_2")))
    assert cancelled == [{"type": "FunctionCallCancelled", "functions": [{"id": "call_1", "name": "get_weather"}]}]
    assert component.translator.cancel_calls(("call_1",)) == []


def test_old_calls_are_forgotten(component):
    component.hears(created())
    for number in range(300):
        component.hears(about("function_call_arguments.done", **{**CALL, "call_id": f"call_{number}"}))
    assert component.translator.cancel_calls(("call_0",)) == []
    assert len(component.translator.cancel_calls(("call_299",))) == 1


# How a response ends.


@pytest.mark.parametrize(
    ("status", "details", "code", "description"),
    [
        (
            "incomplete",
            {"reason": "max_output_tokens"},
            "response_incomplete",
            "The response is incomplete: max_output_tokens.",
        ),
        ("incomplete", None, "response_incomplete", "The response is incomplete: unknown."),
        (
            "cancelled",
            {"reason": "content_filter"},
            "response_cancelled",
            "The response is cancelled: content_filter.",
        ),
    ],
)
@pytest.mark.parametrize(("profile", "kind"), [(DEEPGRAM, "Warning"), (COMPONENT, "Error")])
def test_why_a_response_did_not_complete_is_told(profile, kind, status, details, code, description):
    (told,) = Listener(profile).hears(created(), done(status, details))
    assert told == {"type": kind, "code": code, "description": description}


@pytest.mark.parametrize("details", [None, {"reason": "turn_detected"}, {"reason": "client_cancelled"}])
def test_that_a_response_was_cut_off_is_not_told(component, details):
    assert component.hears(created(), done("cancelled", details)) == []


# The user.


def test_a_spoken_turn_is_told_to_a_component(component):
    heard = component.hears(
        speech("started"),
        speech("stopped"),
        transcription("delta", delta="Hel"),
        transcription("delta", delta="lo."),
        transcription("completed", transcript="Hello."),
    )
    assert heard == [
        {"type": "UserStartedSpeaking"},
        {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0},
        {"type": "Transcript", "transcript": "Hel", "is_final": False},
        {"type": "Transcript", "transcript": "Hello.", "is_final": False},
        {"type": "Transcript", "transcript": "Hello.", "is_final": True},
        {"type": "ConversationText", "role": "user", "content": "Hello."},
    ]


def test_a_spoken_turn_is_told_to_a_deepgram_client_in_what_its_sdk_knows(deepgram):
    heard = deepgram.hears(
        speech("started"),
        speech("stopped"),
        transcription("delta", delta="Hel"),
        transcription("completed", transcript="Hello."),
    )
    assert kinds(heard) == ["UserStartedSpeaking", "ConversationText"]


def test_turns_are_transcribed_apart(component):
    component.hears(transcription("delta", "u1", delta="One"), transcription("delta", "u2", delta="Two"))
    (interim,) = component.hears(transcription("delta", "u1", delta=" more"))
    assert interim["transcript"] == "One more"


def test_a_delta_without_text_adds_nothing(component):
    assert component.hears(transcription("delta", delta=None))[0]["transcript"] == ""


def test_no_thinking_is_told_of_a_response_that_the_client_does_not_hear(deepgram):
    call = {"type": "response.output_item.added", "item": {"type": "function_call", "name": "get_weather"}}
    deepgram.hears(created())
    assert deepgram.hears({**call, "response_id": "another"}) == []
    deepgram.translator.mute("r")
    assert deepgram.hears({**call, "response_id": "r"}) == []


def test_silence_is_nobodys_text(deepgram):
    assert deepgram.hears(transcription("completed", transcript="")) == []


@pytest.mark.parametrize(
    ("error", "code", "description"),
    [
        ({"code": "unheard", "message": "It was too quiet."}, "unheard", "It was too quiet."),
        (None, "transcription_failed", "The user's speech could not be transcribed."),
    ],
)
def test_a_failed_transcription_is_told(deepgram, error, code, description):
    (told,) = deepgram.hears(transcription("delta", delta="Hel"), transcription("failed", error=error))
    assert told == {"type": "Warning", "code": code, "description": description}


def test_an_interim_transcript_is_no_longer_than_its_latest_4096_characters(component, deepgram):
    for _ in range(3):
        told = component.hears(transcription("delta", delta="a" * 2_000 + "b"))
        assert deepgram.hears(transcription("delta", delta="a" * 2_000 + "b")) == []
    assert told[0]["transcript"] == ("a" * 2_000 + "b")[-94:] + ("a" * 2_000 + "b") * 2
    assert deepgram.translator.kept_bytes == 0
    assert component.hears(transcription("completed", transcript="c" * 9_000))[0]["transcript"] == "c" * 9_000
    assert component.translator.kept_bytes == 0


@pytest.mark.parametrize("delta", ["So", "x" * 10_000])
def test_what_is_kept_of_very_many_items_is_bounded(delta):
    listener = Listener(keeps_history=True)
    listener.hears(created())
    for number in range(2_000):
        name = f"item_{number}"
        listener.hears(
            about("output_text.delta", item_id=name, delta=delta),
            about("output_text.done", item_id=f"done_{number}", text=delta),
            about("function_call_arguments.done", **{**CALL, "call_id": name, "arguments": json.dumps({"a": delta})}),
            {**transcription("delta", delta=delta), "item_id": name},
            {**speech("stopped"), "item_id": name},
        )
    assert listener.translator.kept_bytes < 5 * 1024 * 1024
    listener.hears(done())
    assert listener.translator.kept_bytes < 5 * 1024 * 1024


# Faults.


@pytest.mark.parametrize(
    ("profile", "fatal", "kind"),
    [
        (DEEPGRAM, False, "Warning"),
        (DEEPGRAM, True, "Error"),
        (COMPONENT, False, "Error"),
        (COMPONENT, True, "Error"),
    ],
)
def test_a_problem_is_told_in_the_profiles_manner(profile, fatal, kind):
    frame = problem_to_frame(Problem("voice_locked", "The voice stays."), profile, fatal=fatal)
    assert Listener(profile).read([frame]) == [
        {"type": kind, "code": "voice_locked", "description": "The voice stays."}
    ]


def test_an_unknown_event_tells_nothing(component):
    assert component.hears({"type": "response.sung"}) == []


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.created"},
        {"type": "response.created", "response": []},
        {**done(), "response": {"id": {}}},
        about("output_audio.delta", delta=None),
        about("output_text.delta", delta=None),
        item_event("done", None),
    ],
)
def test_an_event_that_is_not_built_as_its_type_is_refused(component, event):
    component.hears(created())
    with pytest.raises(UpstreamProtocolError, match=event["type"]):
        component.hears(event)


def test_audio_that_is_no_base64_is_refused(component):
    component.hears(created())
    with pytest.raises(UpstreamProtocolError, match="base64"):
        component.hears(about("output_audio.delta", delta="a"))


def deltas(*audio, of="r"):
    return [about("output_audio.delta", of, delta=each) for each in audio]


def in_a_row(translator, events, now=0.0):
    return translator.audio_batch(events, now, [None] * len(events))


def test_audio_that_came_in_a_row_goes_down_in_one_frame():
    translator = VoiceAgentTranslator(DEEPGRAM)
    translator.translate(created(), 0.0)
    _, frame = in_a_row(translator, deltas("AAEC", "AwQF", "Bg=="))
    assert frame == BinaryFrame(bytes(range(6)))
    assert in_a_row(translator, deltas("BwgJ", "CgsM")) == [BinaryFrame(bytes(range(6, 12)))]


def test_audio_that_came_in_a_row_is_played_as_long_as_all_of_it_lasts():
    translator = VoiceAgentTranslator(DEEPGRAM)
    translator.translate(created(), 0.0)
    in_a_row(translator, deltas(*[base64.b64encode(bytes(4_800)).decode()] * 10))
    translator.translate({"type": "input_audio_buffer.speech_started"}, 0.25)
    assert translator.take_truncations() == (("i", 250),)


def test_nothing_has_changed_where_one_of_a_row_is_no_base64():
    translator = VoiceAgentTranslator(DEEPGRAM)
    translator.translate(created(), 0.0)
    with pytest.raises(UpstreamProtocolError, match="base64"):
        in_a_row(translator, deltas("AAEC", "a"))
    _, frame = in_a_row(translator, deltas("AAEC", "Aw=="))
    assert frame == BinaryFrame(bytes(range(4)))


def test_audio_in_a_row_is_not_heard_where_its_response_is_not():
    translator = VoiceAgentTranslator(DEEPGRAM)
    translator.translate(created(), 0.0)
    assert in_a_row(translator, deltas("AAEC", "AwQF", of="another")) == []
    translator.mute("r")
    assert in_a_row(translator, deltas("AAEC", "AwQF")) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"output": [None, {"id": "x"}, 3]},
        {"output": {}},
        {"output": [{"id": "i", "type": "message", "content": [None, {"type": 3, "text": []}]}]},
        {"status_details": "why"},
        {"status_details": {"error": 3}},
    ],
)
def test_a_response_is_over_for_the_client_whatever_else_its_end_holds(component, odd):
    component.hears(created())
    component.hears(about("output_audio.delta", delta="AAAA"))
    event = done()
    told = component.hears({**event, "response": {**event["response"], **odd}})
    assert [one["type"] for one in told if isinstance(one, dict)][-2:] == ["AgentAudioDone", "AgentDone"]


_EVENTS = st.sampled_from(
    [
        created("r1"),
        created("r2"),
        created("o", conversation_id=None),
        *(about("output_text.delta", of, delta="a") for of in ("r1", "r2", "o")),
        *(audio_delta(b"ab", of) for of in ("r1", "r2", "o")),
        *(about("output_text.done", of, text=of) for of in ("r1", "r2", "o")),
        item_event("done", item(item_id="i")),
        *(done(status, response_id=of) for of in ("r1", "r2", "o") for status in ("completed", "cancelled")),
        speech("started"),
        speech("stopped"),
    ]
)


@given(st.lists(_EVENTS, max_size=40))
def test_whatever_the_order_each_answer_starts_before_it_ends_and_never_twice(events):
    speaking = False
    for kind in kinds(Listener(COMPONENT).hears(*events)):
        if kind == "AgentStartedSpeaking":
            assert not speaking
            speaking = True
        elif kind in {"audio", "ConversationText", "AgentAudioDone"}:
            assert speaking
            speaking = kind != "AgentAudioDone"


@given(
    st.sampled_from([*SERVER_EVENTS]),
    st.dictionaries(
        st.sampled_from(["response", "response_id", "item", "item_id", "delta", "text", "transcript", "error"]),
        st.none() | st.integers() | st.just("r") | st.lists(st.none()) | st.dictionaries(st.just("id"), st.just("r")),
    ),
)
def test_any_fields_are_translated_or_refused_and_nothing_else(kind, fields):
    listener = Listener()
    listener.hears(created())
    with suppress(UpstreamProtocolError):
        assert isinstance(listener.translator.translate({"type": kind, **fields}, 0.0), list)
