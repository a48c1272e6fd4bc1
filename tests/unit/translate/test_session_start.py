from __future__ import annotations

import pytest

from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.errors import ClientProtocolError
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.translate.permissions import Permissions
from turnstile.translate.session_start import SERVER_VAD, settings_to_session

ALL = Permissions(lambda _: True, lambda _: True)
WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture
def start(read, session):
    def started(profile=DEEPGRAM, agent=None, **settings):
        start = settings_to_session(read("Settings", agent=agent or {}, **settings), profile, ALL)
        session(start.config.patch)
        return start

    return started


def _told(config):
    return [problem.description.removesuffix("; it is ignored.") for problem in config.warnings]


def test_settings_that_say_nothing_make_a_session_of_defaults(start):
    began = start()
    assert began.config.patch == {
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": {"model": "gpt-4o-transcribe"},
                "turn_detection": SERVER_VAD,
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}},
        }
    }
    assert (began.input, began.output, began.container) == (PCM_24K, PCM_24K, "none")
    assert (began.greeting, began.wants_history, began.config.warnings) == (None, False, ())


def test_turn_detection_is_always_said_aloud(start):
    assert start().config.patch["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize(
    ("timeout", "said"), [(5_000, 5_000), (-1, None), (-60_000, None), (60_000, 30_000), (0, 5_000), (9_999.6, 10_000)]
)
def test_an_idle_timeout_is_the_turn_detections(start, timeout, said):
    began = start(agent={"idleTimeoutMs": timeout})
    assert began.config.patch["audio"]["input"]["turn_detection"]["idle_timeout_ms"] == said
    assert [problem.code for problem in began.config.warnings] == ["field_adjusted"] * (said not in {None, timeout})


def test_an_idle_timeout_is_not_served_when_turn_detection_is_off(start):
    (told,) = _told(start(agent={"idleTimeoutMs": 60_000, "useOpenAIManualAudioCommit": True}).config)
    assert told.startswith("agent.idleTimeoutMs: upstream counts it while it detects turns")


