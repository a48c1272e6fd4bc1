"""The state of a session, which gates; its data, which does not; and the step from one moment to the next.

A fact that makes an event welcome or unwelcome belongs into `State`: what is held is offered again when that changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from turnstile.session.config_patch import at, difference
from turnstile.session.conversation import Conversation
from turnstile.session.fifo import Fifo
from turnstile.session.gate import update_waits_for
from turnstile.session.in_flight import InputAudio, UserAudio
from turnstile.session.record import record
from turnstile.session.waits import Waits

if TYPE_CHECKING:
    from typing import Unpack

    from turnstile.session.changes import Changes
    from turnstile.session.client_requests import AgentMessageGiven, AudioFollows, ConfigRequested, EventGiven, Json
    from turnstile.session.deadlines import Deadline
    from turnstile.session.effects import Effect
    from turnstile.session.in_flight import Aside, Call, Commit, Create, Item, Passed, Response, Restored, Update
    from turnstile.session.link_events import LinkLost
    from turnstile.session.standby import Standby

Link = Literal["closed", "opening", "connected", "open", "lost", "ended"]
Switching = Literal["", "pausing", "paused", "leaving"]
Phase = Literal["no link", "updating", "expected", "requested", "in progress", "cancelling", "idle"]
PHASES: tuple[Phase, ...] = ("no link", "idle", "updating", "expected", "requested", "in progress", "cancelling")
_PHASES: dict[Waits | None, Phase] = {
    Waits.LINK: "no link",
    Waits.CREATE: "requested",
    Waits.TURN: "expected",
    Waits.RESPONSE: "expected",  # One that has not begun: see `State.phase`.
    Waits.UPDATE: "updating",
}
# The type of a session that only transcribes input audio: it has no responses.
TRANSCRIPTION = "transcription"
_DETECTION = ("audio", "input", "turn_detection")
_NOTHING: Json = {}  # never changed in place, like every configuration


class _StateFields(NamedTuple):
    """What gates.

    Args:
        link: The upstream link; ``connected`` before it says that it is up, ``lost`` until a standby takes over.
        switching: How far a standby is that takes over from a link that is open (`renewal`); "": none does.
        accepted: The configuration that the client wants, as far as upstream ever took it.
        in_force: What this link's upstream confirmed.
        configured: A first configuration was accepted.
        updates: Requests taken, not yet sent.
        updating: The unanswered update.
        update_delay: How many seconds the next update waits; 0 for none.
        response: The response in progress.
        requested: The unanswered create.
        expected: The turn whose response the API will begin by itself, after the one in progress; "" for none.
        blocked_by: The response that a refusal has named as running, and that has not begun for all that is known.
        items: Items that no response has seen, in the order given.
        agent_messages: Agent messages to be spoken, in order.
        interrupting: The response in progress, or the one about to be, shall be cancelled.
        audio_open: Input audio goes to this link: the configuration that was asked for before it is in force.
        commits: Unanswered commits.
        user_audio: Whether the user has the turn.
        create_delay: How many seconds the next create waits; 0 for none.
        restoring: What was sent of the conversation to a link in use and is unanswered.
    """

    link: Link = "closed"
    switching: Switching = ""
    accepted: Json = _NOTHING
    in_force: Json = _NOTHING
    configured: bool = False
    updates: tuple[ConfigRequested, ...] = ()
    updating: Update | None = None
    update_delay: float = 0.0
    response: Response | None = None
    requested: Create | None = None
    expected: str = ""
    blocked_by: str = ""
    items: tuple[Item, ...] = ()
    agent_messages: tuple[AgentMessageGiven, ...] = ()
    interrupting: bool = False
    audio_open: bool = False
    commits: tuple[Commit, ...] = ()
    user_audio: UserAudio = UserAudio()
    create_delay: float = 0.0
    restoring: tuple[Restored, ...] = ()


class Data(NamedTuple):
    """Data that are only counted or remembered: a change of them releases no held request.

    Args:
        standby: The link that is prepared to be the next.
        generation: How many standbys there were.
        has_opened: A link of the session was open.
        outage: The loss that the session has not recovered from, by the generation of then; 0 for none.
        losses: Links lost, or tried in vain, in a row.
        is_restoring: The loss of the link was reported to the client, and not yet that another one replaces it.
        restored: The items that the link in use has from the record, since they were said on one before it.
        told_lost: How much the client was told that cannot be restored.
        loss: The last loss of a link, or of a standby.
        renewals: The deadlines by which another link takes over, since the session of the one in use ends.
        has_uncommitted: Input audio is on the link that only the proxy or the client will commit.
        speeches: Counts the beginnings of speech.
        modalities: The kinds of output as upstream last showed them, if it did.
        locked: The last request for another voice that came too late.
        model: The model that the link was opened for.
        one_by_one: How many of them go alone, since upstream refused them together.
        update_tries: Updates refused in a row after a turn had overtaken them, or for a response that is over.
        late: Answers of updates given up on that may still come.
        given_up: The last create that was given up on; its response may begin all the same.
        asides: Creates out of band that upstream has not answered.
        asides_running: Responses out of band in progress: a drained session waits for them.
        unanswered: Events of a Realtime client's that upstream has not answered, in order...
        unanswered_bytes: ...and how large they are together.
        ended: The last responses that ended.
        earlier: Turns expected to be answered before that one, whose responses have not begun either.
        passthrough_queue: Events and responses of a Realtime client, and the marks of audio between them, in order.
        passthrough_audio: How many of them are marks, or about the audio before them.
        passthrough_creates: How many of them are responses.
        passthrough_bytes: How large the events and responses among them are together.
        passthrough_dropped: An event did not fit: the next response that is asked for is not made without it.
        conversation: The record of the conversation, for another link.
        calls: Function calls whose result has not gone upstream.
        call_rounds: Responses in a row that called functions, within the user's turn; counted up to the bound.
        closed_calls: The last calls that were answered or cancelled, for an honest answer to a late result.
        voice: The agent's voice as upstream last showed it, if it did.
        voice_locked: Assistant audio is in the conversation.
        tries: Creates that failed in a row.
        epoch: Counts the facts that close the gate.
        input_audio: What was heard of the user.
        follow_up_due: The last response called functions that a Realtime client answers itself; no other has begun.
        is_draining: The proxy shuts down, or the session has expired: it ends as soon as nothing is unfinished.
        has_expired: The session has lasted as long as it may.
        activity: Counts what was said, asked or answered, while a session that is idle for too long ends.
        silence: For how many seconds nothing had been heard or played when that was last measured.
        progress: Counts the signs of life of responses.
        serial: Counts the ids given out.
    """

    standby: Standby | None = None
    generation: int = 0
    has_opened: bool = False
    outage: int = 0
    losses: int = 0
    is_restoring: bool = False
    restored: frozenset[str] = frozenset()
    told_lost: int = 0
    loss: LinkLost | None = None
    renewals: tuple[Deadline, ...] = ()
    has_uncommitted: bool = False
    speeches: int = 0
    modalities: Any = None
    locked: ConfigRequested | None = None
    model: str | None = None
    one_by_one: int = 0
    update_tries: int = 0
    late: int = 0
    given_up: Create | None = None
    asides: tuple[Aside, ...] = ()
    asides_running: tuple[str, ...] = ()
    unanswered: tuple[Passed, ...] = ()
    unanswered_bytes: int = 0
    ended: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    passthrough_queue: Fifo[EventGiven | AgentMessageGiven | AudioFollows] = Fifo()
    passthrough_audio: int = 0
    passthrough_creates: int = 0
    passthrough_bytes: int = 0
    passthrough_dropped: bool = False
    conversation: Conversation = Conversation()
    calls: tuple[Call, ...] = ()
    call_rounds: int = 0
    closed_calls: tuple[tuple[str, str], ...] = ()
    voice: Any = None
    voice_locked: bool = False
    tries: int = 0
    epoch: int = 0
    input_audio: InputAudio = InputAudio()
    follow_up_due: bool = False
    is_draining: bool = False
    has_expired: bool = False
    activity: int = 0
    silence: float = 0.0
    progress: int = 0
    serial: int = 0


_made = tuple.__new__
_PLACES = {name: (0, place) for place, name in enumerate(_StateFields._fields)} | {
    name: (1, place) for place, name in enumerate(Data._fields)
}


class State(_StateFields):
    """Everything that the gate depends on: held requests are offered again when it has changed, by ``!=``."""

    __slots__ = ()

    @property
    def phase(self) -> Phase:
        """One word for the state, for people to read; if two apply, the one that ends last."""
        waits = update_waits_for(self)
        if waits is Waits.RESPONSE and self.response:
            return "cancelling" if self.response.cancel else "in progress"
        return _PHASES.get(waits, "idle")

    @property
    def is_in_sync(self) -> bool:
        """Whether upstream confirmed on this link all that was acknowledged to the client."""
        return not difference(self.accepted, self.in_force)

    @property
    def has_owed(self) -> bool:
        """Whether an item in the conversation waits for a response that we have to create."""
        return any(item.responder == "proxy" and item.stage == "confirmed" for item in self.items)

    @property
    def api_answers_turns(self) -> bool:
        """Whether the API begins the response to a spoken turn by itself (its default)."""
        if self.in_force.get("type") == TRANSCRIPTION:
            return False
        detection = at(self.in_force, *_DETECTION, default={})
        return detection is not None and bool(at(self.in_force, *_DETECTION, "create_response", default=True))

    @property
    def turns_interrupt(self) -> bool:
        """Whether the user's speech cancels a response (the API's default)."""
        return bool(at(self.in_force, "audio", "input", "turn_detection", "interrupt_response", default=True))

    @property
    def proxy_commits(self) -> bool:
        """Whether turn detection is off, so that the proxy commits the input audio."""
        return self.link == "open" and at(self.in_force, *_DETECTION, default={}) is None


class Now(NamedTuple):
    """A session at one moment: its state, and its data beside it."""

    state: State
    data: Data

    def change(self, **changes: Unpack[Changes]) -> Now:
        """Return what differs in these fields of the state or the data."""
        copies: list[list[Any] | None] = [None, None]
        for name, value in changes.items():
            part, place = _PLACES[name]
            copy = copies[part]
            if copy is None:
                copy = copies[part] = [*self[part]]
            copy[place] = value
        state = self.state if copies[0] is None else _made(State, copies[0])
        return _made(Now, (state, self.data if copies[1] is None else _made(Data, copies[1])))


@record
class Step:
    """The outcome of a decision.

    Args:
        now: The state and the data after it.
        effects: What shall be done, in this order.
        waits: What the event waits for: it is held, and offered again when the state has changed.
    """

    now: Now
    effects: tuple[Effect, ...] = ()
    waits: Waits | None = None
