"""JSON as it is on the wire, with the escape of one half of a surrogate pair.

Such an escape is right by the grammar of RFC 8259 (section 8.2), but not to orjson.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def parsed(data: bytes) -> Any:
    """Return what the JSON of a frame holds; None for no JSON."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data.decode(), parse_constant=_not_a_number)
    except (ValueError, RecursionError):
        return None


def dumped(event: dict[str, Any]) -> bytes:
    """Return an event as JSON."""
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError:
        return json.dumps(event, separators=(",", ":")).encode()


def _not_a_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
