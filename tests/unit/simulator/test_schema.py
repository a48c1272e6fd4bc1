"""Every rule about one event alone: what is refused, with which code and which path."""

from __future__ import annotations

import pytest

from turnstile.simulator import schema
from turnstile.simulator.api_errors import ApiError
from turnstile.simulator.schema import check_event

ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
TOOL = {"type": "function", "name": "f"}


def _update(**session):
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def _input(**settings):
    return _update(audio={"input": settings})


def _output(**settings):
    return _update(audio={"output": settings})


def _item(**item):
    return {"type": "conversation.item.create", "item": item}


def _create(**response):
    return {"type": "response.create", "response": response}


REFUSED = {
    "no object": ([], "invalid_json", None),
    "null": (None, "invalid_json", None),
    "no type": ({"event_id": "e"}, "invalid_event", "type"),
    "type no string": ({"type": 3}, "invalid_type", "type"),
    "unknown type": ({"type": "nope"}, "invalid_value", "type"),
    "type a list": ({"type": []}, "invalid_type", "type"),
    "beta event": ({"type": "transcription_session.update"}, "invalid_value", "type"),
    "webrtc event": ({"type": "output_audio_buffer.clear"}, "invalid_value", "type"),
    "event id no string": ({"type": "response.cancel", "event_id": 1}, "invalid_type", "event_id"),
    "event id too long": ({"type": "response.cancel", "event_id": "e" * 513}, "string_above_max_length", "event_id"),
    "unknown top field": ({"type": "response.cancel", "x": 1}, "unknown_parameter", "x"),
    "no session": ({"type": "session.update"}, "missing_required_parameter", "session"),
    "session no object": ({"type": "session.update", "session": 1}, "invalid_type", "session"),
    "no session type": ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
    "session type unknown": ({"type": "session.update", "session": {"type": "x"}}, "invalid_value", "session.type"),
    "voice of a transcription session": (
        {"type": "session.update", "session": {"type": "transcription", "audio": {"output": {"voice": "alloy"}}}},
        "unknown_parameter",
        "session.audio.output",
    ),
    "beta voice": (_update(voice="alloy"), "unknown_parameter", "session.voice"),
    "beta modalities": (_update(modalities=["text"]), "unknown_parameter", "session.modalities"),
    "temperature": (_update(temperature=0.8), "unknown_parameter", "session.temperature"),
    "unknown field null": (_update(temperature=None), "unknown_parameter", "session.temperature"),
    "unknown nested field null": (_output(pitch=None), "unknown_parameter", "session.audio.output.pitch"),
    "session type null": (
        {"type": "session.update", "session": {"type": None}},
        "missing_required_parameter",
        "session.type",
    ),
    "session null": ({"type": "session.update", "session": None}, "missing_required_parameter", "session"),
    "tool type null": (_update(tools=[{"type": None}]), "missing_required_parameter", "session.tools[0].type"),
    "tool null": (_update(tools=[None]), "invalid_type", "session.tools[0]"),
    "item text null": (
        {
            "type": "conversation.item.create",
            "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": None}]},
        },
        "invalid_type",
        "item.content[0].text",
    ),
    "item id null": ({"type": "conversation.item.create", "item": {**ITEM, "id": None}}, "invalid_type", "item.id"),
    "metadata value null": (
        {"type": "response.create", "response": {"metadata": {"k": None}}},
        "invalid_type",
        "response.metadata.k",
    ),
    "both modalities": (_update(output_modalities=["audio", "text"]), "invalid_value", "session.output_modalities"),
    "no modality": (_update(output_modalities=[]), "invalid_value", "session.output_modalities"),
    "modality unknown": (_update(output_modalities=["x"]), "invalid_value", "session.output_modalities[0]"),
    "modalities no list": (_update(output_modalities="text"), "invalid_type", "session.output_modalities"),
    "tokens 0": (_update(max_output_tokens=0), "integer_below_min_value", "session.max_output_tokens"),
    "tokens 4097": (_update(max_output_tokens=4097), "integer_above_max_value", "session.max_output_tokens"),
    "tokens true": (_update(max_output_tokens=True), "invalid_type", "session.max_output_tokens"),
    "tokens word": (_update(max_output_tokens="many"), "invalid_value", "session.max_output_tokens"),
    "tool no type": (_update(tools=[{"name": "f"}]), "missing_required_parameter", "session.tools[0].type"),
    "tool no name": (_update(tools=[{"type": "function"}]), "missing_required_parameter", "session.tools[0].name"),
    "tool unknown": (_update(tools=[{"type": "magic"}]), "invalid_value", "session.tools[0].type"),
    "tool strict": (_update(tools=[{**TOOL, "strict": True}]), "unknown_parameter", "session.tools[0].strict"),
    "tool parameters": (_update(tools=[{**TOOL, "parameters": "x"}]), "invalid_type", "session.tools[0].parameters"),
    "tool description": (
        _update(tools=[TOOL, {**TOOL, "description": "d" * 1025}]),
        "string_above_max_length",
        "session.tools[1].description",
    ),
    "tool choice": (_update(tool_choice="always"), "invalid_value", "session.tool_choice"),
    "tool choice no name": (
        _update(tool_choice={"type": "function"}),
        "missing_required_parameter",
        "session.tool_choice.name",
    ),
    "audio unknown": (_update(audio={"both": {}}), "unknown_parameter", "session.audio.both"),
    "16 kHz": (
        _input(format={"type": "audio/pcm", "rate": 16000}),
        "integer_below_min_value",
        "session.audio.input.format.rate",
    ),
    "48 kHz": (
        _input(format={"type": "audio/pcm", "rate": 48000}),
        "integer_above_max_value",
        "session.audio.input.format.rate",
    ),
    "no rate": (_input(format={"type": "audio/pcm"}), "missing_required_parameter", "session.audio.input.format.rate"),
    "rate of g711": (
        _input(format={"type": "audio/pcmu", "rate": 8000}),
        "unknown_parameter",
        "session.audio.input.format.rate",
    ),
    "format word": (_input(format="pcm16"), "invalid_type", "session.audio.input.format"),
    "format unknown": (_input(format={"type": "audio/opus"}), "invalid_value", "session.audio.input.format.type"),
    "voice in input": (_input(voice="alloy"), "unknown_parameter", "session.audio.input.voice"),
    "noise reduction": (
        _input(noise_reduction={"type": "loud"}),
        "invalid_value",
        "session.audio.input.noise_reduction.type",
    ),
    "transcription delay": (
        _input(transcription={"model": "whisper-1", "delay": "bogus"}),
        "invalid_value",
        "session.audio.input.transcription.delay",
    ),
    "vad no type": (
        _input(turn_detection={"threshold": 0.5}),
        "missing_required_parameter",
        "session.audio.input.turn_detection.type",
    ),
    "vad threshold": (
        _input(turn_detection={"type": "server_vad", "threshold": 1.5}),
        "decimal_above_max_value",
        "session.audio.input.turn_detection.threshold",
    ),
    "vad threshold word": (
        _input(turn_detection={"type": "server_vad", "threshold": "high"}),
        "invalid_type",
        "session.audio.input.turn_detection.threshold",
    ),
    "vad silence": (
        _input(turn_detection={"type": "server_vad", "silence_duration_ms": -1}),
        "integer_below_min_value",
        "session.audio.input.turn_detection.silence_duration_ms",
    ),
    "vad silence decimal": (
        _input(turn_detection={"type": "server_vad", "silence_duration_ms": 1.5}),
        "invalid_type",
        "session.audio.input.turn_detection.silence_duration_ms",
    ),
    "idle timeout": (
        _input(turn_detection={"type": "server_vad", "idle_timeout_ms": 4999}),
        "integer_below_min_value",
        "session.audio.input.turn_detection.idle_timeout_ms",
    ),
    "eagerness of server vad": (
        _input(turn_detection={"type": "server_vad", "eagerness": "low"}),
        "unknown_parameter",
        "session.audio.input.turn_detection.eagerness",
    ),
    "create_response word": (
        _input(turn_detection={"type": "semantic_vad", "create_response": "yes"}),
        "invalid_type",
        "session.audio.input.turn_detection.create_response",
    ),
    "voice unknown": (_output(voice="bob"), "invalid_value", "session.audio.output.voice"),
    "voice number": (_output(voice=3), "invalid_type", "session.audio.output.voice"),
    "speed low": (_output(speed=0.2), "decimal_below_min_value", "session.audio.output.speed"),
    "speed high": (_output(speed=2), "decimal_above_max_value", "session.audio.output.speed"),
    "tracing": (_update(tracing="on"), "invalid_value", "session.tracing"),
    "truncation": (
        _update(truncation={"type": "retention_ratio", "retention_ratio": 2}),
        "decimal_above_max_value",
        "session.truncation.retention_ratio",
    ),
    "no item": ({"type": "conversation.item.create"}, "missing_required_parameter", "item"),
    "item no type": (_item(role="user"), "missing_required_parameter", "item.type"),
    "item type unknown": (_item(type="thing"), "invalid_value", "item.type"),
    "item no role": (_item(type="message", content=[]), "missing_required_parameter", "item.role"),
    "item role unknown": (_item(type="message", role="tool", content=[]), "invalid_value", "item.role"),
    "item no content": (_item(type="message", role="user"), "missing_required_parameter", "item.content"),
    "content a string": (_item(type="message", role="user", content="hi"), "invalid_type", "item.content"),
    "no text": (
        _item(type="message", role="user", content=[{"type": "input_text"}]),
        "missing_required_parameter",
        "item.content[0].text",
    ),
    "user says output_text": (
        _item(type="message", role="user", content=[{"type": "output_text", "text": "x"}]),
        "invalid_value",
        "item.content[0].type",
    ),
    "assistant says input_text": (
        _item(type="message", role="assistant", content=[{"type": "input_text", "text": "x"}]),
        "invalid_value",
        "item.content[0].type",
    ),
    "assistant audio": (
        _item(type="message", role="assistant", content=[{"type": "output_audio", "audio": "AAAA"}]),
        "invalid_value",
        "item.content[0].type",
    ),
    "system audio": (
        _item(type="message", role="system", content=[{"type": "input_audio", "audio": "AAAA"}]),
        "invalid_value",
        "item.content[0].type",
    ),
    "item id too long": (_item(**ITEM, id="i" * 33), "string_above_max_length", "item.id"),
    "item field unknown": (_item(**ITEM, name="x"), "unknown_parameter", "item.name"),
    "output no call id": (
        _item(type="function_call_output", output="x"),
        "missing_required_parameter",
        "item.call_id",
    ),
    "output no string": (_item(type="function_call_output", call_id="c", output={}), "invalid_type", "item.output"),
    "reference outside a response": (_item(type="item_reference", id="i"), "invalid_value", "item.type"),
    "append no audio": ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
    "append number": ({"type": "input_audio_buffer.append", "audio": 5}, "invalid_type", "audio"),
    "delete no id": ({"type": "conversation.item.delete"}, "missing_required_parameter", "item_id"),
    "truncate no end": (
        {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0},
        "missing_required_parameter",
        "audio_end_ms",
    ),
    "truncate below 0": (
        {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": -1},
        "integer_below_min_value",
        "audio_end_ms",
    ),
    "response unknown field": (_create(voice="alloy"), "unknown_parameter", "response.voice"),
    "response speed": (_create(audio={"output": {"speed": 1}}), "unknown_parameter", "response.audio.output.speed"),
    "response conversation": (_create(conversation="other"), "invalid_value", "response.conversation"),
    "metadata value": (_create(metadata={"k": 1}), "invalid_type", "response.metadata.k"),
    "metadata long value": (_create(metadata={"k": "v" * 513}), "string_above_max_length", "response.metadata.k"),
    "metadata long key": (
        _create(metadata={"k" * 65: "v"}),
        "string_above_max_length",
        "response.metadata." + "k" * 65,
    ),
    "metadata 17": (
        _create(metadata={str(n): "" for n in range(17)}),
        "object_above_max_properties",
        "response.metadata",
    ),
    "metadata list": (_create(metadata=[]), "invalid_type", "response.metadata"),
    "input item": (_create(input=[{"type": "message"}]), "missing_required_parameter", "response.input[0].role"),
}


