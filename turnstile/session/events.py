"""Everything that a session can be told: what its client asked for, what happened upstream, and that time passed.

Requests carry a `ref`, the caller's own name for the message; each is answered by exactly one `Answered` with it.
Facts are in the past tense. Nothing here knows a wire: `facts.py` reads the Realtime API's events.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from turnstile.errors import Problem
from turnstile.session.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.protocol.frames import Closed

Json = dict[str, Any]
Ref = int
Behavior = Literal["default", "queue", "interrupt"]
Outcome = Literal["completed", "failed", "incomplete", "cancelled"]


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
        size: How many bytes it takes while it waits, where it may be large.
    """

    ref: Ref
    patch: Json
    added_prompt: str = ""
    message: str = "session.update"
    fields: Mapping[str, str] = field(default_factory=dict)
    local: Any = None
    size: int = 0


@record
class UserMessageGiven:
    """The client put a conversation item in that wants an answer; `item` is the API's, without an id.

    `message`: The type of the client's message, here and in the requests below.
    """

    ref: Ref
    item: Json
    message: str = field(default="", compare=False)


@record
class AgentMessageGiven:
    """The agent shall say something of the client's.

    Args:
        ref: The request.
        response: The parameters of the ``response.create`` that says it.
        behavior: What to do while a turn runs: refuse (``default``), wait, or interrupt it.
        size: How many bytes it takes while it waits, where it may be large.
    """

    ref: Ref
    response: Json
    behavior: Behavior = "default"
    size: int = 0
    message: str = field(default="", compare=False)


@record
class FunctionAnswered:
    """The client gives the result of a function call."""

    ref: Ref
    call_id: str
    output: str
    message: str = field(default="", compare=False)


@record
class TurnEndForced:
    """The client ends the user's turn: what was heard is committed and answered."""

    ref: Ref
    message: str = field(default="", compare=False)


@record
class EventGiven:
    """A client that speaks the API's own language gives an event that is to be passed on as it is.

    Args:
        event: The event, encoded.
        at_once: It does not wait behind what was asked for before: it stops a response, or is none of the gate's.
        event_id: The client's own name for it, if it has given one.
        call_id: The function call that it brings the result of, if it does.
        follows_audio: It is about the input audio before it: it goes when that has gone, and waits for nothing else.
        aside: The event id, as upstream reads it, of a ``response.create`` out of band; None for any other event.
    """

    event: bytes
    at_once: bool = False
    event_id: str | None = None
    call_id: str | None = None
    follows_audio: bool = False
    aside: str | None = None


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


@record
class LinkConnected:
    """Upstream took the connection, and has said nothing yet."""


@record
class LinkOpened:
    """A new upstream link is there, with a conversation that knows nothing.

    Args:
        shows_session: Upstream showed its session with it (``session.created``).
        voice: The agent's voice in that session.
    """

    shows_session: bool = True
    voice: Any = None


@record
class LinkLost:
    """The upstream link is gone, or could not be opened.

    Args:
        code: Why, for programs.
        description: Why, for people.
        retryable: Whether a new link may help.
        closed: How upstream closed it, if it did.
        event: The ``error`` event that came before its end, if one did.
        is_told: The client has heard of that already, as of an error about an event of its own.
    """

    code: str
    description: str
    retryable: bool = True
    closed: Closed | None = None
    event: Json | None = field(default=None, compare=False, repr=False)
    is_told: bool = False

    @property
    def problem(self) -> Problem:
        """What a client is told of it."""
        return Problem(self.code, self.description, error_event=self.event)


@record
class ConfigAnswered:
    """``session.updated``: the configuration sent is in force; `session` is the whole of it as echoed."""

    session: Json


@record
class ItemConfirmed:
    """A conversation item is in the conversation (``conversation.item.added``, ``.created`` or ``.done``).

    Args:
        item_id: Upstream's name for it: ours where upstream keeps the names that it is given.
        kind: Its type, by which an item of ours that got another name is recognised; "" where it is known to be none
            of ours, since an event about audio or about a response has named it.
        role: Whose message it is; "" where the kind has none.
        call_id: The function call that it answers, if any.
        has_audio: Part of its content is audio.
    """

    item_id: str
    kind: str = ""
    role: str = ""
    call_id: str = ""
    has_audio: bool = False


