"""What the host of a session and operators have decided, one after the other, until upstream has taken it or not."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from turnstile.translate.host_overrides import HostOverrides


class _Asked(NamedTuple):
    """Overrides that a request brings into force; `is_answered`: they are, behind earlier ones that may not be."""

    overrides: HostOverrides
    is_answered: bool = False


class Decisions:
    """The decisions of a session's host and operators, in their order.

    What upstream refuses is forgotten: else it would come back with each update of the client's, and have it refused.

    Args:
        overrides: Those at the beginning.
    """

    def __init__(self, overrides: HostOverrides) -> None:
        self._sure = overrides
        self._asked: dict[int, _Asked] = {}

    def overrides(self) -> HostOverrides:
        """Return all decisions laid over each other: a later one counts."""
        overrides = self._sure
        for asked in self._asked.values():
            overrides = overrides.updated(asked.overrides)
        return overrides

    def awaited(self) -> HostOverrides:
        """Return those decisions laid over each other whose requests have no answer yet."""
        overrides = HostOverrides()
        for asked in self._asked.values():
            if not asked.is_answered:
                overrides = overrides.updated(asked.overrides)
        return overrides

    def add(self, newer: HostOverrides, ref: int | None) -> None:
        """Take a decision.

        Args:
            newer: What is decided.
            ref: The request for it, until whose answer it can be taken back; None for none.
        """
        if ref is None:
            self._sure = self._sure.updated(newer)
        else:
            self._asked[ref] = _Asked(newer)

    def answered(self, ref: int, *, is_in_force: bool, has_voice: bool) -> None:
        """Keep what a request has brought into force, and forget the rest of it.

        Args:
            ref: The request; one that decides nothing changes nothing.
            is_in_force: Whether upstream has taken it.
            has_voice: Whether it has taken the voice as well.
        """
        asked = self._asked.get(ref)
        if asked is None:
            return
        kept = asked.overrides if is_in_force else HostOverrides()
        self._asked[ref] = _Asked(kept if has_voice else replace(kept, voice=None), is_answered=True)
        for earliest, one in list(self._asked.items()):
            if not one.is_answered:
                break
            self._sure = self._sure.updated(one.overrides)
            del self._asked[earliest]