def test_turn_detection_is_off_when_the_proxy_commits(start):
    patch = start(agent={"useOpenAIManualAudioCommit": True}).config.patch
    assert patch["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(("profile", "rate"), [(DEEPGRAM, 24_000), (COMPONENT, 16_000)])
def test_input_is_as_the_profile_has_it_when_settings_say_nothing(start, profile, rate):
    assert start(profile).input == AudioFormat("linear16", rate)


def test_audio_is_as_settings_say(start):
    audio = {
        "input": {"encoding": "mulaw", "sample_rate": 8_000},
        "output": {"encoding": "linear16", "sample_rate": 48_000, "container": "wav"},
    }
    began = start(audio=audio)
    assert (began.input, began.output) == (AudioFormat("mulaw", 8_000), AudioFormat("linear16", 48_000))
    assert began.container == "wav"
    said = began.config.patch["audio"]
    assert (said["input"]["format"], said["output"]["format"]["type"]) == ({"type": "audio/pcmu"}, "audio/pcm")


def test_an_audio_format_that_cannot_be_served_is_refused(start):
    with pytest.raises(ClientProtocolError, match=r"audio\.output\.encoding"):
        start(audio={"output": {"encoding": "mp3"}})


def test_thinking_is_the_sessions(start):
    think = {
        "provider": {"type": "open_ai", "model": "gpt-realtime"},
        "prompt": "Be kind.",
        "functions": [WEATHER, {"name": "hang_up"}],
        "toolChoice": "required",
        "outputModalities": ["text"],
        "maxOutputTokens": 100,
        "managedPrompt": {"id": "pmpt_1", "variables": {"city": "Paris"}, "mood": "calm"},
    }
    patch = start(agent={"think": think}).config.patch
    del patch["audio"]
    assert patch == {
        "model": "gpt-realtime",
        "instructions": "Be kind.",
        "tools": [
            {"type": "function", **WEATHER},
            {"type": "function", "name": "hang_up", "parameters": {"type": "object", "properties": {}}},
        ],
        "tool_choice": "required",
        "output_modalities": ["text"],
        "max_output_tokens": 100,
        "prompt": {"id": "pmpt_1", "variables": {"city": "Paris"}},
        "endpoints": {},
    }


def test_one_function_may_be_asked_for(start):
    patch = start(agent={"think": {"toolChoice": {"type": "function", "name": "f"}}}).config.patch
    assert patch["tool_choice"] == {"type": "function", "name": "f"}


def test_speech_is_asked_for_when_text_and_speech_are_wanted(start):
    patch = start(agent={"think": {"outputModalities": ["text", "audio"]}}).config.patch
    assert patch["output_modalities"] == ["audio"]


def test_speaking_and_listening_are_the_sessions(start):
    agent = {
        "language": "fr",
        "listen": {"provider": {"model": "whisper-1"}},
        "speak": {"provider": {"type": "open_ai", "voice": "alloy"}},
        "sessionAudioOutput": {"voice": "marin", "speed": 0.9},
    }
    audio = start(agent=agent).config.patch["audio"]
    assert audio["input"]["transcription"] == {"model": "whisper-1", "language": "fr"}
    assert (audio["output"]["voice"], audio["output"]["speed"]) == ("marin", 0.9)


def test_the_conversation_so_far_is_told_in_the_instructions_and_not_greeted_again(start):
    messages = [
        {"type": "History", "role": "user", "content": "What is the weather?"},
        {
            "type": "History",
            "function_calls": [{"name": "get_weather", "arguments": "{}", "response": "sunny"}, "no call"],
        },
        {"type": "History", "function_calls": 3},
    ]
    began = start(agent={"think": {"prompt": "Be kind."}, "context": {"messages": messages}, "greeting": "Hello."})
    assert began.greeting is None
    assert began.config.patch["instructions"] == (
        "Be kind.\n\nThe conversation so far:\nuser: What is the weather?\n"
        "function get_weather({}) = sunny\nGo on from there."
    )


def test_the_conversation_so_far_is_told_when_there_is_no_prompt(start):
    began = start(agent={"context": {"messages": [{"content": "Hello."}]}})
    assert began.config.patch["instructions"] == "The conversation so far:\nuser: Hello.\nGo on from there."


def test_the_agent_greets_when_the_conversation_is_new(start):
    began = start(agent={"greeting": "Hello.", "context": {"messages": []}}, flags={"history": True})
    assert (began.greeting, began.wants_history) == ("Hello.", True)
    assert "instructions" not in began.config.patch


def test_all_that_nothing_comes_of_is_warned_of_by_its_path(start):
    think = {
        "provider": {"type": "open_ai", "temperature": 0.5, "reasoning_mode": "low"},
        "endpoint": {"url": "https://x", "headers": {"x-key": "made up"}},
        "context_length": "max",
        "functions": [{**WEATHER, "defer_until_eot": True, "endpoint": {}}],
    }
    agent = {
        "think": think,
        "think_live": {},
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}, "endpoint": {}},
        "listen": {"provider": {"model": "nova-3", "smart_format": True}},
    }
    began = start(agent=agent, mip_opt_out=True, experimental=True, tags=["a"], audio={"output": {"bitrate": 1}})
    assert sorted(words.split(": ")[0] for words in _told(began.config)) == [
        "agent.listen.provider.model",
        "agent.listen.provider.smart_format",
        "agent.speak.endpoint",
        "agent.speak.provider",
        "agent.think.context_length",
        "agent.think.endpoint",
        "agent.think.functions[0].defer_until_eot",
        "agent.think.functions[0].endpoint",
        "agent.think.provider.reasoning_mode",
        "agent.think.provider.temperature",
        "agent.think_live",
        "audio.output.bitrate",
        "experimental",
    ]
    assert {problem.code for problem in began.config.warnings} == {"field_not_supported"}
    assert "made up" not in str(began.config.warnings)


def test_many_unknown_fields_are_counted_instead_of_named(start):
    told = _told(start(**{f"field_{number}": 1 for number in range(20)}).config)
    assert len(told) == 17
    assert told[-1] == "4 more fields have no counterpart upstream; they are ignored."


def test_the_first_speaker_that_can_be_served_speaks(start):
    speak = [{"provider": {"type": "deepgram", "model": "aura"}}, {"provider": {"type": "open_ai", "voice": "marin"}}]
    began = start(agent={"speak": speak})
    assert began.config.patch["audio"]["output"]["voice"] == "marin"
    assert _told(began.config) == ["agent.speak[0]: cannot be served, agent.speak[1] is"]


def test_tags_label_the_responses(start):
    assert start(tags=["a", "b"]).labels == {"tags": "a,b"}
    assert start().labels == {}


def test_tags_that_do_not_fit_are_left_out_and_said(start):
    began = start(tags=["a", "b" * 511, "c" * 510])
    assert began.labels == {"tags": f"a,{'c' * 510}"}
    (problem,) = began.config.warnings
    assert problem.description == "tags: at most 512 characters fit together; 2 of the 3 are used."