@record
class ResponseStarted:
    """``response.created`` on the default conversation.

    Args:
        response_id: The API's name for it.
        mark: The create that it answers, from its metadata; None where it has no mark of a proxy: upstream began it
            by itself, or shows no metadata.
        is_placed: Upstream showed that it is on the default conversation (``conversation_id``); otherwise it may be
            one that was asked for out of band.
    """

    response_id: str
    mark: str | None = None
    is_placed: bool = True


@record
class AsideStarted:
    """``response.created`` out of band: it neither closes the gate nor opens it."""


@record
class ResponseProgressed:
    """Something of the response arrived: it is alive."""

    response_id: str


@record
class ResponseFinished:
    """``response.done``, the only end of a response.

    Args:
        response_id: Which.
        outcome: How.
        problem: Why it failed, in the API's words, if it did and the API said why.
    """

    response_id: str
    outcome: Outcome = "completed"
    problem: Problem | None = None


@record
class FunctionCalled:
    """A response called a function, and the call's arguments are complete.

    Args:
        response_id: The response.
        output_index: The call's place in its output.
        call_id: The API's name for the call.
        name: The function.
        arguments: A JSON object, or "" for none.
        endpoint: Where the proxy calls the function; None when it is the client's to run.
    """

    response_id: str
    output_index: int
    call_id: str
    name: str = ""
    arguments: str = ""
    endpoint: Any = None


@record
class CallReturned:
    """A function that the proxy called gave its result; `output` is what the model shall read."""

    call_id: str
    output: str


@record
class AgentSpoke:
    """Assistant audio is in the conversation: the API takes no other voice from here on."""


@record
class SpeechStarted:
    """The server hears the user speak.

    Args:
        cut_off: The items of the agent's that the user has not heard to the end, with the milliseconds of audio that
            were heard of each.
    """

    cut_off: tuple[tuple[str, int], ...] = ()


@record
class SpeechStopped:
    """The server heard the user stop; `item_id` names the turn that it will commit."""

    item_id: str


@record
class TurnCommitted:
    """Input audio became the conversation item `item_id`, by the server's decision or at our command."""

    item_id: str


@record
class InputCleared:
    """``input_audio_buffer.cleared``: what was heard of the user is forgotten, and no turn comes of it."""


@record
class AudioHeard:
    """Input audio went upstream while the proxy commits; `milliseconds` of it since the last time."""

    milliseconds: float


@record
class Refused:
    """The API's ``error`` event.

    Args:
        event_id: The event of ours that it refuses; None where the API did not say.
        code: Its code, or its type where the code is null.
        message: Its words.
        param: The field that it names, if any.
        event: The whole of it.
        running: The response that it names as the one in progress, if it refuses an event for one.
    """

    event_id: str | None
    code: str
    message: str
    param: str | None = None
    event: Json | None = field(default=None, compare=False, repr=False)
    running: str | None = None

    @property
    def problem(self) -> Problem:
        """What a client is told of it."""
        return Problem(self.code, self.message, self.param, self.event)


@record
class HandedBack:
    """A gated command did not go upstream, since a fact had come that its decision did not know."""

    event_id: str


@record
class TimerFired:
    """A wait that `SetDeadlines` named is over; `token` is its own."""

    name: str
    token: str


Request = ConfigRequested | UserMessageGiven | AgentMessageGiven | FunctionAnswered | TurnEndForced
Fact = (
    EventGiven
    | AudioFollows
    | LinkWanted
    | LinkConnected
    | LinkOpened
    | LinkLost
    | ConfigAnswered
    | ItemConfirmed
    | ResponseStarted
    | AsideStarted
    | ResponseProgressed
    | ResponseFinished
    | FunctionCalled
    | CallReturned
    | AgentSpoke
    | SpeechStarted
    | SpeechStopped
    | TurnCommitted
    | InputCleared
    | AudioHeard
    | Refused
    | HandedBack
)
Event = Request | Fact | TimerFired
Postponable = Request | AudioFollows

# The facts that close the gate. They are counted at both ends of the way from the wire to the session: a command
# that was decided before the latest of them is handed back.
CLOSING_FACTS = (ResponseStarted, SpeechStopped, TurnCommitted)
