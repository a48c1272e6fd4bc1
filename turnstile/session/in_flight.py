"""Values for everything in flight between the proxy and upstream: updates, items, responses, calls, commits."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

from turnstile.session.memory_size import memory_size
from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.session.awaited import Awaited
    from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, EventGiven, Json, Ref

Responder = Literal["proxy", "api", "after_turn"]
Because = Literal["asked", "stalled", "redundant"]


@record
class Update:
    """A ``session.update`` that upstream has not answered.

    Args:
        event_id: Ours.
        requests: The requests that it carries; none when it only restores a new link.
        patch: What was sent.
        target: The whole configuration that is in force once it is confirmed.
        epoch: How many facts that close the gate were known when it was sent.
        ended: The response that had ended last when it was sent.
    """

    event_id: str
    requests: tuple[ConfigRequested, ...]
    patch: Json
    target: Json
    epoch: int = 0
    ended: str = ""


@record
class Item:
    """A conversation item that no response has seen.

    Args:
        item_id: Its id; ours, or the API's for a spoken turn.
        ref: The request that put it in; None for a spoken turn.
        content: The item as sent; None for a spoken turn, which cannot be sent again.
        stage: How far it is on its way into the conversation.
        responder: Who begins the response that it waits for: the proxy, the API, which has ended the turn by itself, or
            the proxy after the user's turn (``after_turn``), since the user broke in on the response that it had.
        event_id: The event that sent it.
        turn: The turn that was committed when it was first left to the API.
        size: The bytes that its content takes.
    """

    item_id: str
    ref: Ref | None = None
    content: Json | None = None
    stage: Literal["waiting", "sent", "confirmed"] = "waiting"
    responder: Responder = "proxy"
    event_id: str = ""
    turn: str = ""
    size: int = field(default=0, compare=False, repr=False)

    def sent(self, event_id: str) -> Item:
        """Return the item as it is once an event of this id has sent it."""
        return Item(self.item_id, self.ref, self.content, "sent", self.responder, event_id, self.turn, self.size)

    def confirmed(self, item_id: str) -> Item:
        """Return the item as it is once it is in the conversation, under this id."""
        return Item(item_id, self.ref, self.content, "confirmed", self.responder, self.event_id, self.turn, self.size)


@record
class Create:
    """A ``response.create`` that upstream has not answered.

    Args:
        event_id: Ours.
        agent_message: The agent message that it speaks, if any.
        covers: The items that were in the conversation when it was sent, which its response is sure to see.
        ended: The response that had ended last when it was sent.
        unmarked_seen: The items that a response without a mark has seen, which began and ended meanwhile: if the create
            gets no other answer, that response was its answer, and not the API's to a turn.
    """

    event_id: str
    agent_message: AgentMessageGiven | None = None
    covers: tuple[str, ...] = ()
    ended: str = ""
    unmarked_seen: tuple[Item, ...] = ()


@record
class Restored:
    """An item of the record, sent to another link, or taken from it, and unanswered.

    Args:
        event_id: Ours.
        item_id: The item.
        version: That of the entry; None: the item is deleted.
    """

    event_id: str
    item_id: str
    version: int | None = None


@record
class Cancel:
    """A ``response.cancel`` in flight; `because` decides what happens to the items that the response saw."""

    event_id: str
    because: Because


@record
class Response:
    """The response in progress on the default conversation.

    Args:
        response_id: The API's name for it.
        seen: The items that wait for it, so that they can be owed another one if it fails.
        is_ours: It answers a create of ours.
        unproven: The create that it is taken to answer although it carries no mark.
        message: What the client asked it for, so that it can be asked for again if its link is lost.
        turn: The spoken turn that the API answers with it.
        turn_is_over: A turn of the user's ended while it ran.
        passed_over: The turn that the API was expected to answer when this response began instead: one of ours, or the
            answer to an earlier turn.
        missed: A turn that ended while it ran and had begun before: it has neither cut this response off nor been
            answered, as the API does while one runs.
        redundant: It is ours, but what it was to answer has been answered.
        cancel: The cancel that is out for it.
    """

    response_id: str
    seen: tuple[Item, ...] = ()
    is_ours: bool = False
    unproven: Create | None = None
    message: AgentMessageGiven | None = None
    turn: str = ""
    turn_is_over: bool = False
    passed_over: str = ""
    missed: str = ""
    redundant: bool = False
    cancel: Cancel | None = None


@record
class Aside:
    """A client's ``response.create`` out of band that upstream has not answered.

    Args:
        event_id: Its name on the wire.
        behind: The create of ours that was out when it was sent.
    """

    event_id: str
    behind: str = ""


@record
class Passed:
    """An event of a Realtime client's that was passed on.

    Args:
        given: The event; without its bytes where it does not go again on another link.
        awaits: The answer that it waits for.
    """

    given: EventGiven
    awaits: Awaited


@record
class Call:
    """A function call of a response.

    Args:
        call_id: The API's name for it.
        response_id: The response.
        output_index: The call's place in its output.
        ref: The request that gave its result.
        output: Its result; None while there is none.
        is_ours: The proxy calls the function; the client is only shown what comes of it.
        arguments_size: The bytes that its arguments take until then.
    """

    call_id: str
    response_id: str
    output_index: int
    ref: Ref | None = None
    output: str | None = None
    is_ours: bool = False
    arguments_size: int = field(default=0, compare=False, repr=False)

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return self.arguments_size if self.output is None else memory_size(self.output)


@record
class Commit:
    """A commit of ours that upstream has not answered; `ref` is the request behind it, if any."""

    event_id: str
    ref: Ref | None = None


@record
class UserAudio:
    """How far the user's turn is.

    Args:
        speaking: The API detects speech of the user.
        barge_in: The response that the user broke in on with the turn that is not over yet, which creates wait for.
        due: A commit is due.
    """

    speaking: bool = False
    barge_in: str = ""
    due: bool = False


@record
class InputAudio:
    """The user's input audio so far: what is not committed, and the turns in it.

    Args:
        over: The response that ran when the user began to speak.
        stopped: The turn that the API heard end, which it will commit by itself.
        uncommitted: Milliseconds of input audio since the last commit, while the proxy commits.
        heard: Counts the reports of input audio.
        commits: Counts the commits of ours.
    """

    over: str = ""
    stopped: str = ""
    uncommitted: float = 0.0
    heard: int = 0
    commits: int = 0
