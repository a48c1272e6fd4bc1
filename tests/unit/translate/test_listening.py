from __future__ import annotations

import pytest

from turnstile.protocol.voice_agent.parts import Listen, ListenProvider
from turnstile.translate.listening import listen_warnings, transcription


def _listen(**provider):
    return Listen(provider=ListenProvider(**provider))


@pytest.mark.parametrize(
    ("provider", "transcribed"),
    [
        ({}, {"model": "gpt-4o-transcribe"}),
        ({"model": "whisper-1"}, {"model": "whisper-1"}),
        ({"model": "nova-3"}, {"model": "gpt-4o-transcribe"}),
        ({"language": "en-US"}, {"model": "gpt-4o-transcribe", "language": "en"}),
        ({"language": "multi"}, {"model": "gpt-4o-transcribe"}),
        ({"language_hints": ["de", "fr"]}, {"model": "gpt-4o-transcribe", "language": "de"}),
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


def test_the_default_model_listens_when_nothing_is_said():
    assert transcription(None) == {"model": "gpt-4o-transcribe"}


@pytest.mark.parametrize("provider", [{}, {"model": "whisper-1"}, {"model": "gpt-4o-transcribe", "keyterms": ["a"]}])
def test_nothing_is_warned_of_when_all_is_served(provider):
    assert list(listen_warnings(_listen(**provider), "listen")) == []


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (
            {"language_hints": ["de", "fr"]},
            "listen.provider.language_hints: upstream takes one language, the first",
        ),
        ({"model": "nova-3"}, "listen.provider.model: 'nova-3' is not served, gpt-4o-transcribe listens"),
        (
            {"model": "gpt-realtime-whisper", "keyterms": ["a"]},
            "listen.provider.keyterms: gpt-realtime-whisper takes none",
        ),
    ],
)
def test_what_nothing_comes_of_is_warned_of(provider, words):
    (problem,) = listen_warnings(_listen(**provider), "listen")
    assert problem.description.startswith(words)
