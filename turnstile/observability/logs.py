"""Logging of the process: one line an event, each with its session, none with a secret."""

from __future__ import annotations

import json
import logging
import re
import sys
from inspect import currentframe
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    Method = TypeVar("Method", bound=Callable[..., Any])

_naming: set[CodeType] = set()

# A net under the rule that no secret is logged: OpenAI's keys, and what follows a scheme or a name of authorization,
# in a header's own form, in JSON and in a query.
_SECRET = re.compile(
    r"""\b(?:sk|ek)-[\w-]{6,}
    | (?<=\bBearer[ ])[^\s"']+
    | (?<=\bToken[ ])[^\s"']+
    | (?:(?<=api-key)|(?<=api_key))(?P<between>["']?[ ]?[:=][ ]?["']?)[^\s"'&]+""",
    re.IGNORECASE | re.VERBOSE,
)


def names_session(method: Method) -> Method:
    """Have all that is logged while `method` runs name the session: the `session_id` of the object whose method it is.

    It is looked for when something is logged, which is seldom, so that a run of the method costs nothing.
    """
    _naming.add(method.__code__)
    return method


def current_session() -> str:
    """Return the name of the session that the caller works for; a dash outside of sessions."""
    frame = currentframe()
    while frame is not None and frame.f_code not in _naming:
        frame = frame.f_back
    return "-" if frame is None else frame.f_locals["self"].session_id


class _OnOtherThread:
    """Makes a call in the name of a session."""

    def __init__(self, session_id: str, call: Callable[[], object]) -> None:
        self.session_id = session_id
        self._call = call

    @names_session
    def make(self) -> None:
        self._call()


def in_this_session(call: Callable[[], object]) -> Callable[[], None]:
    """Return `call` such that what it logs names the session that the caller works for, on any thread."""
    return _OnOtherThread(current_session(), call).make


def without_secrets(text: str) -> str:
    """Return `text` with everything masked that looks like a key."""
    return _SECRET.sub(lambda match: f"{match['between'] or ''}***", text)


class _SessionFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.session = current_session()
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
