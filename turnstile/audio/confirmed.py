"""The audio formats of an upstream link: what was asked for, and what upstream shows instead."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class ConfirmedFormats:
    """What goes up and what comes down on one session's link, in the API's names.

    A ``session.updated`` says what is in force. Where it does not show a format, the one last asked for is.
    """

    def __init__(self) -> None:
        self.input: object = None
        """What upstream hears; None while nobody has said anything of it."""
        self.output: object = None
        """What it speaks."""
        self._asked: Json = {}

    def asked(self, patch: Json) -> None:
        """A ``session.update`` with `patch` goes up."""
        self._asked = patch

    def updated(self, session: Json) -> None:
        """Upstream answered it by ``session.updated``, with `session`."""
        self.input = _format(session, "input") or _format(self._asked, "input") or self.input
        self.output = _format(session, "output") or _format(self._asked, "output") or self.output
        self._asked = {}


def _format(session: Json, side: str) -> object:
    audio = session.get("audio")
    part = audio.get(side) if isinstance(audio, dict) else None
    return part.get("format") if isinstance(part, dict) else None
