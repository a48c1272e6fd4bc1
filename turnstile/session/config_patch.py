"""Partial configurations: laying one over another, and finding what is left to send.

A Realtime ``session.update`` changes only the fields that it names and merges nested objects field by field
(API reference of ``session.update``; ``""``, ``[]`` and ``null`` clear a field).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnstile.session.client_requests import Json

# A field of ours beside those of the API: where the proxy calls functions, by their names.
ENDPOINTS = "endpoints"
# Values that are one thing although they are objects: half of one means nothing.
_WHOLE = frozenset({"format", "tool_choice", "prompt", "tracing", "transcription", "truncation", ENDPOINTS})
# Sent whole: whether the API keeps or resets what an update leaves out inside of these was never recorded.
_SENT_WHOLE = _WHOLE | {"turn_detection"}
# What it keeps, though a new one does not name it, is cleared.
_CLEARED = frozenset({"transcription"})


def merged(base: Json, patch: Json) -> Json:
    """Lay `patch` over `base`; neither is changed."""
    result = dict(base)
    for key, new in patch.items():
        old = base.get(key)
        if isinstance(old, dict) and isinstance(new, dict) and _goes_into(key, old, new):
            result[key] = merged(old, new)
        else:
            result[key] = new
    return result


def _goes_into(key: str, old: Json, new: Json) -> bool:
    return key not in _WHOLE and ("type" not in new or new["type"] == old.get("type"))


def difference(wanted: Json, in_force: Json) -> Json:
    """Return the smallest patch that turns `in_force` into `wanted`; empty if they are equal."""
    patch: Json = {}
    for key, new in wanted.items():
        if key in in_force and in_force[key] == new:
            continue
        old = in_force.get(key)
        if key in _CLEARED and isinstance(new, dict) and isinstance(old, dict):
            set_before = {name: value for name, value in old.items() if value is not None}
            if set_before != new:
                patch[key] = {**dict.fromkeys(set_before), **new}
        elif key not in _SENT_WHOLE and isinstance(new, dict) and isinstance(old, dict):
            inner = difference(new, old)
            if inner:
                patch[key] = inner
        else:
            patch[key] = new
    return patch


def at(config: Json, *path: str, default: Any = None) -> Any:
    """Return what `config` holds at `path`, or `default` where the path ends early."""
    value: Any = config
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return default
        value = value[key]
    return value


def without(config: Json, *path: str) -> Json:
    """Return `config` without the field at `path`, and without objects that this leaves empty."""
    key, rest = path[0], path[1:]
    if key not in config:
        return config
    result = {name: value for name, value in config.items() if name != key}
    if rest:
        inner = without(config[key], *rest) if isinstance(config[key], dict) else config[key]
        if inner:
            result[key] = inner
    return result
