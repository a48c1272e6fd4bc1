"""What is counted of one session: plain integers, written by its actors without a call."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from turnstile.session.client_requests import UserMessageGiven
from turnstile.session.events import FunctionCalled, ResponseFinished
from turnstile.session.turn_events import TurnCommitted

COUNTED: Final = frozenset({UserMessageGiven, TurnCommitted, FunctionCalled, ResponseFinished})
"""The session's events that are counted by their class."""


class SessionCounts:
    """The counts of one session; each field is written by one of its actors alone.

    The coordinator writes `events` and those of the updates.
    """

    __slots__ = ("collisions", "events", "longest_hold", "updates_held", "updates_merged", "updates_replayed")

    def __init__(self) -> None:
        self.events: defaultdict[type, int] = defaultdict(int)
        """How many events of each class there were, of those in `COUNTED`."""
        self.updates_held = self.updates_merged = self.updates_replayed = 0
        self.collisions = 0
        self.longest_hold = 0.0
