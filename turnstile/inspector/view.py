"""The interface between the ops listener and the sessions that it shows, of this process or of its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]


class EventStream(Protocol):
    """The journal of a session from now on, as lines of JSON; used by one thread."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line, without its end; b"" when a while has passed without one. Ends with the session."""

    def close(self) -> None:
        """End it; from any thread."""


class View(Protocol):
    """What operators see of the sessions, and how they steer them; methods may block, and be called on any thread."""

    def counts(self) -> Json:
        """Return what is counted, and the gauges, of all processes that serve together."""

    def unready(self) -> list[str]:
        """Return why no client should be sent here now, such as ``draining``; empty where clients are welcome."""

    def sessions(self) -> list[Json]:
        """Return the open sessions, in short."""

    def session(self, session_id: str) -> Json | None:
        """Return one session, in full; None where it is not open."""

    def events(self, session_id: str) -> EventStream | None:
        """Return the journal of a session from now on; None where it is not open.

        Raises:
            SessionError: As many streams are open as may be.
        """

    def give(self, session_id: str, message: Json, timeout: float) -> Json | None:
        """Give a session a message as its host could; return its outcome, None where it is not open.

        Args:
            session_id: The session's id.
            message: A message in the words of the Voice Agent protocol, or ``{"type": "End"}``.
            timeout: Seconds to wait for it to be in force; the gate may hold it.

        Returns:
            ``{"done": True}`` once it is in force; otherwise ``{"done": False, "code": ..., "description": ...}``, of
            which the code is ``timeout`` where it is not in force in time: it may be later.
        """
