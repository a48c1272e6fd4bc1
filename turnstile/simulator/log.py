"""The log of a simulated session: broken rules, the configuration of each response, all that was received."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Json = dict[str, Any]

Origin = Literal["client", "voice", "idle"]
COLLISION = "conversation_already_has_active_response"
_KEPT_RULES = 10_000


class BrokenRule(NamedTuple):
    """An event that was refused, or a turn that the scenario did not expect.

    Args:
        code: The API's code, or ``unexpected_turn``.
        message: The API's words.
        event_type: Type of the client event; None when it had none.
        event_id: The client's id of the event.
        injected: Whether a fault refused it, not a rule.
    """

    code: str | None
    message: str
    event_type: str | None
    event_id: str | None
    injected: bool = False


class ReceivedItem(NamedTuple):
    """An item of the client.

    Args:
        id: Its id in the conversation.
        type: Type of the item; ``voice`` for a committed voice turn.
        role: The role of a message.
        text: Text, transcript, arguments or output.
        call_id: The call that it belongs to.
    """

    id: str
    type: str
    role: str | None
    text: str
    call_id: str | None = None


@dataclass(slots=True)
class ResponseRecord:
    """A response, from its start to its end.

    Args:
        id: Its id.
        number: Its number in the session, from 1.
        origin: What began it: the client, the end of a voice turn, or the idle timeout.
        in_conversation: Whether it belongs to the default conversation.
        metadata: As the client gave it.
        started: The session object when it began.
        seen: The ids of the items that it was made from.
        ended: The session object when it ended; None while it runs. The same object as `started` unless an update came.
        status: ``in_progress``, ``completed``, ``cancelled``, ``failed`` or ``incomplete``.
        text: The text of its messages.
        calls: The ids of its function calls.
    """

    id: str
    number: int
    origin: Origin
    in_conversation: bool
    metadata: Json | None
    started: Json
    seen: tuple[str, ...]
    ended: Json | None = None
    status: str = "in_progress"
    text: str = ""
    calls: list[str] = field(default_factory=list)

    @property
    def changed_under_way(self) -> bool:
        """Whether the configuration changed while it ran."""
        return self.ended is not None and self.ended is not self.started


@dataclass(slots=True)
class SimulatorLog:
    """The log of one session. May be read at any time; only the session writes it."""

    broken: list[BrokenRule] = field(default_factory=list)
    responses: list[ResponseRecord] = field(default_factory=list)
    items: list[ReceivedItem] = field(default_factory=list)
    updates: list[Json] = field(default_factory=list)
    received: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    audio_bytes: int = 0
    unreached: tuple[str, ...] = ()

    def note_broken(self, rule: BrokenRule) -> None:
        """Add a broken rule, up to a bound that keeps a client from filling the memory."""
        if len(self.broken) < _KEPT_RULES:
            self.broken.append(rule)

    @property
    def collisions(self) -> int:
        """How many creates were refused because a response was in progress."""
        return sum(rule.code == COLLISION and not rule.injected for rule in self.broken)

    @property
    def updates_applied(self) -> int:
        """How many updates were applied."""
        return len(self.updates)

    @property
    def updates_under_way(self) -> int:
        """How many responses of the default conversation had their configuration changed while they ran."""
        return sum(response.changed_under_way for response in self.responses if response.in_conversation)
