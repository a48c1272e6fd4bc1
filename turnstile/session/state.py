"""What a session knows: everything that gates is in `State`, one value, compared by ``!=``.

A fact that makes an event welcome or unwelcome must be in here: what waits is offered again when this changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from turnstile.session.config_patch import at, difference, merged
from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.session.events import AgentMessageGiven, AudioFollows, ConfigRequested, EventGiven, Json, Ref

Link = Literal["closed", "opening", "connected", "waiting", "open", "ended"]
Owed = Literal["ours", "theirs", "later"]
Because = Literal["asked", "stalled", "superfluous"]
Phase = Literal["no link", "updating", "expected", "requested", "in progress", "cancelling", "idle"]
PHASES: tuple[Phase, ...] = ("no link", "idle", "updating", "expected", "requested", "in progress", "cancelling")


@record
class Policy:
    """The limits that a session keeps; times in seconds, audio in milliseconds.

    Args:
        turns: Who begins the response to a spoken turn: the API by itself, or the proxy when the turn is committed.
        is_transparent: The client speaks the API's own language: its events pass as they are, and a response is begun
            only where it asks for one.
        is_shared: Others begin responses in the same upstream session too (``call_id``), so that one without our mark
            is never taken for ours.
        id_prefix: Begins every event and item id of ours; at most 16 characters, since the API takes 32.
        link_timeout: How long a new upstream link may take to say that it is up.
        link_silence: How long it may say nothing before it counts as up all the same; None where it always says so.
        update_timeout: How long a ``session.update`` may stay unanswered.
        create_timeout: How long a ``response.create`` may stay unanswered.
        expected_timeout: How long the API may take to begin the response that it owes a spoken turn.
        response_stall: How long a response may be silent before it counts as stalled.
        cancel_timeout: How long a cancelled response may take to end.
        item_timeout: How long a conversation item may stay unconfirmed.
        commit_timeout: How long a commit may stay unanswered.
        retry_delay: The wait before the second repetition of a refused create; doubles with each further one.
        failure_delay: The wait before a failed response is repeated where the API names none; doubles likewise.
        failure_delay_limit: The longest wait of these.
        create_tries: How often one create, or one update that loses races, is tried in all.
        reconnects: How many lost links in a row are replaced.
        max_held: How many requests may wait.
        max_held_bytes: How many bytes of what a client that speaks the API's own language gives may wait, its updates
            apart.
        max_open_calls: How many function calls may be open.
        max_call_rounds: How many responses in a row may call functions within a turn; the next must do without.
        prompt_limit: How many characters the instructions may have after an addition.
        commit_pause: The proxy commits this long after the last audio...
        commit_enough: ...or this long after there was enough, when audio keeps coming.
        commit_minimum: What is enough for a commit.
        commit_first: What is enough for the first commit of a session.
    """

    turns: Literal["server", "proxy"] = "server"
    is_transparent: bool = False
    is_shared: bool = False
    id_prefix: str = "ts_"
    link_timeout: float = 20.0
    link_silence: float | None = None
    update_timeout: float = 10.0
    create_timeout: float = 10.0
    expected_timeout: float = 5.0
    response_stall: float = 30.0
    cancel_timeout: float = 5.0
    item_timeout: float = 10.0
    commit_timeout: float = 5.0
    retry_delay: float = 0.25
    failure_delay: float = 1.0
    failure_delay_limit: float = 60.0
    create_tries: int = 4
    reconnects: int = 2
    max_held: int = 256
    max_held_bytes: int = 33_554_432
    max_open_calls: int = 64
    max_call_rounds: int = 10
    prompt_limit: int = 25_000
    commit_pause: float = 0.4
    commit_enough: float = 0.6
    commit_minimum: float = 100.0
    commit_first: float = 1000.0


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
        owed: Who has to begin the response that it waits for: we (``ours``), the API, which was heard to end the
            turn (``theirs``), or nobody before the user's turn ends, since the user broke in on the one it had
            (``later``).
        event_id: The event that sent it.
        turn: The turn that was committed when it was first left to the API.
    """

    item_id: str
    ref: Ref | None = None
    content: Json | None = None
    stage: Literal["waiting", "sent", "confirmed"] = "waiting"
    owed: Owed = "ours"
    event_id: str = ""
    turn: str = ""

    def sent(self, event_id: str) -> Item:
        """Return the item as it is once an event of this id has sent it."""
        return Item(self.item_id, self.ref, self.content, "sent", self.owed, event_id, self.turn)

    def confirmed(self, item_id: str) -> Item:
        """Return the item as it is once it is in the conversation, under this id."""
        return Item(item_id, self.ref, self.content, "confirmed", self.owed, self.event_id, self.turn)


