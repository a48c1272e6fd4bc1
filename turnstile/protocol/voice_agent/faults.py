"""What is wrong with a message, in words that name the field, the value and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError

# Long enough to recognise what was sent, short enough not to repeat a conversation.
_SHOWN = 40
_SECRET = ("key", "token", "authorization", "secret", "password", "headers")


def describe(message: str, error: ValidationError) -> str:
    """Return one sentence about the first thing wrong, and how many more there are."""
    first, *more = error.errors(include_url=False, include_context=False)
    path = field_path(first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    shown = _shown(path, first)
    rest = f" ({len(more)} more)" if more else ""
    where = f"{path}: " if path else ""
    return f"{message}: {where}{what[:1].lower()}{what[1:]}{shown}.{rest}"


def _shown(path: str, detail: Any) -> str:
    given = detail["input"]
    if detail["type"] in {"missing", "value_error"} or any(word in path.lower() for word in _SECRET):
        return ""
    if isinstance(given, dict | list | tuple):
        return f", not {'an object' if isinstance(given, dict) else 'a list'}"
    text = repr(given)
    return f", not {text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}"


def field_path(location: Iterable[int | str]) -> str:
    """Return a path as one writes it: ``agent.think.functions[2].parameters``."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier():
            path += f".{part}" if path else part
    return path
