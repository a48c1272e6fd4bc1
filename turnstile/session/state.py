"""The state of a session, which gates; its data beside it (`data`); and the step from one moment to the next.

A fact that makes an event welcome or unwelcome belongs into `State`: what is held is offered again when that changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from turnstile.session.config_patch import at, difference
from turnstile.session.data import Data
from turnstile.session.gate import update_waits_for
from turnstile.session.in_flight import UserAudio
from turnstile.session.record import record
from turnstile.session.waits import Waits

if TYPE_CHECKING:
    from typing import Unpack

    from turnstile.session.changes import Changes
    from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, Json
    from turnstile.session.effects import Effect
    from turnstile.session.in_flight import Commit, Create, Item, Response, Restored, Update

Link = Literal["closed", "opening", "connected", "open", "lost", "ended"]
Switching = Literal["", "due", "pausing", "paused", "leaving"]
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
