"""The interface of a client's dialect: `ClientActor` knows no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.messages import AudioEvent, End
    from turnstile.errors import Problem
    from turnstile.protocol.frames import Frame
    from turnstile.session.effects import Answered
    from turnstile.session.events import EventGiven, Json, LinkWanted, Ref, Request
    from turnstile.translate.host_overrides import HostOverrides


class Dialect(Protocol):
    """The dialect of one session's client, with what the session remembers for it."""

    has_binary_audio: bool
    """Whether binary frames are audio."""

    message_limit: str
    """The setting that bounds its messages."""

    def opening(self) -> Iterable[Frame | LinkWanted | Request]:
        """What the client hears first, and what the session does first."""

    def decided(self, ref: Ref, overrides: HostOverrides) -> Request | None:
        """Return the request that brings what the host of the session has decided into force.

        None when the client has configured nothing yet: what was decided is in force as soon as it does.
        """

    def binary(self) -> Iterable[Frame]:
        """Tell a client whose audio does not come in binary frames so; empty for all others."""

    def shown(self, event: Json) -> Iterable[Frame]:
        """Tell the client what upstream shows of the session."""

    def read(self, data: bytes) -> Iterable[Frame | Request | EventGiven | AudioEvent | End]:
        """Read a text message: what the coordinator or upstream is told, and what the client is told at once.

        An `End`, of this and of `answer`, ends the session.

        Raises:
            ClientProtocolError: The message is none of the dialect's.
        """

    def answer(self, answered: Answered) -> Iterable[Frame | End]:
        """Tell the client what became of a request."""

    def problem(self, problem: Problem, *, fatal: bool, event_id: str | None = None) -> Frame:
        """Tell the client that something went wrong.

        Args:
            problem: What.
            fatal: Whether the session ends with it.
            event_id: The client's own name for the event that it is about, in a dialect that names events.
        """
