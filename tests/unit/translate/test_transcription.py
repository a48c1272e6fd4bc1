from __future__ import annotations

import pytest

from turnstile.protocol.voice_agent.parts import ListenProvider
from turnstile.translate.transcription import listen_warnings, transcription


@pytest.mark.parametrize(
    ("provider", "transcribed"),
    [
        ({}, {"model": "gpt-4o-transcribe"}),
        ({"model": "whisper-1"}, {"model": "whisper-1"}),
        ({"model": "nova-3"}, {"model": "gpt-4o-transcribe"}),
        ({"language": "en-US"}, {"model": "gpt-4o-transcribe", "language": "en"}),
        ({"language": "multi"}, {"model": "gpt-4o-transcribe"}),
        ({"language": "pt_BR"}, {"model": "gpt-4o-transcribe", "language": "pt"}),
        ({"language": "DE"}, {"model": "gpt-4o-transcribe", "language": "de"}),
        ({"language": "english"}, {"model": "gpt-4o-transcribe"}),
        ({"language": "xx-US"}, {"model": "gpt-4o-transcribe"}),
        ({"language": "xx", "language_hints": ["de"]}, {"model": "gpt-4o-transcribe"}),
        ({"language_hints": ["de"]}, {"model": "gpt-4o-transcribe", "language": "de"}),
        ({"language_hints": ["en-US", "en-GB"]}, {"model": "gpt-4o-transcribe", "language": "en"}),
        ({"language_hints": ["de", "fr"]}, {"model": "gpt-4o-transcribe"}),
        ({"language_hints": ["de", "xx"]}, {"model": "gpt-4o-transcribe"}),
        ({"language_hints": []}, {"model": "gpt-4o-transcribe"}),
        (
            {"keyterms": ["Turnstile", "gate"]},
            {"model": "gpt-4o-transcribe", "prompt": "Expect these words: Turnstile, gate."},
        ),
        (
            {"model": "whisper-1", "keyterms": ["Turnstile", "gate"]},
            {"model": "whisper-1", "prompt": "Turnstile, gate"},
        ),
        (
            {"model": "gpt-transcribe", "keyterms": ["Turnstile", "gate"]},
            {"model": "gpt-transcribe", "keywords": ["Turnstile", "gate"]},
        ),
        ({"model": "gpt-realtime-whisper", "keyterms": ["Turnstile"]}, {"model": "gpt-realtime-whisper"}),
    ],
)
def test_who_listens_is_who_transcribes(session, provider, transcribed):
    patch = {"audio": {"input": {"transcription": transcription(ListenProvider(**provider))}}}
    assert session(patch)["audio"]["input"]["transcription"] == transcribed


@pytest.mark.parametrize("provider", [None, ListenProvider()])
def test_the_agents_language_is_listened_for_when_the_provider_names_none(provider):
    assert transcription(provider, "fr") == {"model": "gpt-4o-transcribe", "language": "fr"}


def test_a_language_that_is_unknown_is_not_listened_for_whoever_names_it():
    assert transcription(None, "klingon") == {"model": "gpt-4o-transcribe"}


def test_the_agents_language_does_not_decide_between_several_hints():
    provider = ListenProvider(language_hints=("de", "fr"))
    assert transcription(provider, "de") == {"model": "gpt-4o-transcribe"}


def test_the_default_model_listens_when_nothing_is_said():
    assert transcription(None) == {"model": "gpt-4o-transcribe"}


@pytest.mark.parametrize(
    "provider",
    [
        {},
        {"model": "whisper-1"},
        {"model": "gpt-4o-transcribe", "keyterms": ["a"]},
        {"language": "multi"},
        {"language": "de-CH"},
        {"language_hints": ["en-US", "en-GB"]},
    ],
)
def test_nothing_is_warned_of_when_all_is_served(provider):
    assert list(listen_warnings(ListenProvider(**provider))) == []


def test_nothing_is_warned_of_when_nothing_is_said():
    assert list(listen_warnings(None)) == []


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (
            {"language_hints": ["de", "fr"]},
            "listen.provider.language_hints: upstream takes one language, so that it detects which is spoken",
        ),
        (
            {"language": "klingon"},
            "listen.provider.language: 'klingon' is no language of ISO 639-1; upstream detects which is spoken",
        ),
        ({"model": "nova-3"}, "listen.provider.model: 'nova-3' is not served, gpt-4o-transcribe is used"),
        (
            {"model": "gpt-realtime-whisper", "keyterms": ["a"]},
            "listen.provider.keyterms: gpt-realtime-whisper takes none",
        ),
    ],
)
def test_what_nothing_comes_of_is_warned_of(provider, words):
    (problem,) = listen_warnings(ListenProvider(**provider))
    assert problem.description == f"{words}; it is ignored."


def test_what_stands_in_settings_is_named_by_its_whole_path():
    (problem,) = listen_warnings(None, "agent", "klingon")
    assert problem.description.startswith("agent.language: 'klingon'")
    (problem,) = listen_warnings(ListenProvider(language="xx"), "agent", "fr")
    assert problem.description.startswith("agent.listen.provider.language: 'xx'")