@pytest.mark.parametrize(("event", "code", "param"), REFUSED.values(), ids=REFUSED)
def test_an_event_is_refused_when_it_breaks_a_rule(event, code, param):
    with pytest.raises(ApiError) as refused:
        check_event(event)
    assert (refused.value.code, refused.value.param) == (code, param)


ACCEPTED = {
    "transcription session": {
        "type": "session.update",
        "session": {"type": "transcription", "audio": {"input": {"turn_detection": None}}},
    },
    "nothing changed": _update(),
    "cleared": _update(instructions="", tools=[], prompt=None, tracing=None, include=None),
    "cleared audio": _input(transcription=None, noise_reduction=None, turn_detection=None),
    "all of the session": _update(
        model="gpt-realtime",
        output_modalities=["text"],
        instructions="x",
        tools=[
            {**TOOL, "description": "d", "parameters": {"type": "object"}},
            {"type": "mcp", "server_label": "s", "server_url": "https://example.com"},
        ],
        tool_choice={"type": "function", "name": "f"},
        max_output_tokens=1,
        prompt={"id": "p", "version": None, "variables": {"a": "b"}},
        tracing={"workflow_name": "w"},
        truncation={"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 5}},
        include=["item.input_audio_transcription.logprobs"],
        reasoning={"effort": "low"},
        parallel_tool_calls=True,
        audio={
            "input": {
                "format": {"type": "audio/pcma"},
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "p", "delay": "low"},
                "turn_detection": {"type": "semantic_vad", "eagerness": "low", "interrupt_response": False},
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "voice_1"}, "speed": 1.5},
        },
    ),
    "tokens inf": _update(max_output_tokens="inf", truncation="disabled", tracing="auto"),
    "choice of mcp": _update(tool_choice={"type": "mcp", "server_label": "s", "name": None}),
    "append": {"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "e"},
    "commit": {"type": "input_audio_buffer.commit"},
    "clear": {"type": "input_audio_buffer.clear"},
    "cancel": {"type": "response.cancel", "response_id": "resp_1"},
    "create": {"type": "response.create"},
    "create with nothing": _create(),
    "create with all": _create(
        conversation="none",
        instructions="x",
        metadata={"k": "v"},
        output_modalities=["audio"],
        tool_choice="none",
        tools=[TOOL],
        max_output_tokens=5,
        audio={"output": {"voice": "cedar", "format": {"type": "audio/pcm", "rate": 24000}}},
        input=[ITEM],
    ),
    "item": {**_item(**ITEM, id="i" * 32), "previous_item_id": "root"},
    "item with image": _item(
        type="message",
        role="user",
        content=[{"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"}],
    ),
    "item with audio": _item(type="message", role="user", content=[{"type": "input_audio", "audio": "AAAA"}]),
    "system": _item(type="message", role="system", content=[{"type": "input_text", "text": "x"}]),
    "assistant": _item(type="message", role="assistant", content=[{"type": "output_text", "text": "x"}]),
    "call": _item(type="function_call", name="f", arguments="{}", call_id="c"),
    "output": _item(type="function_call_output", call_id="c", output="x", object="realtime.item"),
    "truncate": {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 0},
    "delete": {"type": "conversation.item.delete", "item_id": "i"},
    "retrieve": {"type": "conversation.item.retrieve", "item_id": "i"},
}


