"""Warnings about the ignored parts of a message, and the choice among several that may be served."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from turnstile.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnstile.protocol.voice_agent.client import Message

T = TypeVar("T")

# How much of what the client sent is worth repeating.
_SHOWN = 40
# So many fields of a message are named one by one.
_NAMED_FIELDS = 16


def unserved(field: str, why: str = "has no counterpart upstream") -> Problem:
    """Return the warning about a field that has no effect."""
    return Problem("field_not_supported", f"{field}: {why}; it is ignored.")


def unserved_fields(message: Message) -> Iterator[Problem]:
    """Return the warnings about all fields that nothing upstream corresponds to."""
    fields = list(message.unserved_fields())
    for field in fields[:_NAMED_FIELDS]:
        yield unserved(field)
    if len(fields) > _NAMED_FIELDS:
        text = f"{len(fields) - _NAMED_FIELDS} more fields have no counterpart upstream; they are ignored."
        yield Problem("field_not_supported", text)


def first_served(choices: tuple[T, ...], is_served: Callable[[T], bool], where: str) -> tuple[T, str, list[Problem]]:
    """Return the first of several that can be served, or else the first; its path; what is to be said of the others.

    Args:
        choices: The one, or fallbacks of one another; at least one.
        is_served: Tells whether one can be served.
        where: The path of all.
    """
    if len(choices) == 1:
        return choices[0], where, []
    number = next((number for number, choice in enumerate(choices) if is_served(choice)), 0)
    passed = [unserved(f"{where}[{place}]", f"cannot be served, {where}[{number}] is") for place in range(number)]
    return choices[number], f"{where}[{number}]", passed


def shortened(text: object) -> str:
    """Return what the client sent, quoted, as far as it is worth repeating."""
    return repr(str(text)[:_SHOWN])
