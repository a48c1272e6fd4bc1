"""Sets up the log of the process: one line per event, with its session and without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from typing import TYPE_CHECKING, Literal, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

# A second safeguard against secrets in the log: OpenAI's keys, and what follows a scheme or a name of authorization, in
# a header, in JSON and in a query.
_SECRET = re.compile(
    r"""\b(?:sk|ek)-[\w-]{6,}
    | (?<=\bBearer[ ])[^\s"']+
    | (?<=\bToken[ ])[^\s"']+
    | (?:(?<=api-key)|(?<=api_key))(?P<between>["']?[ ]?[:=][ ]?["']?)[^\s"'&]+""",
    re.IGNORECASE | re.VERBOSE,
)


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


def without_secrets(text: str) -> str:
    """Return `text` with everything that looks like a key masked."""
    return _SECRET.sub(lambda match: f"{match['between'] or ''}***", text)


class _SessionFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.session = log_context.session_id
        return True


class _TextFormatter(logging.Formatter):
    def __init__(self, worker: int | None) -> None:
        who = "" if worker is None else f"worker {worker} "
        super().__init__(f"%(asctime)s %(levelname)-7s {who}[%(session)s] %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class _JsonFormatter(logging.Formatter):
    def __init__(self, worker: int | None) -> None:
        super().__init__()
        self._who = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            **self._who,
            "session": getattr(record, "session", "-"),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(entry, ensure_ascii=False))


def set_up_logging(
    level: str, form: Literal["text", "json"], stream: TextIO | None = None, worker: int | None = None
) -> None:
    """Log to standard error, or to `stream`.

    Args:
        level: The lowest level that is logged: ``debug``, ``info``, ``warning`` or ``error``.
        form: Lines of text, or one JSON object per line.
        stream: Replaces standard error.
        worker: The number of this process among several, named in each line.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter(worker) if form == "json" else _TextFormatter(worker))
    handler.addFilter(_SessionFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Below this they log their internals, httpcore2 also the headers that it receives.
    for name in ("httpcore2", "pykka", "websockets"):
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
