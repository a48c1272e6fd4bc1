"""JSON with lone surrogates, which are kept: the escape of one half of a surrogate pair.

The grammar of RFC 8259 (section 8.2) allows such an escape, and orjson does not. `turnstile.protocol.jsontext` replaces
it; the simulator gives it back, as an API may.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def loads(data: bytes) -> Any:
    """Parse the JSON of a frame; None for a frame that is not JSON."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data.decode(), parse_constant=_not_a_number)
    except (ValueError, RecursionError):
        return None


def dumps(event: dict[str, Any]) -> bytes:
    """Serialize an event."""
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError:
        return json.dumps(event, separators=(",", ":")).encode()


def _not_a_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
