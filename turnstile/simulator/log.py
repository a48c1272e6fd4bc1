"""The log of a simulated session: broken rules, the configuration of each response, all that was received."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    import builtins

Json = dict[str, Any]
T = TypeVar("T")

Origin = Literal["client", "voice", "idle"]
COLLISION = "conversation_already_has_active_response"

# What is kept of each kind of entry in a session's log: the latest so many, of at most so many bytes.
_KEPT: Final = 10_000
_KEPT_BYTES: Final = 1024 * 1024
# An entry's own bytes, beside its texts; those of a reference; and those of a character that is sent, at most.
_ENTRY, _REFERENCE, _CHARACTER = 200, 8, 4


class Latest(list[T], Generic[T]):
    """A list that forgets its oldest entries, beyond a number of entries or of bytes; the latest is always kept.

    Args:
        count: The number of entries that are kept.
        most_bytes: The number of bytes that are kept.
    """

    def __init__(self, count: int = _KEPT, most_bytes: int = _KEPT_BYTES) -> None:
        super().__init__()
        self._count = count
        self._most_bytes = most_bytes
        self._sizes: deque[int] = deque()
        self.bytes = 0
        """The bytes of the entries that are kept."""

    def keep(self, entry: T, size: int) -> list[T]:
        """Append an entry of `size` bytes; return the entries that are forgotten for it."""
        self.append(entry)
        self._sizes.append(size + _ENTRY)
        self.bytes += size + _ENTRY
        gone = 0
        while len(self._sizes) > 1 and (len(self._sizes) > self._count or self.bytes > self._most_bytes):
            self.bytes -= self._sizes.popleft()
            gone += 1
        forgotten = self[:gone]
        del self[:gone]
        return forgotten


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
    """The log of one session. May be read at any time; only the session writes it.

    Of a long session the lists hold the latest entries; the numbers count all.
    """

    broken: Latest[BrokenRule] = field(default_factory=Latest)
    responses: Latest[ResponseRecord] = field(default_factory=Latest)
    items: Latest[ReceivedItem] = field(default_factory=Latest)
    updates: Latest[Json] = field(default_factory=Latest)
    responses_begun: int = 0
    updates_applied: int = 0
    collisions: int = 0
    """How many creates were refused because a response was in progress."""
    received: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    audio_bytes: int = 0
    keep_audio: int = 0
    """How many bytes of the input audio are kept."""
    audio: bytearray = field(default_factory=bytearray)
    """The latest of it."""
    unreached: tuple[str, ...] = ()
    session_bytes: int = 0

    @property
    def bytes(self) -> int:
        """The bytes of what is kept."""
        return self.broken.bytes + self.responses.bytes + self.items.bytes + self.updates.bytes + len(self.audio)

    def note_broken(self, rule: BrokenRule) -> None:
        """Add a broken rule."""
        self.collisions += rule.code == COLLISION and not rule.injected
        self.broken.keep(rule, sum(len(text) for text in rule[:4] if text))

    def note_audio(self, data: builtins.bytes) -> None:
        """Count input audio, and keep the latest of it."""
        self.audio_bytes += len(data)
        if self.keep_audio:
            self.audio += data
            del self.audio[: -self.keep_audio]

    def note_item(self, item: ReceivedItem) -> None:
        """Add an item of the client."""
        self.items.keep(item, len(item.id) + len(item.text) + len(item.call_id or ""))

    def note_update(self, patch: Json, size: int) -> None:
        """Add an update that was applied; `size` is that of the session object in bytes, which holds what it set."""
        self.updates_applied += 1
        self.updates.keep(patch, size)
        self.session_bytes = size

    def note_response(self, record: ResponseRecord, text: str) -> None:
        """Add a response that begins; `text` is what it will say.

        The session object that it refers to is counted once for each update.
        """
        before = self.responses[-1].started if self.responses else None
        self.responses_begun += 1
        size = len(record.seen) * _REFERENCE + len(str(record.metadata or "")) + len(text) * _CHARACTER
        self.responses.keep(record, size if record.started is before else size + self.session_bytes)

    @property
    def updates_under_way(self) -> int:
        """How many of the kept responses of the default conversation ran while their configuration was changed."""
        return sum(response.changed_under_way for response in self.responses if response.in_conversation)
