"""How the Realtime API is told to transcribe the user's speech."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.translate.unserved import shortened, unserved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.errors import Problem
    from turnstile.protocol.voice_agent.parts import Listen, ListenProvider

Json = dict[str, Any]

DEFAULT_MODEL = "gpt-4o-transcribe"
# How each transcription model is told of words to expect (reference of ``audio.input.transcription``): by keywords, by
# a list in the prompt, not at all. The others read a sentence in the prompt.
_BY_KEYWORDS = frozenset({"gpt-transcribe", "gpt-live-transcribe"})
_BY_LIST = frozenset({"whisper-1"})
_NOT_AT_ALL = frozenset({"gpt-4o-transcribe-diarize", "gpt-realtime-whisper"})


def transcription(provider: ListenProvider | None, language: str | None = None) -> Json:
    """Return ``audio.input.transcription``; `language` is the agent's, where the provider names none."""
    if provider is None:
        return {"model": DEFAULT_MODEL, **_spoken(language)}
    hint = provider.language_hints[0] if provider.language_hints else None
    model = provider.model if provider.model and _is_served(provider.model) else DEFAULT_MODEL
    return {
        "model": model,
        **_spoken(provider.language or hint or language),
        **(_expected(model, provider.keyterms) if provider.keyterms else {}),
    }


def listen_warnings(listen: Listen, where: str) -> Iterator[Problem]:
    """Say what of `listen`, which stands at `where`, nothing comes of."""
    model = listen.provider.model
    if model is not None and not _is_served(model):
        yield unserved(f"{where}.provider.model", f"{shortened(model)} is not served, {DEFAULT_MODEL} listens")
    if len(listen.provider.language_hints or ()) > 1:
        yield unserved(f"{where}.provider.language_hints", "upstream takes one language, the first")
    if listen.provider.keyterms and model in _NOT_AT_ALL:
        yield unserved(f"{where}.provider.keyterms", f"{model} takes none")


def _is_served(model: str) -> bool:
    return model.startswith(("gpt-", "whisper"))


def _spoken(language: str | None) -> Json:
    # Deepgram names regions (en-US), and many languages at once; the API takes one language alone (ISO 639-1).
    return {"language": language.split("-")[0]} if language and language != "multi" else {}


def _expected(model: str, keyterms: tuple[str, ...]) -> Json:
    if model in _NOT_AT_ALL:
        return {}
    if model in _BY_KEYWORDS:
        return {"keywords": list(keyterms)}
    words = ", ".join(keyterms)
    return {"prompt": words if model in _BY_LIST else f"Expect these words: {words}."}
