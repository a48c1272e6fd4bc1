"""Translation of ``think`` to the language model's part of a Realtime session: instructions, tools, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from turnstile.translate.bounds import OUTPUT_TOKENS, adjusted
from turnstile.translate.ignored_fields import first_supported, ignored, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.errors import Problem
    from turnstile.protocol.voice_agent.functions import Function, FunctionEndpoint, NamedTool
    from turnstile.protocol.voice_agent.parts import Think
    from turnstile.translate.permissions import Permissions

Json = dict[str, Any]

_PROMPT_FIELDS = {"id", "version", "variables"}
_CHOICES = ("auto", "none", "required")
_MODALITIES = ("text", "audio")
# Most characters of a tool's description that the API takes (its own error, ``string_above_max_length``).
_DESCRIPTION_SIZE = 1024


def language_model(thinks: tuple[Think, ...], permissions: Permissions, where: str) -> tuple[Json, list[Problem]]:
    """Translate the first supported one of `thinks`, which stand at `where`.

    Returns:
        A partial Realtime ``session``, and a warning for each field that is ignored or adjusted. The patch has
        ``model`` only if a permitted one is named, and ``endpoints`` if functions are given.
    """
    think, where, passed = first_supported(thinks, lambda one: _is_supported(one, permissions), where)
    model = think.provider.model if think.provider else None
    patch: Json = {}
    if model and permissions.model(model):
        patch["model"] = model
    if think.prompt is not None:
        patch["instructions"] = think.prompt
    if think.functions is not None:
        patch["tools"] = [_tool(function) for function in think.functions]
    patch |= _limits(think)
    if think.functions is not None:
        called_here = (function for function in think.functions if _is_called_here(function, permissions))
        patch["endpoints"] = {function.name: function.endpoint for function in called_here}
    if think.managed_prompt is not None:
        patch["prompt"] = think.managed_prompt.model_dump(include=_PROMPT_FIELDS, exclude_none=True)
    return patch, [*passed, *_warnings(think, permissions, where)]


def _is_supported(think: Think, permissions: Permissions) -> bool:
    provider = think.provider
    if provider is None or (provider.type is None and provider.model is None):
        return True
    is_permitted = provider.model is None or permissions.model(provider.model)
    return provider.type in {None, "open_ai", "openai"} and is_permitted


def _limits(think: Think) -> Json:
    """Return the limits of a response: its modality, its length, its choice of tools."""
    patch: Json = {}
    choice = think.tool_choice
    if choice is not None and _is_choice(choice):
        patch["tool_choice"] = choice if isinstance(choice, str) else {"type": "function", "name": choice.name}
    modalities = [name for name in think.output_modalities or () if name in _MODALITIES]
    if modalities:
        # The API takes one of the two; audio includes its transcript.
        patch["output_modalities"] = ["audio"] if "audio" in modalities else ["text"]
    tokens = think.max_output_tokens
    if tokens == "inf":
        patch["max_output_tokens"] = tokens
    elif tokens is not None:
        patch["max_output_tokens"] = OUTPUT_TOKENS.nearest(tokens) if tokens >= 0 else "inf"
    return patch


def _is_choice(choice: str | NamedTool) -> bool:
    return not isinstance(choice, str) or choice in _CHOICES


def _tool(function: Function) -> Json:
    tool: Json = {"type": "function", "name": function.name}
    if function.description is not None:
        tool["description"] = function.description[:_DESCRIPTION_SIZE]
    tool["parameters"] = function.parameters or {"type": "object", "properties": {}}
    return tool


def _is_called_here(function: Function, permissions: Permissions) -> bool:
    return function.endpoint is not None and _why_not_called(function.endpoint, permissions) is None


def _why_not_called(endpoint: FunctionEndpoint, permissions: Permissions) -> str | None:
    """Return why the proxy does not call a function; None if it does."""
    if endpoint.url is None:
        return "has no url, the client is asked for the result"
    if not permissions.endpoint(endpoint.url):
        host = shortened(urlsplit(endpoint.url).hostname)
        return f"{host} is no host that this proxy may call, the client is asked for the result"
    return None


def _warnings(think: Think, permissions: Permissions, where: str) -> Iterator[Problem]:
    model = think.provider.model if think.provider else None
    if model and not permissions.model(model):
        yield ignored(f"{where}.provider.model", f"{shortened(model)} is not served here")
    if think.tool_choice is not None and not _is_choice(think.tool_choice):
        known = ", ".join(_CHOICES)
        yield ignored(f"{where}.toolChoice", f"{shortened(think.tool_choice)} is none of {known} or one function")
    for name in think.output_modalities or ():
        if name not in _MODALITIES:
            yield ignored(f"{where}.outputModalities", f"{shortened(name)} is none of {', '.join(_MODALITIES)}")
    yield from _token_warnings(think.max_output_tokens, f"{where}.maxOutputTokens")
    for number, function in enumerate(think.functions or ()):
        yield from _function_warnings(function, permissions, f"{where}.functions[{number}]")


def _token_warnings(tokens: float | str | None, where: str) -> Iterator[Problem]:
    if not isinstance(tokens, str) and (tokens is None or tokens >= 0):
        yield from OUTPUT_TOKENS.warnings(where, tokens)


def _function_warnings(function: Function, permissions: Permissions, where: str) -> Iterator[Problem]:
    size = len(function.description or "")
    if size > _DESCRIPTION_SIZE:
        yield adjusted(f"{where}.description", f"has {size} characters; the first {_DESCRIPTION_SIZE} are used")
    problem = _why_not_called(function.endpoint, permissions) if function.endpoint else None
    if problem is not None:
        yield ignored(f"{where}.endpoint", problem)
