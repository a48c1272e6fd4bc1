"""Log records with fields beside their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping


def log_with_fields(log: logging.Logger, level: int, message: str, *values: object, fields: Mapping[str, Any]) -> None:
    """Log a message whose record has these fields, like those of `extra`.

    With `extra`, logging would raise KeyError where a host's record factory gives its records a field of the same name.

    Args:
        log: The logger.
        level: That of the record.
        message: A format...
        values: ...and what goes into it.
        fields: The record's attributes, by their names; none may be one that each record has.
    """
    if log.isEnabledFor(level):
        path, line, function, _ = log.findCaller(stacklevel=2)
        record = log.makeRecord(log.name, level, path, line, message, values, None, function)
        record.__dict__.update(fields)
        log.handle(record)
