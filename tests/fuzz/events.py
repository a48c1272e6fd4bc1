"""Valid events of the Realtime API, in the current words and the beta's, the ids from small pools."""

from __future__ import annotations

from hypothesis import strategies as st
from messages import CALL_IDS, given, message

from turnstile.translate.event_table import SERVER_EVENTS

_responses = st.sampled_from(["resp_1", "resp_2", "resp_3"])
_items = st.sampled_from(["item_1", "item_2", "item_3", "ts_1", "ts_2", "ts_3"])
_calls = st.sampled_from(CALL_IDS)
_event_ids = st.sampled_from(["ts_0", "ts_1", "ts_2", "ts_3", "ts_4", "mine_1", None])
_words = st.sampled_from(["", "Hello", " world.", "é𝄞"])
_audio = st.sampled_from(["", "AAAA", "AAAAAAAAAAA=", "A" * 6_400, "AAA", "*"])
_arguments = st.sampled_from(["", "{}", '{"a":1}', '{"a":', "[1]"])
_places = st.integers(0, 3)
_codes = st.sampled_from(
    [
        None,
        "conversation_already_has_active_response",
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
        "item_truncate_invalid_item_id",
        "cannot_update_voice",
        "invalid_value",
        "server_error",
        "rate_limit_exceeded",
        "session_expired",
    ]
)
_statuses = st.sampled_from(["in_progress", "completed", "failed", "incomplete", "cancelled"])

_part = given(
    type=st.sampled_from(["audio", "text", "output_audio", "output_text", "input_text", "input_audio"]),
    text=_words,
    transcript=_words,
    audio=_audio,
)
_message_item = st.fixed_dictionaries(
    {"id": _items, "type": st.just("message"), "role": st.sampled_from(["user", "assistant", "system"])},
    optional={"content": st.lists(_part, max_size=2), "status": _statuses, "object": st.just("realtime.item")},
)
_call_item = st.fixed_dictionaries(
    {"id": _items, "type": st.just("function_call"), "call_id": _calls, "name": st.just("look")},
    optional={"arguments": _arguments, "status": _statuses},
)
_item = _message_item | _call_item
_error = given(
    type=st.sampled_from(["invalid_request_error", "server_error"]),
    code=_codes,
    message=st.sampled_from(["No.", "Cancellation failed: no active response found", None]),
    param=st.sampled_from([None, "session.voice", "response", "item", "audio"]),
    event_id=_event_ids,
)
_detection = st.none() | given(
    type=st.just("server_vad"), interrupt_response=st.booleans(), create_response=st.booleans()
)
_session = given(
    type=st.just("realtime"),
    id=st.just("sess_1"),
    model=st.just("gpt-realtime"),
    instructions=st.sampled_from(["", "Be brief."]),
    tools=st.just([]),
    audio=given(
        input=given(format=st.just({"type": "audio/pcm", "rate": 24_000}), turn_detection=_detection),
        output=given(voice=st.just("alloy"), speed=st.just(1.0)),
    ),
    modalities=st.just(["audio", "text"]),
    voice=st.just("alloy"),
    input_audio_format=st.just("pcm16"),
    turn_detection=_detection,
)
_response = st.fixed_dictionaries(
    {"id": _responses},
    optional={
        "status": _statuses,
        "status_details": st.none()
        | given(
            type=_statuses,
            reason=st.sampled_from(["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]),
            error=given(type=st.just("server_error"), code=_codes, message=_words),
        ),
        "output": st.lists(_item, max_size=3),
        "output_modalities": st.sampled_from([["audio"], ["text"]]),
        "modalities": st.just(["audio", "text"]),
        "conversation_id": st.sampled_from(["conv_1", None]),
        "metadata": st.none() | given(turnstile_create=_event_ids, client_event_id=_event_ids, tags=st.just("a")),
        "usage": st.just({"total_tokens": 3}),
    },
)
_in_response = {"response_id": _responses, "item_id": _items, "output_index": _places, "content_index": st.just(0)}
_turn = {"item_id": _items}

# The events that somebody acts on, and how they are built; all others are built of their type alone.
BUILT = {
    kind: message(kind, **fields)
    for kind, fields in {
        "session.created": {"session": _session},
        "session.updated": {"session": _session},
        "error": {"error": _error},
        "conversation.item.added": {"item": _item, "previous_item_id": st.none() | _items},
        "conversation.item.created": {"item": _item},
        "conversation.item.done": {"item": _item},
        "conversation.item.deleted": _turn,
        "conversation.item.retrieved": {"item": _item},
        "conversation.item.truncated": {**_turn, "audio_end_ms": _places, "content_index": _places},
        "conversation.item.input_audio_transcription.delta": {**_turn, "delta": _words},
        "conversation.item.input_audio_transcription.completed": {**_turn, "transcript": _words},
        "conversation.item.input_audio_transcription.failed": {**_turn, "error": _error},
        "input_audio_buffer.cleared": {},
        "input_audio_buffer.speech_started": {**_turn, "audio_start_ms": _places},
        "input_audio_buffer.speech_stopped": {**_turn, "audio_end_ms": _places},
        "input_audio_buffer.committed": {**_turn, "previous_item_id": st.none() | _items},
        "response.created": {"response": _response},
        "response.done": {"response": _response},
        "response.output_item.added": {"response_id": _responses, "output_index": _places, "item": _item},
        "response.output_item.done": {"response_id": _responses, "output_index": _places, "item": _item},
        "response.content_part.added": {**_in_response, "part": _part},
        "response.content_part.done": {**_in_response, "part": _part},
        "response.output_text.delta": {**_in_response, "delta": _words},
        "response.output_text.done": {**_in_response, "text": _words},
        "response.text.done": {**_in_response, "text": _words},
        "response.output_audio.delta": {**_in_response, "delta": _audio},
        "response.audio.delta": {**_in_response, "delta": _audio},
        "response.output_audio_transcript.delta": {**_in_response, "delta": _words},
        "response.output_audio_transcript.done": {**_in_response, "transcript": _words},
        "response.function_call_arguments.delta": {**_in_response, "call_id": _calls, "delta": _words},
        "response.function_call_arguments.done": {
            **_in_response,
            "call_id": _calls,
            "name": st.just("look"),
            "arguments": _arguments,
        },
    }.items()
}
_others = st.sampled_from([*(kind for kind in SERVER_EVENTS if kind not in BUILT), "something.new"])
events = st.one_of(*BUILT.values(), st.fixed_dictionaries({"type": _others}, optional=_in_response))
