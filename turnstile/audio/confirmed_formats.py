"""The audio formats in force on an upstream link, as far as upstream has confirmed them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class ConfirmedFormats:
    """Track the formats of one session's link, in the API's form.

    A ``session.updated`` shows what is in force. Where it shows no format, the one requested last is taken.
    """

    def __init__(self) -> None:
        self.input: object = None
        """The format of audio to upstream; None while it is unknown."""
        self.output: object = None
        """The format of audio from upstream; None while it is unknown."""
        self._requested: Json = {}

    def requested(self, patch: Json) -> None:
        """Note a ``session.update`` with `patch` that goes upstream."""
        self._requested = patch

    def updated(self, session: Json) -> None:
        """Apply the ``session.updated`` that answers it, with `session`."""
        self.input = shown_format(session, "input") or shown_format(self._requested, "input") or self.input
        self.output = shown_format(session, "output") or shown_format(self._requested, "output") or self.output
        self._requested = {}

    def replace_by(self, other: ConfirmedFormats) -> None:
        """Track the formats of another link from now on, as far as `other` knows them."""
        self.input, self.output, self._requested = other.input, other.output, other._requested


def shown_format(session: Json, side: str) -> object:
    """Return the format of audio that a session or a response shows; None for none.

    Args:
        session: The session or response.
        side: ``input`` or ``output``.
    """
    audio = session.get("audio")
    part = audio.get(side) if isinstance(audio, dict) else None
    return part.get("format") if isinstance(part, dict) else None
