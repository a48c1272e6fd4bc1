"""Sets up the log of the process: one line per record, with its session, without secrets, and without waiting."""

from __future__ import annotations

import logging
import sys
import threading
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from turnstile.observability.line_writer import LineWriter, write_to
from turnstile.protocol.safe_text import on_one_line, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

# Characters of a message or a traceback that are logged.
_LONGEST: Final = 64 * 1024
# Characters of a credential, such as a JSON Web Token.
_LONGEST_SECRET: Final = 4 * 1024
# Seconds in which the end of the process writes the lines that are left.
_LAST_WRITE: Final = 2.0
# What a record of JSON has of itself, and nobody can give it.
_OWN_FIELDS: Final = ("time", "level", "worker", "session", "logger", "message", "exception")
# A record begins at the margin with its time: no line of a traceback does.
_DETAIL: Final = "\n  | "


class _LogContext(threading.local):
    session_id = "-"


log_context = _LogContext()
"""What the current thread works for: `session_id` is in each line that it logs, a dash outside of sessions."""


def in_this_session(call: Callable[[], object]) -> Callable[[], None]:
    """Return a function that makes `call` with the caller's session in its log lines, on any thread."""
    session_id = log_context.session_id

    def make() -> None:
        before, log_context.session_id = log_context.session_id, session_id
        try:
            call()
        finally:
            log_context.session_id = before

    return make


def _safe(text: str) -> str:
    """Return text without secrets; of a very long one the beginning and the end."""
    if len(text) <= _LONGEST:
        return without_secrets(text)
    half = _LONGEST // 2
    # A secret that is cut in two would not be known for one.
    end = without_secrets(text[-half - _LONGEST_SECRET :])[-half:]
    return f"{without_secrets(text[:half])} ({len(text) - _LONGEST} characters left out) {end}"


def _utc(record: logging.LogRecord) -> str:
    """Return the moment of a record by ISO 8601, in UTC and to the millisecond."""
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