@pytest.mark.parametrize("event", ACCEPTED.values(), ids=ACCEPTED)
def test_an_accepted_event_is_one_of_the_apis_own_types(event, client_event):
    assert check_event(event) == event["type"]
    assert client_event.validate_python(event).type == event["type"]


def test_a_response_may_refer_to_items_though_the_apis_types_lack_it():
    assert check_event(_create(input=[{"type": "item_reference", "id": "item_1"}])) == "response.create"


def test_every_event_of_the_api_is_known_but_that_of_webrtc(client_event):
    kinds = {
        shape["properties"]["type"]["const"]
        for shape in client_event.json_schema()["$defs"].values()
        if "event_id" in shape.get("properties", {})
    }
    assert kinds - set(schema.CHECKS) == {"output_audio_buffer.clear"}


def test_the_supported_values_are_named_when_a_value_is_not_one_of_them():
    with pytest.raises(ApiError, match=r"Supported values are: 'audio/pcm', 'audio/pcmu', and 'audio/pcma'\."):
        check_event(_input(format={"type": "audio/opus"}))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "an integer"),
        (1.5, "a decimal number"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_the_kind_of_a_value_is_named_when_it_is_the_wrong_one(value, kind):
    with pytest.raises(ApiError, match=f"expected a string, but got {kind} instead"):
        check_event({"type": "response.cancel", "event_id": value})
