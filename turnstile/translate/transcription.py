"""How the Realtime API is told to transcribe the user's speech."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.translate.ignored_fields import shortened, unserved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.errors import Problem
    from turnstile.protocol.voice_agent.parts import ListenProvider

Json = dict[str, Any]

DEFAULT_MODEL = "gpt-4o-transcribe"
# How each transcription model is told of words to expect (reference of ``audio.input.transcription``): by keywords, by
# a list in the prompt, not at all. The others read a sentence in the prompt.
_BY_KEYWORDS = frozenset({"gpt-transcribe", "gpt-live-transcribe"})
_BY_LIST = frozenset({"whisper-1"})
_NOT_AT_ALL = frozenset({"gpt-4o-transcribe-diarize", "gpt-realtime-whisper"})
# Words for a language that is to be detected.
_ANY = frozenset({"multi", "auto"})
# What the API takes for ``language``: codes of two letters, without a region.
_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee "
    "el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is "
    "it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms "
    "mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk "
    "sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi "
    "yo za zh zu"
)
_ISO_639_1 = frozenset(_CODES.split())


def transcription(provider: ListenProvider | None, language: str | None = None) -> Json:
    """Return ``audio.input.transcription``; `language` is the agent's, where the provider names none."""
    spoken = _spoken(_languages(provider, language)[1])
    if provider is None:
        return {"model": DEFAULT_MODEL, **spoken}
    model = provider.model if provider.model and _is_served(provider.model) else DEFAULT_MODEL
    return {"model": model, **spoken, **(_expected(model, provider.keyterms) if provider.keyterms else {})}


def listen_warnings(provider: ListenProvider | None, where: str = "", language: str | None = None) -> Iterator[Problem]:
    """Yield a warning for each ignored part of how to listen.

    Args:
        provider: Of ``listen``, if there is one.
        where: The path of what ``listen`` stands in; "" where it is the message's own.
        language: Stands beside it.
    """
    prefix = f"{where}." if where else ""
    field, names = _languages(provider, language)
    if len({_code(name) for name in names}) > 1:
        yield unserved(f"{prefix}{field}", "upstream takes one language, so that it detects which is spoken")
    elif names and _code(names[0]) is None and names[0].lower() not in _ANY:
        words = f"{shortened(names[0])} is no language of ISO 639-1; upstream detects which is spoken"
        yield unserved(f"{prefix}{field}", words)
    if provider is None:
        return
    model = provider.model
    if model is not None and not _is_served(model):
        words = f"{shortened(model)} is not served, {DEFAULT_MODEL} listens"
        yield unserved(f"{prefix}listen.provider.model", words)
    if provider.keyterms and model in _NOT_AT_ALL:
        yield unserved(f"{prefix}listen.provider.keyterms", f"{model} takes none")


def _languages(provider: ListenProvider | None, language: str | None) -> tuple[str, tuple[str, ...]]:
    """Return which field says what is spoken, and what it says."""
    if provider is not None and provider.language:
        return "listen.provider.language", (provider.language,)
    if provider is not None and provider.language_hints:
        return "listen.provider.language_hints", provider.language_hints
    return "language", (language,) if language else ()


def _is_served(model: str) -> bool:
    return model.startswith(("gpt-", "whisper"))


def _spoken(names: tuple[str, ...]) -> Json:
    codes = {_code(name) for name in names}
    # A wrong language makes the transcript worse than none does: where it is not clear, the API detects it.
    return {"language": codes.pop()} if len(codes) == 1 and None not in codes else {}


def _code(language: str) -> str | None:
    """Return the code of a language, which may be given with its region (en-US); None if there is no such language."""
    code = language.replace("_", "-").split("-")[0].lower()
    return code if code in _ISO_639_1 else None


def _expected(model: str, keyterms: tuple[str, ...]) -> Json:
    if model in _NOT_AT_ALL:
        return {}
    if model in _BY_KEYWORDS:
        return {"keywords": list(keyterms)}
    words = ", ".join(keyterms)
    return {"prompt": words if model in _BY_LIST else f"Expect these words: {words}."}
