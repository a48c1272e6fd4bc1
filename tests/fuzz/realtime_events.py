"""Events that a client of the Realtime API sends, in the current words and the beta's."""

from __future__ import annotations

from hypothesis import strategies as st
from messages import given, message, texts

_event_ids = st.sampled_from(["mine_1", "mine_2", "ts_1"])
_formats = st.sampled_from(["pcm16", "g711_ulaw", {"type": "audio/pcm", "rate": 24_000}, {"type": "audio/pcmu"}])
_audio = given(
    input=given(
        format=_formats, turn_detection=st.sampled_from([None, {"type": "server_vad"}, {"type": "semantic_vad"}])
    ),
    output=given(format=_formats, voice=st.just("marin"), speed=st.just(1.25)),
)
_config = given(
    type=st.just("realtime"),
    instructions=texts,
    audio=_audio,
    output_modalities=st.just(["audio"]),
    metadata=st.just({"a": "b"}),
    conversation=st.sampled_from(["auto", "none"]),
    modalities=st.just(["audio", "text"]),
    voice=st.just("alloy"),
    speed=st.just(1.0),
    temperature=st.just(0.8),
    input_audio_format=_formats,
    input_audio_transcription=st.just({"model": "whisper-1"}),
    turn_detection=st.sampled_from([None, {"type": "server_vad"}]),
    max_response_output_tokens=st.just("inf"),
)
_items = given(
    id=st.just("item_1"),
    type=st.sampled_from(["message", "function_call_output"]),
    role=st.sampled_from(["user", "assistant"]),
    content=st.lists(given(type=st.sampled_from(["input_text", "text", "audio"]), text=texts), max_size=2),
    call_id=st.just("call_1"),
    output=texts,
)
_odd = st.sampled_from([None, "x", 7, [], {"audio": "x"}, {"audio": {"input": 7}}, {"metadata": "x"}])
_EVENTS = (
    message("session.update", session=_odd),
    message("response.create", response=_odd),
    message("transcription_session.update", session=_config),
    message("session.update", session=_config),
    message("response.create", response=_config),
    message("response.create"),
    message("response.cancel", response_id=st.just("resp_1")),
    message("conversation.item.create", item=_items, previous_item_id=st.just("root")),
    message("conversation.item.delete", item_id=st.just("item_1")),
    message("input_audio_buffer.append", audio=st.just("AAAA")),
    message("input_audio_buffer.commit"),
)
client_events = st.builds(lambda event, named: {**event, **named}, st.one_of(*_EVENTS), given(event_id=_event_ids))
