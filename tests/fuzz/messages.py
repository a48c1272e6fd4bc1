"""Valid messages of every type that a Voice Agent client sends, the ids from a small pool."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from values import SECRET

CALL_IDS = ("call_1", "call_2", "call_3")
texts = st.sampled_from(["Be brief.", "Hello.", "Rhyme.", "é𝄞", "x" * 2_000])


def given(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with any selection of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def message(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return messages of a type with all of these fields."""
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


def one_or_list(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return one, or a list of some: the protocol takes both."""
    return values | st.lists(values, min_size=1, max_size=3)


endpoints = given(
    url=st.sampled_from(["https://api.example.com/f", "http://127.0.0.1:1/", "https://example.com"]),
    method=st.sampled_from(["POST", "get", "DELETE"]),
    headers=st.just({"authorization": SECRET}),
)
functions = st.fixed_dictionaries(
    {"name": st.sampled_from(["look", "add", "book"])},
    optional={
        "description": texts,
        "parameters": st.sampled_from([{}, {"type": "object", "properties": {"a": {"type": "string"}}}]),
        "endpoint": endpoints,
    },
)
thinks = given(
    provider=given(
        type=st.sampled_from(["open_ai", "openai", "anthropic"]),
        model=st.sampled_from(["gpt-realtime", "gpt-unserved"]),
        temperature=st.just(0.5),
        credentials=st.just({"token": SECRET}),
    ),
    endpoint=st.just({"url": "https://example.com/v1", "headers": {"authorization": SECRET}}),
    prompt=texts,
    functions=st.lists(functions, max_size=3, unique_by=lambda function: function["name"]),
    toolChoice=st.sampled_from(["auto", "none", "required", "any", {"type": "function", "name": "look"}]),
    outputModalities=st.sampled_from([["text"], ["audio"], ["text", "audio"], ["video"], []]),
    maxOutputTokens=st.sampled_from([1, 4096, "inf", -1, 0.5, 1e9]),
    managedPrompt=st.just({"id": "pmpt_1", "version": "2", "variables": {"name": "Ann"}}),
    context_length=st.just("max"),
)
speaks = given(
    provider=given(
        type=st.sampled_from(["open_ai", "deepgram", "eleven_labs"]),
        model=st.sampled_from(["gpt-realtime", "aura-2-thalia-en"]),
        voice=st.sampled_from(["alloy", "marin", {"mode": "id", "id": "v1"}]),
        speed=st.sampled_from([0.25, 1, 1.5, -1, 4]),
    ),
    endpoint=st.just({"url": "https://example.com/v1", "headers": {"xi-api-key": SECRET}}),
)
listens = given(
    provider=given(
        type=st.just("deepgram"),
        version=st.sampled_from(["v1", "v2"]),
        model=st.sampled_from(["nova-3", "whisper-1", "gpt-4o-transcribe"]),
        language=st.sampled_from(["de", "multi", "en-US", "klingon"]),
        language_hints=st.sampled_from([["en", "de"], ["en-US", "en-GB"]]),
        keyterms=st.just(["Turnstile"]),
        smart_format=st.booleans(),
    )
)
turns = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": texts}),
    st.just({"function_calls": [{"id": "c", "name": "look", "arguments": "{}", "response": "rain"}]}),
)
audio = given(
    input=given(
        encoding=st.sampled_from(["linear16", "mulaw", "alaw"]),
        sample_rate=st.sampled_from([8000, 16000, 24000, 48000]),
    ),
    output=given(
        encoding=st.sampled_from(["linear16", "mulaw", "alaw"]),
        sample_rate=st.sampled_from([8000, 16000, 24000]),
        container=st.sampled_from(["none", "wav"]),
    ),
)
agents = given(
    language=st.just("en"),
    context=given(messages=st.lists(turns, max_size=2)),
    messages=st.lists(turns, max_size=2),
    listen=listens,
    think=one_or_list(thinks),
    speak=one_or_list(speaks),
    greeting=texts,
    idleTimeoutMs=st.sampled_from([-1, 0, 5_000, 9_999.5, 30_000, 60_000]),
    useOpenAIManualAudioCommit=st.booleans(),
    sessionAudioOutput=given(
        voice=st.sampled_from(["marin", "nova", {"id": "voice_1"}]), speed=st.sampled_from([1.25, 9])
    ),
)
settings = st.builds(
    lambda message, extra: {**message, **extra},
    message("Settings", agent=agents),
    given(
        audio=audio,
        tags=st.just(["a", "b"]),
        flags=given(history=st.booleans()),
        experimental=st.booleans(),
        mip_opt_out=st.booleans(),
    ),
)
# What each type is built by; a test sees to it that no type is left out.
BUILT = {
    "Settings": settings,
    "UpdatePrompt": message("UpdatePrompt", prompt=texts),
    "UpdateThink": message("UpdateThink", think=one_or_list(thinks)),
    "UpdateSpeak": message("UpdateSpeak", speak=one_or_list(speaks)),
    "UpdateListen": message("UpdateListen", listen=listens),
    "UpdateThink_Live": message("UpdateThink_Live", think=thinks),
    "__customToThinkProvider": message("__customToThinkProvider", content=st.just({"a": 1})),
    "InjectUserMessage": message("InjectUserMessage", content=texts),
    "InjectAgentMessage": st.builds(
        lambda message, extra: {**message, **extra},
        message("InjectAgentMessage", message=texts),
        given(behavior=st.sampled_from(["default", "queue", "interrupt"]), is_dynamic=st.booleans()),
    ),
    "FunctionCallResponse": st.builds(
        lambda message, extra: {**message, **extra},
        message("FunctionCallResponse", id=st.sampled_from(CALL_IDS), name=st.just("look")),
        given(content=texts, output=texts, result=st.just({"a": [1]}), response=st.just(0), error=st.just("no")).filter(
            bool
        ),
    ),
    "ForceEndTurn": message("ForceEndTurn"),
    "KeepAlive": message("KeepAlive"),
}
messages = st.one_of(*BUILT.values())
