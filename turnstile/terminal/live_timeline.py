"""The timeline of live sessions on standard output, as they happen (``turnstile serve --trace``)."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final

import orjson

from turnstile.observability.line_writer import LineWriter, write_to
from turnstile.protocol.safe_text import on_one_line
from turnstile.terminal.timeline import columns, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from turnstile.terminal.line_values import Json

ALL: Final = ""
"""Chooses all sessions."""

# Characters of a session's id that begin each of its rows.
_ID_SHOWN: Final = 6
# Seconds that the last rows may take.
_PATIENCE: Final = 1.0


class LiveTimeline:
    """Writes the rows of sessions as their lines come, on a thread of its own; ends with the stream.

    Args:
        stream: The lines of all sessions, each with the name of its own (`ProxySystem.watch`).
        chosen: Begins the ids of the sessions to show, or is the identity of their clients; "": all.
        output: Takes the rows, each in one piece; None for a process that has no standard output.
    """

    def __init__(self, stream: Iterable[bytes], chosen: str = ALL, output: TextIO | None = None) -> None:
        self._stream = stream
        self._chosen = chosen
        self._shown: set[str] = set()
        self._writer = LineWriter(write_to(output or sys.stdout), "turnstile-trace-output", _dropped)
        self._thread = threading.Thread(target=self._run, name="turnstile-trace", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what the stream, which has ended, still holds."""
        self._thread.join(_PATIENCE)
        self._writer.close(_PATIENCE)

    def _run(self) -> None:
        is_first = True
        for data in self._stream:
            for session, row in self._rows(orjson.loads(data)) if data else ():
                for head in columns() if is_first else ():
                    self._write("", head)
                is_first = False
                self._write(session, row)

    def _write(self, session: str, row: str) -> None:
        self._writer.write(f"{session[:_ID_SHOWN]:<{_ID_SHOWN}} {row}\n".encode(errors="backslashreplace"))

    def _rows(self, line: Json) -> Iterator[tuple[str, str]]:
        """Yield each row of a line, with its session."""
        session = str(line.get("session", ""))
        if "format" in line:
            client = line["client"]
            if not session.startswith(self._chosen) and client["identity"] != self._chosen:
                return
            self._shown.add(session)
            where = " ".join(filter(None, (client["identity"], client["address"], client["path"])))
            yield session, on_one_line(f"session {session} ({line['dialect']}) {where}").rstrip()
        elif session in self._shown or not session:  # what is said of no session is missing of any
            for row in rows(line):
                yield session, row
            if "end" in line:
                self._shown.discard(session)


def _dropped(count: int) -> bytes:
    return b"(%d rows were left out: they came faster than they could be written)\n" % count
