"""Removes credentials from frames before they are logged or shown."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from turnstile.errors import ClientProtocolError
from turnstile.protocol import jsontext
from turnstile.protocol.json_bounds import JsonBounds

SECRET_NAME: Final = re.compile(
    r"headers|credential|keys?(_?id)?$|^auth$|authorization|cookie|token$|passw|passphrase|secret", re.IGNORECASE
)
"""Fields under which clients' messages carry credentials: of endpoints that they name, and of providers."""
SUSPICIOUS: Final = re.compile(
    rb"headers|credential|key|auth|cookie|token|passw|passphrase|secret|url|\\u00|:\\/", re.IGNORECASE
)
"""What is in each frame that may hold some; a name or an address may be written with escapes."""
_REDACTED = "(secret)"
# To search a larger frame would block all sessions, and nobody reads it.
_LARGEST = 256 * 1024
BOUNDS: Final = JsonBounds(values=5_000, depth=128)
"""Of a frame that is searched for them."""


def redacted(frame: bytes) -> bytes:
    """Return a text frame with the values of all fields that may hold credentials replaced.

    A frame that may hold some and is not JSON, or has more than 5,000 values or 128 levels, is replaced as a whole; so
    is one that is larger than 256 KiB.
    """
    if len(frame) > _LARGEST:
        return b"(%d bytes)" % len(frame)
    if not SUSPICIOUS.search(frame):
        return frame
    try:
        BOUNDS.check(frame)
        value = jsontext.loads_any(frame)
    except ClientProtocolError:
        return b"(%d bytes of too many values or levels)" % len(frame)
    except ValueError:
        return b"(%d bytes that are no JSON)" % len(frame)
    return orjson.dumps(_without_secrets(value))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _REDACTED if SECRET_NAME.search(name) and _holds_text(field) else _without_secrets(field)
            for name, field in value.items()
        }
    if isinstance(value, str) and "://" in value:
        return _without_query(value)
    if isinstance(value, list):
        return [_without_secrets(part) for part in value]
    return value


def _without_query(text: str) -> str:
    """Return an address without user and query, which may hold a password or signature; other text unchanged."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return _REDACTED
    if not parts.query and parts.username is None:
        return text
    return f"{parts.scheme}://{host}{parts.path}{'?' + _REDACTED if parts.query else ''}"


def _holds_text(field: Any) -> bool:
    """Return whether the field holds any text: a count of tokens is no secret."""
    return isinstance(field, str | dict | list) and bool(field)
