"""The configuration that requests make of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.config_patch import merged

if TYPE_CHECKING:
    from turnstile.session.client_requests import ConfigRequested, Json
    from turnstile.session.state import Now


def with_request(config: Json, request: ConfigRequested) -> Json:
    """Return the configuration that `request` makes of `config`."""
    result = merged(config, request.patch)
    if request.added_prompt:
        result["instructions"] = prompt_with(config.get("instructions") or "", request)
    return result


def prompt_with(prompt: str, request: ConfigRequested) -> str:
    """Return the prompt that `request` makes of `prompt`."""
    before: str = request.patch.get("instructions", prompt) or ""
    # Nothing is added to what a Realtime client gives, which may be no text: that is upstream's to refuse.
    return f"{before}\n\n{request.added_prompt}" if before and request.added_prompt else before or request.added_prompt


def wanted(now: Now, requests: tuple[ConfigRequested, ...]) -> Json:
    """Return the configuration that `requests` make of the accepted one."""
    config = now.state.accepted
    for request in requests:
        config = with_request(config, request)
    return config
