"""Since when upstream is in reach, or out of it."""

from __future__ import annotations

from typing import NamedTuple


class Reached(NamedTuple):
    """When upstream was last reached, and when not, in seconds since 1970; 0 for never.

    Args:
        last_success: When a link was last opened.
        last_failure: When one was last not, since upstream was out of reach or out of order; a refusal is neither.
    """

    last_success: float = 0.0
    last_failure: float = 0.0
