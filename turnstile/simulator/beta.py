"""What the API of the beta takes: its own words, and no current ones."""

from __future__ import annotations

from typing import Any, Final

from turnstile.protocol import beta
from turnstile.simulator import refusals

# Fields and parts that came after the beta (migration notes of the API reference).
_NEWER: Final = frozenset({"type", "output_modalities", "audio", "max_output_tokens"})


def in_current_words(event: Any) -> Any:
    """Return a client's event of the beta in the current words.

    Raises:
        Refusal: It has a field of the current API.
    """
    if not isinstance(event, dict):
        return event
    for name in ("session", "response"):
        part = event.get(name)
        newer = next((field for field in part if field in _NEWER), None) if isinstance(part, dict) else None
        if newer is not None:
            raise refusals.unknown_parameter(f"{name}.{newer}")
    item = event.get("item")
    content = item.get("content") if isinstance(item, dict) else None
    for number, part in enumerate(content if isinstance(content, list) else ()):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in beta.PARTS.values():
            path = f"item.content[{number}].type"
            raise refusals.invalid_value(path, kind, ("input_text", "input_audio", "item_reference", "text"))
    return beta.current_client_event(event)
