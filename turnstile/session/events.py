"""The events of a session: its client's requests, facts of the upstream side, and deadlines that expire.

Facts are in the past tense, and independent of the wire: `facts.py` reads the Realtime API's events.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from turnstile.errors import Problem
from turnstile.session.client_requests import AudioFollows, EventGiven, Json, LinkWanted, Request
from turnstile.session.conversation_events import ConversationFact
from turnstile.session.ending import DrainRequested, SilenceMeasured
from turnstile.session.link_events import LinkFact
from turnstile.session.memory_size import memory_size
from turnstile.session.record import record
from turnstile.session.turn_events import SpeechStopped, TurnCommitted, TurnFact

Outcome = Literal["completed", "failed", "incomplete", "cancelled"]


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
        item: The whole of it as upstream shows it, for the record of the conversation.
        previous_id: The item before it, as upstream shows it; None: the first, or not shown.
    """

    item_id: str
    kind: str = ""
    role: str = ""
    call_id: str = ""
    has_audio: bool = False
    item: Json | None = field(default=None, compare=False, repr=False)
    previous_id: str | None = field(default=None, compare=False, repr=False)


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

    response_id: str


@record
class ResponseProgressed:
    """An event of the response arrived, so it makes progress."""

    response_id: str


@record
class ResponseFinished:
    """``response.done``, the only end of a response, out of band or not.

    Args:
        response_id: Which.
        outcome: How.
        problem: Why it failed, in the API's words, if it did and the API said why.
        output: Its items as upstream shows them, for the record of the conversation.
    """

    response_id: str
    outcome: Outcome = "completed"
    problem: Problem | None = None
    output: tuple[Json, ...] = field(default=(), compare=False, repr=False)


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
        item_id: The call's place in the conversation.
    """

    response_id: str
    output_index: int
    call_id: str
    name: str = ""
    arguments: str = ""
    endpoint: Any = None
    item_id: str = field(default="", compare=False)

    @property
    def size(self) -> int:
        """The bytes that it takes while the proxy makes the call."""
        return 0 if self.endpoint is None else memory_size(self.arguments)


@record
class CallReturned:
    """A function that the proxy called returned its result; `output` is the text for the model."""

    call_id: str
    output: str

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return memory_size(self.output)


@record
class AgentSpoke:
    """Assistant audio is in the conversation: the API takes no other voice from here on."""


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
        """The problem as it is reported to a client."""
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


Fact = (
    EventGiven
    | AudioFollows
    | LinkWanted
    | LinkFact
    | ConfigAnswered
    | ItemConfirmed
    | ResponseStarted
    | AsideStarted
    | ResponseProgressed
    | ResponseFinished
    | FunctionCalled
    | CallReturned
    | AgentSpoke
    | TurnFact
    | ConversationFact
    | Refused
    | HandedBack
    | DrainRequested
    | SilenceMeasured
)
Event = Request | Fact | TimerFired

# The facts that close the gate. They are counted at both ends of the way from the wire to the session: a command
# that was decided before the latest of them is handed back.
CLOSING_FACTS = (ResponseStarted, SpeechStopped, TurnCommitted)
