"""Words for what of a message nothing comes of."""

from __future__ import annotations

from turnstile.errors import Problem

# How much of what the client sent is worth repeating.
_SHOWN = 40


def unserved(field: str, why: str = "has no counterpart upstream") -> Problem:
    """Return the warning about a field that nothing comes of."""
    return Problem("field_not_supported", f"{field}: {why}; it is ignored.")


def shortened(text: object) -> str:
    """Return what the client sent, quoted, as far as it is worth repeating."""
    return repr(str(text)[:_SHOWN])
