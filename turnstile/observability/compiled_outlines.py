"""Functions that outline the values of one class each, made as a named tuple's methods are: of text, once.

An outline is made for every event and effect of a session that is recorded. One that asks of each field what it is
takes four times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.observability.recorded_classes import CLASS, NO_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnstile.observability.redactor import Redactor

    Json = dict[str, Any]
    Outline = Callable[[Any, Redactor], Json]

_NUMBERS: Final = frozenset({"bool", "int", "float"})


def compiled_outline(
    cls: type, fields: Iterable[tuple[str, str, Any]], part_shown: Callable[..., Any], *, names: str
) -> Outline:
    """Return what outlines the values of a class.

    Args:
        cls: The class.
        fields: The name, annotation and default of each field that may be shown.
        part_shown: Returns what is shown of a part that is no text.
        names: What of the redactor's shows texts: ``ids`` or ``names``.
    """
    always, more = [f"{CLASS!r}: {cls.__name__!r}"], []
    made: dict[str, Any] = {"part_shown": part_shown}
    for name, annotation, default in fields:
        simple = "{}" if annotation in _NUMBERS else "shown[{}]" if annotation == "str" else ""
        if simple and default is NO_DEFAULT:
            always.append(f"{name!r}: {simple.format(f'value.{name}')}")
            continue
        made[f"default_{name}"] = default
        more += [f"part = value.{name}", f"if part is not default_{name} and part != default_{name}:"]
        if not simple:
            simple = "shown[{0}] if {0}.__class__ is str else part_shown({0}, redactor)"
            more += ["    if part is not None:", f"        found[{name!r}] = {simple.format('part')}"]
        else:
            more.append(f"    found[{name!r}] = {simple.format('part')}")
    lines = [f"shown = redactor.{names}", f"found = {{{', '.join(always)}}}", *more, "return found"]
    exec("\n    ".join(["def outline(value, redactor):", *lines]), made)  # noqa: S102 - our own classes' names
    outline: Outline = made["outline"]
    return outline
