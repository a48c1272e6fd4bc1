"""The open sessions of a running proxy as a table for people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from turnstile.protocol.safe_text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

Json = dict[str, Any]

_MINUTE: Final = 60
_HOUR: Final = 3600


def session_table(sessions: Sequence[Json], now: datetime) -> Iterator[str]:
    """Yield the lines of the table.

    Args:
        sessions: As the ops listener shows them; ``waiting`` is a number, or what waits.
        now: The time by which their age is told.
    """
    rows = [_row(session, now) for session in sorted(sessions, key=lambda session: session.get("began") or "")]
    columns = [name for name in _COLUMNS if name != "WORKER" or any(row[name] for row in rows)]
    lines = [columns, *([row[name] or "-" for name in columns] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


_COLUMNS: Final = ("ID", "DIALECT", "IDENTITY", "ADDRESS", "STATE", "TURNS", "AGE", "WORKER", "WAITS")


def _row(session: Json, now: datetime) -> dict[str, str]:
    client = session.get("client") or {}
    cells = {
        "ID": session["id"],
        "DIALECT": session.get("dialect"),
        "IDENTITY": client.get("identity"),
        "ADDRESS": client.get("address"),
        "STATE": session.get("state"),
        "TURNS": session.get("turns"),
        "AGE": _length(now - datetime.fromisoformat(session["began"])) if session.get("began") else None,
        "WORKER": session.get("worker"),
        "WAITS": _waits(session.get("waiting") or 0),
    }
    return {name: "" if cell is None else on_one_line(str(cell)) for name, cell in cells.items()}


def _waits(waiting: int | Sequence[Json]) -> str:
    """Return what waits, for how long and what for; of several, the one that waits longest."""
    if not waiting:
        return ""
    if isinstance(waiting, int):
        return f"{waiting} requests" if waiting > 1 else "1 request"
    first = max(waiting, key=lambda one: one.get("for") or 0.0)
    since = "" if first.get("for") is None else f" {first['for']:.1f} s"
    more = f", and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    return f"{first.get('message') or 'a request'}{since} for {first.get('reason')}{more}"


def _length(age: timedelta) -> str:
    seconds = max(0, round(age.total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE:02} min"