@record
class Create:
    """A ``response.create`` that upstream has not answered.

    Args:
        event_id: Ours.
        say: The agent message that it speaks, if any.
        covers: The items that were in the conversation when it was sent, which its response is sure to see.
        ended: The response that had ended last when it was sent.
        rival: What a response without a mark was to answer that began and ended meanwhile: if nothing else is heard of
            the create, that one was its answer, and not the API's to a turn.
    """

    event_id: str
    say: AgentMessageGiven | None = None
    covers: tuple[str, ...] = ()
    ended: str = ""
    rival: tuple[Item, ...] = ()


@record
class Cancel:
    """A ``response.cancel`` that is out; `because` says what becomes of the items that the response saw."""

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
        turn: The spoken turn that the API answers with it.
        turn_is_over: A turn of the user's ended while it ran.
        passed_over: The turn that the API was expected to answer when this response began instead: one of ours, or the
            answer to an earlier turn.
        missed: A turn that ended while it ran and had begun before: it has neither cut this response off nor been
            answered, as the API does while one runs.
        superfluous: It is ours, but what it was to answer has been answered.
        progress: Counts signs of life.
        cancel: The cancel that is out for it.
    """

    response_id: str
    seen: tuple[Item, ...] = ()
    is_ours: bool = False
    unproven: Create | None = None
    turn: str = ""
    turn_is_over: bool = False
    passed_over: str = ""
    missed: str = ""
    superfluous: bool = False
    progress: int = 0
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
class Call:
    """A function call of a response; `output` is None while there is no result.

    `is_ours`: the proxy calls the function; the client is only shown what comes of it.
    """

    call_id: str
    response_id: str
    output_index: int
    ref: Ref | None = None
    output: str | None = None
    is_ours: bool = False


@record
class Commit:
    """A commit of ours that upstream has not answered; `ref` is the request behind it, if any."""

    event_id: str
    ref: Ref | None = None


@record
class Hearing:
    """The user's voice, as far as the session knows of it.

    Args:
        speaking: The API hears the user.
        over: The response that ran when the user began to speak.
        broke_in: The response that the user broke in on with the turn that is not over yet, which creates wait for.
        stopped: The turn that the API heard end, which it will commit by itself.
        uncommitted: Milliseconds of input audio since the last commit, while the proxy commits.
        heard: Counts the reports of input audio.
        commits: Counts the commits of ours.
        due: A commit is due.
    """

    speaking: bool = False
    over: str = ""
    broke_in: str = ""
    stopped: str = ""
    uncommitted: float = 0.0
    heard: int = 0
    commits: int = 0
    due: bool = False


# The type of a session that only writes down what it hears: it has no responses.
TRANSCRIPTION = "transcription"
_DETECTION = ("audio", "input", "turn_detection")
_NOTHING: Json = {}  # changed by nobody, as no configuration is


class _Fields(NamedTuple):
    """What a state holds.

    Args:
        link: The upstream link; ``connected`` before it says that it is up, ``waiting`` for the moment of the next try.
        losses: Links lost in a row.
        is_restoring: The client was told that its link is lost, and not yet that another one does its work.
        model: The model that the link was opened for.
        accepted: The configuration that the client wants, as far as upstream ever took it.
        in_force: What this link's upstream confirmed.
        configured: A first configuration was accepted.
        updates: Requests taken, not yet sent.
        one_by_one: How many of them go alone, since upstream refused them together.
        updating: The unanswered update.
        overtaken: Updates refused in a row after a turn had overtaken them, or for a response that is over.
        update_waits: How many seconds the next update waits; 0 for none.
        late: Answers of updates given up on that may still come.
        response: The response in progress.
        requested: The unanswered create.
        given_up: The last create that was given up on; its response may begin all the same.
        asides: Creates out of band that upstream has not answered.
        ended: The last responses that ended.
        expected: Names the turn whose response the API will begin by itself, when the one in progress is over; "" for
            none.
        earlier: Turns expected to be answered before that one, whose responses have not begun either.
        winner: The response that a refusal has named as running, and that has not begun for all that is known.
        items: Items that no response has seen, in the order given.
        sayings: Agent messages to be spoken, in order.
        lane: Events and responses of a client that speaks the API's own language, in the order given, and the marks of
            the audio between them.
        lane_bytes: How large the events and responses among them are together.
        lane_gap: An event did not fit: the next response that is asked for is not made without it.
        interrupting: The response in progress, or the one about to be, shall be cancelled.
        calls: Function calls whose result has not gone upstream.
        call_rounds: Responses in a row that called functions, within the user's turn; counted up to the bound.
        closed_calls: The last calls that were answered or cancelled, for an honest answer to a late result.
        audio_open: Input audio goes to this link: the configuration that was asked for before it is in force.
        commits: Unanswered commits.
        hearing: The user's voice.
        voice: The agent's voice as upstream last showed it, if it did.
        voice_locked: Assistant audio is in the conversation.
        tries: Creates that failed in a row.
        backing_off: How many seconds the next create waits; 0 for none.
        epoch: Counts the facts that close the gate.
        serial: Counts the ids given out.
    """

    link: Link = "closed"
    losses: int = 0
    is_restoring: bool = False
    model: str | None = None
    accepted: Json = _NOTHING
    in_force: Json = _NOTHING
    configured: bool = False
    updates: tuple[ConfigRequested, ...] = ()
    one_by_one: int = 0
    updating: Update | None = None
    overtaken: int = 0
    update_waits: float = 0.0
    late: int = 0
    response: Response | None = None
    requested: Create | None = None
    given_up: Create | None = None
    asides: tuple[Aside, ...] = ()
    ended: tuple[str, ...] = ()
    expected: str = ""
    earlier: tuple[str, ...] = ()
    winner: str = ""
    items: tuple[Item, ...] = ()
    sayings: tuple[AgentMessageGiven, ...] = ()
    lane: tuple[EventGiven | AgentMessageGiven | AudioFollows, ...] = ()
    lane_bytes: int = 0
    lane_gap: bool = False
    interrupting: bool = False
    calls: tuple[Call, ...] = ()
    call_rounds: int = 0
    closed_calls: tuple[tuple[str, str], ...] = ()
    audio_open: bool = False
    commits: tuple[Commit, ...] = ()
    hearing: Hearing = Hearing()
    voice: Any = None
    voice_locked: bool = False
    tries: int = 0
    backing_off: float = 0.0
    epoch: int = 0
    serial: int = 0


_made = tuple.__new__
_PLACES = {name: place for place, name in enumerate(_Fields._fields)}


class State(_Fields):
    """The whole of a session; a named tuple is compared and changed more quickly than a record of as many fields."""

    __slots__ = ()

    if not TYPE_CHECKING:  # pragma: no branch - the type checker knows the fields of the one that this replaces

        def _replace(self, **changes: Any) -> State:
            """Return a state that differs in some fields, in half the time that a named tuple's own method takes."""
            values = [*self]
            for name, value in changes.items():
                values[_PLACES[name]] = value
            return _made(State, values)

    @property
    def phase(self) -> Phase:
        """The state's one word, for people; where two facts hold at once, the one that ends last."""
        if self.link != "open":
            return "no link"
        if self.response:
            return "cancelling" if self.response.cancel else "in progress"
        if self.requested:
            return "requested"
        if self.expected or self.winner:
            return "expected"
        return "updating" if self.updating else "idle"

    @property
    def gate_is_open(self) -> bool:
        """Whether a ``session.update`` may go: no response is in progress, expected or requested."""
        return (
            self.link == "open"
            and self.response is None
            and self.requested is None
            and not self.expected
            and not self.winner
            and self.updating is None
        )

    @property
    def is_ready(self) -> bool:
        """Whether items may go: the gate is open and the configuration asked for is in force."""
        return self.gate_is_open and self.config_is_in_force

    @property
    def config_is_in_force(self) -> bool:
        """Whether a configuration was asked for, and all that was is in force."""
        return self.configured and not self.updates and (self.in_force is self.accepted or self.is_in_sync)

    @property
    def is_in_sync(self) -> bool:
        """Whether upstream confirmed on this link all that the client has been told is in force."""
        return not difference(self.accepted, self.in_force)

    @property
    def has_owed(self) -> bool:
        """Whether an item in the conversation waits for a response that we have to create."""
        return any(item.owed == "ours" and item.stage == "confirmed" for item in self.items)

    @property
    def running_turn(self) -> str:
        """Why an agent message would talk into a turn, in a word for people; "" where nobody has the turn."""
        if self.response or self.requested or self.expected or self.winner:
            return self.phase
        if self.sayings:
            return "another agent message waits"
        if self.hearing.speaking:
            return "the user is speaking"
        if self.commits:
            return "input audio is being committed"
        return "a message waits for its answer" if any(item.owed != "later" for item in self.items) else ""

    @property
    def api_answers_turns(self) -> bool:
        """Whether the API begins the response to a spoken turn by itself (its default)."""
        if self.in_force.get("type") == TRANSCRIPTION:
            return False
        detection = at(self.in_force, *_DETECTION, default={})
        return detection is not None and bool(at(self.in_force, *_DETECTION, "create_response", default=True))

    @property
    def turns_interrupt(self) -> bool:
        """Whether the user's voice cuts a response off (the API's default)."""
        return bool(at(self.in_force, "audio", "input", "turn_detection", "interrupt_response", default=True))

    @property
    def proxy_commits(self) -> bool:
        """Whether turn detection is off, so that the proxy commits the input audio."""
        return self.link == "open" and at(self.in_force, *_DETECTION, default={}) is None


def with_request(config: Json, request: ConfigRequested) -> Json:
    """Return the configuration that `request` makes of `config`."""
    result = merged(config, request.patch)
    if request.added_prompt:
        before = result.get("instructions") or ""
        result["instructions"] = f"{before}\n\n{request.added_prompt}" if before else request.added_prompt
    return result


def wanted(state: State, requests: tuple[ConfigRequested, ...]) -> Json:
    """Return the configuration that `requests` make of the accepted one."""
    config = state.accepted
    for request in requests:
        config = with_request(config, request)
    return config
