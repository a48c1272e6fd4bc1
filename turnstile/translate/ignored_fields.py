"""Warnings about the ignored fields of a message, and the choice among alternatives that may be unsupported."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from turnstile.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from turnstile.protocol.voice_agent.client import Message

T = TypeVar("T")

# Characters of a client's value that a warning repeats.
_SHOWN = 40
# Warnings of one message that are sent one by one.
_WARNINGS_SHOWN = 20
# Ignored fields of one message that are named one by one.
_NAMED_FIELDS = 16


def ignored(field: str, why: str = "has no counterpart upstream") -> Problem:
    """Return the warning about an ignored field."""
    return Problem("field_not_supported", f"{field}: {why}; it is ignored.")


def ignored_fields(message: Message) -> Iterator[Problem]:
    """Yield a warning for each field without a counterpart upstream; past 16 of them, one for the rest."""
    fields = list(message.unsupported_fields())
    for field in fields[:_NAMED_FIELDS]:
        yield ignored(field)
    if len(fields) > _NAMED_FIELDS:
        text = f"{len(fields) - _NAMED_FIELDS} more fields have no counterpart upstream; they are ignored."
        yield Problem("field_not_supported", text)


def summed_up(warnings: Sequence[Problem], message: str) -> list[Problem]:
    """Return the warnings about one message, a `message` by its type; past 20 of them, one for the rest."""
    shown, more = [*warnings[:_WARNINGS_SHOWN]], len(warnings) - _WARNINGS_SHOWN
    if more > 0:
        text = f"{message}: ... and {more:,} more fields are ignored or adjusted."
        shown.append(Problem(warnings[-1].code, text))
    return shown


def first_supported(
    choices: tuple[T, ...], is_supported: Callable[[T], bool], where: str
) -> tuple[T, str, list[Problem]]:
    """Return the first supported choice, or else the first; its path; warnings about those before it.

    Args:
        choices: Alternatives in order of preference; at least one.
        is_supported: Returns whether a choice is supported.
        where: The path of the list.
    """
    if len(choices) == 1:
        return choices[0], where, []
    number = next((number for number, choice in enumerate(choices) if is_supported(choice)), 0)
    passed = [ignored(f"{where}[{place}]", f"cannot be served, {where}[{number}] is") for place in range(number)]
    return choices[number], f"{where}[{number}]", passed


def shortened(text: object) -> str:
    """Return a client's value, quoted and cut to 40 characters."""
    return repr(str(text)[:_SHOWN])
