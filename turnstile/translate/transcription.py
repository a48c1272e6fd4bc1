"""Translation of ``listen`` to the input transcription of a Realtime session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.translate.ignored_fields import ignored, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.errors import Problem
    from turnstile.protocol.voice_agent.parts import ListenProvider

Json = dict[str, Any]

DEFAULT_MODEL = "gpt-4o-transcribe"
# How each transcription model takes key terms (reference of ``audio.input.transcription``): as keywords, as a list in
# the prompt, not at all. The others take a sentence in the prompt.
_KEYWORD_MODELS = frozenset({"gpt-transcribe", "gpt-live-transcribe"})
_LIST_MODELS = frozenset({"whisper-1"})
_NO_TERM_MODELS = frozenset({"gpt-4o-transcribe-diarize", "gpt-realtime-whisper"})
# Values that ask for language detection.
_DETECT = frozenset({"multi", "auto"})
# The values of the API's ``language``: two letters, without a region.
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
    """Return ``audio.input.transcription``; `language` is the agent's, for a provider without one."""
    spoken = _language(_languages(provider, language)[1])
    if provider is None:
        return {"model": DEFAULT_MODEL, **spoken}
    model = provider.model if provider.model and _is_supported(provider.model) else DEFAULT_MODEL
    return {"model": model, **spoken, **(_key_terms(model, provider.keyterms) if provider.keyterms else {})}


def listen_warnings(provider: ListenProvider | None, where: str = "", language: str | None = None) -> Iterator[Problem]:
    """Yield a warning for each ignored field of ``listen``.

    Args:
        provider: Its provider, if there is one.
        where: The path of the object that holds ``listen``; "" for the message itself.
        language: The agent's language.
    """
    prefix = f"{where}." if where else ""
    field, names = _languages(provider, language)
    if len({_code(name) for name in names}) > 1:
        yield ignored(f"{prefix}{field}", "upstream takes one language, so that it detects which is spoken")
    elif names and _code(names[0]) is None and names[0].lower() not in _DETECT:
        words = f"{shortened(names[0])} is no language of ISO 639-1; upstream detects which is spoken"
        yield ignored(f"{prefix}{field}", words)
    if provider is None:
        return
    model = provider.model
    if model is not None and not _is_supported(model):
        words = f"{shortened(model)} is not served, {DEFAULT_MODEL} is used"
        yield ignored(f"{prefix}listen.provider.model", words)
    if provider.keyterms and model in _NO_TERM_MODELS:
        yield ignored(f"{prefix}listen.provider.keyterms", f"{model} takes none")


def _languages(provider: ListenProvider | None, language: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the field that names the spoken languages, and their names."""
    if provider is not None and provider.language:
        return "listen.provider.language", (provider.language,)
    if provider is not None and provider.language_hints:
        return "listen.provider.language_hints", provider.language_hints
    return "language", (language,) if language else ()


def _is_supported(model: str) -> bool:
    return model.startswith(("gpt-", "whisper"))


def _language(names: tuple[str, ...]) -> Json:
    codes = {_code(name) for name in names}
    # A wrong language makes the transcript worse than none: where it is unclear, the API detects it.
    return {"language": codes.pop()} if len(codes) == 1 and None not in codes else {}


def _code(language: str) -> str | None:
    """Return the ISO 639-1 code of a language, which may have a region (en-US); None for an unknown one."""
    code = language.replace("_", "-").split("-")[0].lower()
    return code if code in _ISO_639_1 else None


def _key_terms(model: str, keyterms: tuple[str, ...]) -> Json:
    if model in _NO_TERM_MODELS:
        return {}
    if model in _KEYWORD_MODELS:
        return {"keywords": list(keyterms)}
    words = ", ".join(keyterms)
    return {"prompt": words if model in _LIST_MODELS else f"Expect these words: {words}."}
