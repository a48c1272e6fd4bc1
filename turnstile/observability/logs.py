"""Logging of the process: one line an event, each with its session, none with a secret."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from typing import Literal, TextIO

current_session: ContextVar[str] = ContextVar("turnstile_session", default="-")
"""Names the session in all that is logged."""

# A net under the rule that no secret is logged: OpenAI's keys, and what follows a scheme or a name of authorization,
# in a header's own form, in JSON and in a query.
_SECRET = re.compile(
    r"""\b(?:sk|ek)-[\w-]{6,}
    | (?<=\bBearer[ ])[^\s"']+
    | (?<=\bToken[ ])[^\s"']+
    | (?:(?<=api-key)|(?<=api_key))(?P<between>["']?[ ]?[:=][ ]?["']?)[^\s"'&]+""",
    re.IGNORECASE | re.VERBOSE,
)


def without_secrets(text: str) -> str:
    """Return `text` with everything masked that looks like a key."""
    return _SECRET.sub(lambda match: f"{match['between'] or ''}***", text)


class _SessionFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.session = current_session.get()
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
        level: From which level on: ``debug``, ``info``, ``warning`` or ``error``.
        form: Lines for people, or a JSON object a line.
        stream: Where to, instead.
        worker: The number of this process among several, named in each line.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter(worker) if form == "json" else _TextFormatter(worker))
    handler.addFilter(_SessionFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # They speak of their own machinery below this; httpcore2 of the headers that it receives, too.
    for name in ("httpcore2", "pykka", "websockets"):
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
