"""How long a server that refuses a request asks to wait before the next (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import math
import re
from email.utils import mktime_tz, parsedate_tz
from typing import Final

# ``Retry-After-Ms`` is OpenAI's and Azure's own, and finer.
_HEADER: Final = re.compile(
    rb"^(retry-after(?:-ms)?)[ \t]*:[ \t]*([^\r\n]{1,64}?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)
# Nobody waits longer for another try than a session can be held up.
_LONGEST: Final = 3_600.0


def retry_after(head: bytes, wall_time: float) -> float | None:
    """Return the seconds to wait, at most an hour; None where the answer asks for none, or in no way that is known.

    Args:
        head: The head of an HTTP answer.
        wall_time: Seconds since 1970, for a date.
    """
    named = {name.lower(): value.decode("latin-1") for name, value in _HEADER.findall(head)}
    milliseconds = _number(named.get(b"retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    given = named.get(b"retry-after", "")
    seconds = _number(given)
    if seconds is None:
        date = _date(given)
        seconds = None if date is None else date - wall_time
    return None if seconds is None else _bounded(seconds)


def _bounded(seconds: float) -> float:
    return min(max(0.0, seconds), _LONGEST)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(text: str) -> float | None:
    parts = parsedate_tz(text)
    try:
        return None if parts is None else float(mktime_tz(parts))
    except (ValueError, OverflowError):
        return None
