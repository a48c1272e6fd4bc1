"""The beta protocol's client events: translated to the current ones, which are themselves refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.protocol import beta
from turnstile.protocol.beta_events import current_client_event
from turnstile.simulator import schema_errors
from turnstile.simulator.api_errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

Json = dict[str, Any]

# Fields that came after the beta (migration notes of the API reference; `openai.types.beta.realtime`).
_NEWER: Final = {"type", "output_modalities", "audio", "max_output_tokens"} | beta.NEW_FIELDS
_NEWER_WITHIN: Final = {
    "turn_detection": beta.NEW_IN_TURN_DETECTION,
    "input_audio_transcription": frozenset({"languages", "keywords", "delay"}),
}
_PARTS: Final = ("input_text", "input_audio", "item_reference", "text")


def in_current_words(event: Any) -> Any:
    """Translate a client event of the beta to the current protocol.

    Raises:
        ApiError: It has a field or a value that only the current API takes.
    """
    if not isinstance(event, dict):
        return event
    for name in ("session", "response"):
        if isinstance(event.get(name), dict):
            _check_config(event[name], name)
    if isinstance(event.get("item"), dict):
        _check_item(event["item"], "item")
    return current_client_event(event)


def in_beta_words(error: ApiError) -> ApiError:
    """Translate an error of the current API to the beta's name of the field."""
    if error.param is None:
        return error
    param = beta.beta_path(error.param)
    message = error.message.replace(f"'{error.param}'", f"'{param}'")
    return ApiError(error.code, message, param, error.type, error.echoes)


def _check_config(config: Json, path: str) -> None:
    _check_fields(config, path, _NEWER)
    for name, newer in _NEWER_WITHIN.items():
        if isinstance(config.get(name), dict):
            _check_fields(config[name], f"{path}.{name}", newer)
    if config.get("modalities") == ["audio"]:
        text = "Invalid modalities: ['audio']. Supported combinations are: ['text'] and ['audio', 'text']."
        raise ApiError("invalid_value", text, f"{path}.modalities")
    given = config.get("input")
    for number, item in enumerate(given if isinstance(given, list) else ()):
        if isinstance(item, dict):
            _check_item(item, f"{path}.input[{number}]")


def _check_fields(config: Json, path: str, newer: AbstractSet[str]) -> None:
    for field in config:
        if field in newer:
            raise schema_errors.unknown_parameter(f"{path}.{field}")


def _check_item(item: Json, path: str) -> None:
    content = item.get("content")
    for number, part in enumerate(content if isinstance(content, list) else ()):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in beta.PARTS.values():
            raise schema_errors.invalid_value(f"{path}.content[{number}].type", kind, _PARTS)
