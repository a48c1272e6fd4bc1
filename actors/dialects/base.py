"""The interface of a dialect to the ClientActor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from actors.messages import End
from turnstile.protocol.frames import DOES_NOT_FIT, PEER_TOO_SLOW
from turnstile.session.upstream_errors import refusal_code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.host_messages import Wish
    from actors.messages import AudioEvent
    from turnstile.errors import Problem
    from turnstile.observability.session_facts import EndedBy
    from turnstile.protocol.frames import Frame
    from turnstile.session.client_requests import EventGiven, Json, LinkWanted, Ref, Request
    from turnstile.session.effects import Answered
    from turnstile.translate.host_overrides import HostOverrides

# The code of a close for a message that is too large (RFC 6455, 7.4.1).
_TOO_LARGE: Final = 1009
# The settings behind the reasons for which a client's connection is closed, in any dialect.
_LIMITS: Final = {PEER_TOO_SLOW: "limits.unread_timeout", DOES_NOT_FIT: "session.max_held_bytes"}


class Dialect:
    """The dialect of one session's client: reads its messages, writes its answers, remembers what they need."""

    has_binary_audio: ClassVar[bool]
    """Whether binary frames are the client's audio; otherwise its audio comes in events."""

    shows_session: ClassVar[bool]
    """Whether the client is shown the session as upstream has it (`shown`)."""

    message_limit: ClassVar[str]
    """The setting that bounds the client's messages."""

    @property
    def kept_bytes(self) -> int:
        """The bytes that it keeps between messages, about."""
        raise NotImplementedError

    faults = 0
    """How many invalid messages it has read since this was set to 0; not those that it raised an error for."""

    def opening(self) -> Iterable[Frame | LinkWanted | Request]:
        """Return what the client and the session get first."""
        raise NotImplementedError

    def refusal(self, wish: Wish) -> Problem | None:
        """Return why a wish of the host's, or of an operator's, cannot be had in this session; None if it can."""
        raise NotImplementedError

    def decided(self, ref: Ref, overrides: HostOverrides) -> Request | None:
        """Return the request that brings what the host of the session has decided into force.

        None when the client has configured nothing yet: what was decided is in force as soon as it does.
        """
        raise NotImplementedError

    def prompt_added(self, ref: Ref, text: str) -> Request | None:
        """Return the request that adds to the prompt; None when it comes with the client's first configuration."""
        raise NotImplementedError

    def wish_answered(self, answered: Answered) -> Iterable[Frame]:
        """Forget what was decided and is not in force; return what the client is shown of what is."""
        raise NotImplementedError

    def read(self, data: bytes) -> Iterable[Frame | Request | EventGiven | AudioEvent | End]:
        """Read a text message; return what the session or upstream gets, and what the client gets at once.

        An `End`, of this and of `answer`, ends the session.

        Raises:
            ClientProtocolError: The message is not valid in the dialect.
        """
        raise NotImplementedError

    def limit_behind(self, code: int, reason: str) -> str | None:
        """Return the setting for which the client's connection was closed with this code and reason; None for none."""
        return _LIMITS.get(reason) or (self.message_limit if code == _TOO_LARGE else None)

    def binary(self) -> Iterable[Frame]:
        """Return the answer to a binary frame, where it is no audio."""
        return ()

    def shown(self, event: Json) -> Iterable[Frame]:
        """Return what the client gets of the session that upstream shows, where the dialect shows it."""
        del event
        return ()

    def answer(self, answered: Answered) -> Iterable[Frame | End]:
        """Return the answer to a request."""
        raise NotImplementedError

    def unlocked(self, ref: Ref) -> Iterable[Frame]:
        """Return the acknowledgement of a request for a voice that came too late, and is in force on another link."""
        raise NotImplementedError

    def problem(self, problem: Problem, *, fatal: bool, event_id: str | None = None) -> Frame:
        """Return the message that reports a problem.

        Args:
            problem: The problem.
            fatal: Whether the session ends with it.
            event_id: The client's own name for the event that it is about, in a dialect that names events.
        """
        raise NotImplementedError


def refused_start(problem: Problem, by: EndedBy) -> End:
    """Return the end of a session whose first configuration is refused, for a problem, by whom."""
    return End(refusal_code(problem.code), problem.code, problem, by=by)
