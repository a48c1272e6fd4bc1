"""Each row of what Settings come to: a field that the client gives, and what of the Realtime session it becomes."""

from __future__ import annotations

import pytest

from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.session.config_patch import at
from turnstile.translate.permissions import Permissions
from turnstile.translate.session_start import settings_to_session

ALL = Permissions(lambda _: True, lambda _: True)
INPUT, OUTPUT = ("audio", "input"), ("audio", "output")
TOOL = {"name": "f", "description": "d", "parameters": {"type": "object"}}
PCM = {"type": "audio/pcm", "rate": 24_000}


def given(path, value):
    """Return Settings that give one field, at a path in dots."""
    settings = {"agent": {}}
    place = settings
    *outer, name = path.split(".")
    for step in outer:
        place = place.setdefault(step, {})
    place[name] = value
    return settings


@pytest.mark.parametrize(
    ("field", "value", "path", "becomes"),
    [
        ("agent.think.provider", {"type": "open_ai", "model": "gpt-realtime-2"}, ("model",), "gpt-realtime-2"),
        ("agent.think.prompt", "Be brief.", ("instructions",), "Be brief."),
        (
            "agent.context.messages",
            [{"role": "user", "content": "Hello."}],
            ("instructions",),
            "The conversation so far:\nuser: Hello.\nGo on from there.",
        ),
        ("agent.think.functions", [TOOL], ("tools",), [{"type": "function", **TOOL}]),
        ("agent.think.toolChoice", "required", ("tool_choice",), "required"),
        ("agent.think.toolChoice", {"name": "f"}, ("tool_choice",), {"type": "function", "name": "f"}),
        ("agent.think.outputModalities", ["text"], ("output_modalities",), ["text"]),
        ("agent.think.maxOutputTokens", 100, ("max_output_tokens",), 100),
        ("agent.think.maxOutputTokens", "inf", ("max_output_tokens",), "inf"),
        ("agent.think.managedPrompt", {"id": "p", "version": "2"}, ("prompt",), {"id": "p", "version": "2"}),
        ("agent.speak.provider", {"type": "open_ai", "voice": "marin"}, (*OUTPUT, "voice"), "marin"),
        ("agent.speak.provider", {"speed": 1.2}, (*OUTPUT, "speed"), 1.2),
        ("agent.sessionAudioOutput", {"voice": "cedar"}, (*OUTPUT, "voice"), "cedar"),
        ("agent.listen.provider", {"model": "whisper-1"}, (*INPUT, "transcription", "model"), "whisper-1"),
        ("agent.listen.provider", {"language": "de-DE"}, (*INPUT, "transcription", "language"), "de"),
        (
            "agent.listen.provider",
            {"keyterms": ["gate"]},
            (*INPUT, "transcription", "prompt"),
            "Expect these words: gate.",
        ),
        ("agent.language", "fr", (*INPUT, "transcription", "language"), "fr"),
        ("agent.greeting", "Hello.", (*INPUT, "transcription", "model"), "gpt-4o-transcribe"),
        ("agent.idleTimeoutMs", 5_000, (*INPUT, "turn_detection", "idle_timeout_ms"), 5_000),
        ("agent.idleTimeoutMs", -1, (*INPUT, "turn_detection", "idle_timeout_ms"), None),
        ("agent.greeting", "Hello.", (*INPUT, "turn_detection", "type"), "server_vad"),
        ("agent.useOpenAIManualAudioCommit", True, (*INPUT, "turn_detection"), None),
        ("audio.input", {"encoding": "linear16", "sample_rate": 24_000}, (*INPUT, "format"), PCM),
        ("audio.input", {"encoding": "linear16", "sample_rate": 48_000}, (*INPUT, "format"), PCM),
        ("audio.input", {"encoding": "mulaw", "sample_rate": 8_000}, (*INPUT, "format"), {"type": "audio/pcmu"}),
        ("audio.input", {"encoding": "alaw", "sample_rate": 8_000}, (*INPUT, "format"), {"type": "audio/pcma"}),
        ("audio.output", {"encoding": "linear16", "sample_rate": 16_000}, (*OUTPUT, "format"), PCM),
        ("audio.output", {"encoding": "alaw"}, (*OUTPUT, "format"), {"type": "audio/pcma"}),
    ],
)
def test_a_field_becomes_its_part_of_the_session(read, session, field, value, path, becomes):
    start = settings_to_session(read("Settings", **given(field, value)), COMPONENT, ALL)
    session(start.config.patch)
    assert at(start.config.patch, *path, default="missing") == becomes
    assert start.config.warnings == ()


@pytest.mark.parametrize(
    ("field", "value", "attribute", "becomes"),
    [
        ("agent.greeting", "Hello.", "greeting", "Hello."),
        ("flags.history", True, "wants_history", True),
        ("tags", ["a", "b"], "labels", {"tags": "a,b"}),
        ("audio.output", {"container": "wav"}, "container", "wav"),
        ("mip_opt_out", True, "greeting", None),
    ],
)
def test_a_field_is_this_sides_business(read, field, value, attribute, becomes):
    start = settings_to_session(read("Settings", **given(field, value)), COMPONENT, ALL)
    assert getattr(start, attribute) == becomes
    assert start.config.warnings == ()
    bare = settings_to_session(read("Settings", agent={}), COMPONENT, ALL)
    assert start.config.patch == bare.config.patch


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("agent.think.provider", {"temperature": 0.5}),
        ("agent.think.endpoint", {"url": "https://x"}),
        ("agent.think.context_length", 100),
        ("agent.think_live", {}),
        ("agent.speak.endpoint", {"url": "https://x"}),
        ("agent.listen.provider", {"smart_format": True}),
        ("audio.output", {"bitrate": 1}),
        ("experimental", True),
        ("mood", "calm"),
    ],
)
def test_a_field_without_a_counterpart_is_warned_of_and_changes_nothing(read, field, value):
    start = settings_to_session(read("Settings", **given(field, value)), COMPONENT, ALL)
    (problem,) = start.config.warnings
    assert problem.description.startswith(field)
    bare = settings_to_session(read("Settings", agent={}), COMPONENT, ALL)
    assert start.config.patch == bare.config.patch