class _TextFormatter(logging.Formatter):
    """Writes a record as words; those of its fields (`extra`) that are to be read are among these."""

    def __init__(self, worker: int | None) -> None:
        who = "" if worker is None else f"worker {worker} "
        super().__init__(f"%(asctime)s %(levelname)-7s {who}[%(session)s] %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.message = _safe(record.getMessage())
        record.asctime = _utc(record)
        details = _safe(_details(self, record)).split("\n")
        return _DETAIL.join(on_one_line(line) for line in (self.formatMessage(record), *details) if line)


class _JsonFormatter(JsonFormatter):
    """Writes a record as an object; its fields (`extra`) are the object's.

    A record of Turnstile's with an ``event`` among these has that for its message: the others say the rest.
    """

    def __init__(self, worker: int | None) -> None:
        super().__init__((), reserved_attrs=[*RESERVED_ATTRS, *_OWN_FIELDS], json_ensure_ascii=False)
        self._who = {} if worker is None else {"worker": worker}

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Put the record's own fields first, then those that it was given, and at last the traceback and the stack."""
        log_data |= {"time": _utc(record), "level": record.levelname.lower(), **self._who}
        log_data |= {"session": record.__dict__["session"], "logger": record.name, "message": record.getMessage()}
        del message_dict
        super().add_fields(log_data, record, {})
        if record.name.startswith("turnstile.") and "event" in log_data:
            log_data["message"] = log_data.pop("event")
        details = _details(self, record)
        if details:
            log_data["exception"] = details

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Mask what is secret in any text, and bound it."""
        return {name: _safe_value(value) for name, value in log_data.items()}

    def format(self, record: logging.LogRecord) -> str:
        """Return a record on one line; the escapes are those of JSON."""
        return on_one_line(super().format(record))


def _safe_value(value: Any) -> Any:
    if isinstance(value, str):
        return _safe(value)
    if isinstance(value, list | tuple):
        return [_safe_value(one) for one in value]
    is_json = value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value))
    return value if is_json else _safe(str(value))


def _details(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Return the traceback and the stack of a record, empty without any."""
    traceback = formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
    stack = formatter.formatStack(record.stack_info) if record.stack_info else ""
    return "\n".join(part for part in (traceback, stack) if part)


class LogHandler(logging.Handler):
    """Formats each record at once, on the thread that logs it, and writes it on another: no caller waits for a reader.

    Args:
        stream: Where the lines go; None drops them.
        formatter: Makes one record of a line, or of several of which only the first begins at the margin.
    """

    def __init__(self, stream: TextIO | None, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._writer = LineWriter(write_to(stream), "turnstile-log", self._dropped)
        self._is_last = self._is_stuck = False

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """Have no lock: one thread would wait for another that formats a record, or for the last write."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Queue a record that the filters let through."""
        is_wanted = bool(self.filter(record))
        if is_wanted:
            self.emit(record)
        return is_wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record; drop it where the queue is full."""
        # One that is about a session names it, wherever it is logged.
        record.session = record.__dict__.get("session") or log_context.session_id
        try:
            line = self._line(record)
        except Exception:  # noqa: BLE001 - a record that cannot be formatted must not harm what is logged
            line = self._line(
                _record("a log record of %s, line %s, could not be formatted", record.name, record.lineno)
            )
        self._writer.write(line)
        if self._is_last:
            self.flush()

    def flush(self) -> None:
        """Wait until everything is written, for two seconds at most, and no longer where that was too short once."""
        self._is_stuck = not self._writer.flush(0.0 if self._is_stuck else _LAST_WRITE)

    def close(self) -> None:
        """Take what comes from now on as the last lines of the process: each is waited for."""
        self._is_last = True
        super().close()

    def stop(self) -> None:
        """Write what waits, and end the thread."""
        self.flush()
        self._writer.close(0.0 if self._is_stuck else _LAST_WRITE)

    def _line(self, record: logging.LogRecord) -> bytes:
        return self.format(record).encode(errors="backslashreplace") + b"\n"

    def _dropped(self, count: int) -> bytes:
        return self._line(_record("%s lines of the log were dropped: nothing took them in time", count))


def _record(message: str, *values: object) -> logging.LogRecord:
    record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, values, None)
    record.session = "-"
    return record


def set_up_logging(
    level: str, form: Literal["text", "json"], stream: TextIO | None = None, worker: int | None = None
) -> LogHandler:
    """Log to standard error, or to `stream`: for a process of Turnstile's own; a host has its own logging.

    Args:
        level: The lowest level that is logged: ``debug``, ``info``, ``warning`` or ``error``.
        form: Lines of text, or one JSON object per line.
        stream: Replaces standard error.
        worker: The number of this process among several, named in each line.

    Returns:
        What writes the lines; the end of the interpreter flushes it.
    """
    handler = LogHandler(stream or sys.stderr, _JsonFormatter(worker) if form == "json" else _TextFormatter(worker))
    root = logging.getLogger()
    for before in root.handlers:
        if isinstance(before, LogHandler):
            before.stop()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Below this they log their internals, httpcore2 also the headers that it receives.
    for name in ("httpcore2", "pykka", "websockets"):
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
    # Below this it says each time that a reader has left.
    logging.getLogger("waitress").setLevel(max(logging.WARNING, root.level))
    return handler


def log_uncaught_errors() -> None:
    """Log warnings and errors that nothing catches, in place of Python's own writes to standard error, which may block.

    For a process of Turnstile's own, since the hooks are those of the whole interpreter.
    """
    log = logging.getLogger(__name__)

    def log_error(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        log.critical("an error that nothing caught", exc_info=(kind, error or kind(), trace))

    def log_of_thread(failed: Any) -> None:
        if failed.exc_type is not SystemExit:
            log_error(failed.exc_type, failed.exc_value, failed.exc_traceback)

    def log_unraisable(failed: Any) -> None:
        log_error(failed.exc_type, failed.exc_value, failed.exc_traceback)

    sys.excepthook = log_error
    threading.excepthook = log_of_thread
    sys.unraisablehook = log_unraisable
    logging.captureWarnings(capture=True)
