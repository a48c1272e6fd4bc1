"""What a session's client asks for.

Requests carry a `ref`, the caller's own name for the message; each is answered by exactly one `Answered` with it.
`size` is how many bytes of memory a request takes while it waits, as far as the session's budget counts it.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from turnstile.session.memory_size import memory_size
from turnstile.session.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.session.awaited import Awaited

Json = dict[str, Any]
Ref = int
Behavior = Literal["default", "queue", "interrupt"]

# What each event of a Realtime client that waits counts besides its bytes: each takes the longer, the more wait.
_EVENT_COST = 1024


@record
class ConfigRequested:
    """The client wants its session configured otherwise.

    Args:
        ref: The request.
        patch: A partial Realtime ``session``: only the fields named change; ``None``, ``""`` and ``[]`` clear.
        added_prompt: Text to add to the instructions in force, for the message that adds instead of replacing.
        message: The type of the client's message, which begins whatever is said about it; "" where there was none.
        fields: What the message names of the session: its own field by the field's dotted path there. Empty for a
            message in the API's own words.
        local: What else is in force with it, on this side of the API; it is handed on as it is (`ApplyLocal`).
    """

    ref: Ref
    patch: Json
    added_prompt: str = ""
    message: str = "session.update"
    fields: Mapping[str, str] = field(default_factory=dict)
    local: Any = None
    size: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Measure it."""
        object.__setattr__(self, "size", memory_size(self.patch, self.added_prompt, self.fields, self.local))


@record
class UserMessageGiven:
    """The client put a conversation item in that wants an answer; `item` is the API's, without an id.

    `message`: The type of the client's message, here and in the requests below.
    """

    ref: Ref
    item: Json
    message: str = field(default="", compare=False)
    size: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Measure it."""
        object.__setattr__(self, "size", memory_size(self.item))


@record
class AgentMessageGiven:
    """The agent shall say something of the client's.

    Args:
        ref: The request.
        response: The parameters of the ``response.create`` that says it.
        behavior: What to do while a turn runs: refuse (``default``), wait, or interrupt it.
        is_answered: The request has its answer; the response that it led to died with its link, and is asked for again.
    """

    ref: Ref
    response: Json
    behavior: Behavior = "default"
    message: str = field(default="", compare=False)
    is_answered: bool = False
    size: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Measure it."""
        object.__setattr__(self, "size", memory_size(self.response))


@record
class FunctionAnswered:
    """The client gives the result of a function call."""

    ref: Ref
    call_id: str
    output: str
    message: str = field(default="", compare=False)

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return memory_size(self.output)


@record
class TurnEndForced:
    """The client ends the user's turn: what was heard is committed and answered."""

    size: ClassVar[int] = 0

    ref: Ref
    message: str = field(default="", compare=False)


@record
class EventGiven:
    """A Realtime client gives an event that is to be passed on as it is.

    Args:
        event: The event, encoded.
        at_once: It does not wait behind what was asked for before: it stops a response, or is none of the gate's.
        event_id: The client's own name for it, if it has given one.
        call_id: The function call that it brings the result of, if it does.
        follows_audio: It is about the input audio before it: it goes when that has gone, and waits for nothing else.
        awaits: The answer of upstream's that it waits for; None for an event that has none.
    """

    event: bytes
    at_once: bool = False
    event_id: str | None = None
    call_id: str | None = None
    follows_audio: bool = False
    awaits: Awaited | None = None

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return len(self.event) + _EVENT_COST


@record
class AudioFollows:
    """Input audio comes behind what the client gave before; on its own way it waits at `mark` for `LetAudioGo`.

    Args:
        mark: Names the place; marks only grow.
    """

    mark: int


@record
class LinkWanted:
    """The client wants an upstream session before it has configured one; `model` is the one asked for, if any."""

    model: str | None = None


Request = ConfigRequested | UserMessageGiven | AgentMessageGiven | FunctionAnswered | TurnEndForced
Postponable = Request | AudioFollows
