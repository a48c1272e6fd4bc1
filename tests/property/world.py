"""A session between a client and the model of the API, with a referee who knows the promise.

The way is the real one: effects become client events in a queue, the API's events come back in another, are read by
the real `FactReader`, and the stage that stands for the UpstreamActor hands back what a fact has overtaken.
"""

from __future__ import annotations

import math
from collections import deque
from copy import copy
from typing import TYPE_CHECKING

from link_world import Links, ViolationError

from actors.dialects.realtime import RealtimeDialect
from turnstile.protocol.realtime import MARK
from turnstile.session import effects as out
from turnstile.session import events as told
from turnstile.session import journal_notes
from turnstile.session.client_requests import ConfigRequested, FunctionAnswered, TurnEndForced
from turnstile.session.config_patch import merged
from turnstile.session.conversation import Conversation
from turnstile.session.data import Data
from turnstile.session.facts import FactReader
from turnstile.session.fifo import Fifo
from turnstile.session.gate import request_waits_for
from turnstile.session.held_bytes import config_bytes
from turnstile.session.link import renewals
from turnstile.session.link_events import LinkLost, TookOver
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.rules import settle
from turnstile.session.state import Now, State
from turnstile.session.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from api_model import Api

    from turnstile.session.state import Step
    from turnstile.session.waits import Reason

POLICY = Policy(create_tries=8)
# A session that ends when it is idle, and when it has lasted as long as it may.
LIMITED = Policy(create_tries=8, idle_timeout=60.0, max_duration=3600.0)
_COLLISIONS = {"conversation_already_has_active_response"}
# These are drawn, or never fire: the end of a link's lifetime comes when it comes, and an outage is short.
SELDOM = frozenset({"renewal", "latest", "outage", "recovery"})
_ENDS_OF_SPEECH = {"input_audio_buffer.speech_stopped", "input_audio_buffer.committed"}
# The deadlines of the session's lifetime: nothing that it waits for ends them.
LIFETIME = frozenset({"duration", "expiry", "idle"})
# The record of the conversation is charged beside what is held.
_WITHOUT_SIZE = frozenset({str, int, float, bool, dict, type(None), frozenset, Conversation})
_MUTABLE = frozenset({deque, dict, list, set})


class Implementation:
    """The code under proof: the real one, or a mutant of it."""

    def __init__(
        self,
        session: type = Session,
        settle: Callable[[State, Policy], Step | None] = settle,
        reader: type = FactReader,
        dialect: type = RealtimeDialect,
    ) -> None:
        self.session = session
        self.settle = settle
        self.reader = reader
        self.dialect = dialect


REAL = Implementation()


def configured(**changes: object) -> Now:
    """Return the state and the data of a session that is connected and configured, and at rest."""
    config = {"instructions": "Be brief."}
    state = State(link="open", configured=True, audio_open=True, accepted=config, in_force=config)
    return Now(state, Data()).change(**changes)


def _sizes(value: object) -> int:
    """Return the bytes that all requests, items and calls take that are in `value`, wherever they are."""
    size = getattr(value, "size", None)
    if size is not None:
        return size
    parts = value if isinstance(value, tuple | Fifo) else [getattr(value, name) for name in value.__slots__]
    # Most are of the first kind, and asked about in each step.
    return sum([_sizes(one) for one in parts if one.__class__ not in _WITHOUT_SIZE and one])


class World(Links):
    """Everything there is, and what the referee has seen of it.

    Args:
        api: The server.
        code: The session's code.
        policy: The session's limits.
        eager: Facts reach the session as they are read; otherwise they queue, so that commands can be overtaken.
    """

    def __init__(self, api: Api, code: Implementation = REAL, policy: Policy = POLICY, *, eager: bool = True) -> None:
        super().__init__(api, code.reader)
        self.code = code
        self.session = code.session(policy, *configured())
        self.eager = eager
        self.facts: deque[object] = deque()
        self.timers = {deadline.name: deadline.token for deadline in self.session.deadlines}
        self.silence = self.measured = math.inf
        self.calls: tuple[str, ...] = ()
        self.results: tuple[str, ...] = ()
        # What the referee knows; of the wire only what the session was told.
        self.active: str | None = None
        self.aside = ""
        self.expected = ""
        self.passed_over = ""
        self.missed = ""
        self.spoken_over: str | None = None
        self.blocked_by = ""
        self.ended: tuple[str, ...] = ()
        self.requested: str | None = None
        self.updating: str | None = None
        self.unconfirmed: dict[str, str] = {}
        self.shown: dict[str, object] = {}
        self.stopped = ""
        self.speaking = False
        self.commits = 0
        self.asked: list[ConfigRequested] = []
        self.answers: dict[int, bool] = {}
        self.held: dict[int, Reason] = {}
        self.answered_configs: list[int] = []
        self.requests: list[int] = []
        self.heard: tuple[int, ...] = ()
        self.given: list[str] = []
        self.refused_items: set[str] = set()
        self.cancelled: set[str] = set()
        self.agent_messages = 0
        self.in_conversation: frozenset[str] = frozenset()
        self.covered: dict[str, frozenset[str]] = {}
        self.ambiguous: frozenset[str] = frozenset()
        self.asked_before_drain: tuple[int, ...] | None = None
        self.has_expired = self.is_cut_off = self.closed = self.is_telling = False

    def renewed_after(self, lifetime: float, config: dict[str, object]) -> None:
        """Have upstream's sessions end after so many seconds, and others configured like the first."""
        policy, now = self.session.policy, self.session.now
        self.lifetime, self.base = lifetime, config
        self.session = self.code.session(policy, *now.change(renewals=renewals(lifetime, 0, policy)))
        self.timers = {deadline.name: deadline.token for deadline in self.session.deadlines}

    def fork(self) -> World:
        """Return a copy that goes its own way."""
        other, held = World.__new__(World), vars(self)
        # Everything else is a value.
        other.__dict__ = {name: one.copy() if one.__class__ in _MUTABLE else one for name, one in held.items()}
        other.session = self.session.__copy__()
        other.link = self.link.fork()
        other.standby = self.standby and self.standby.fork()
        return other

    def key(self) -> object:
        """Return what two worlds have in common when they will behave alike.

        A plain tuple's repr is quicker than one's with names.
        """
        state, data = self.session.now
        return (
            tuple.__repr__(state),
            tuple.__repr__(data),
            repr(self.session.backlog),
            self.link.key(),
            self.standby and self.standby.key(),
            repr([*self.facts]),
            (self.audio_open, *self.held_frames, self.uncommitted),
            tuple(self.answers.items()),
            self.closed,
            frozenset(self.cancelled),
        )

    # The client.

    def ask(self, request: object) -> None:
        """The client asks for something."""
        self.requests.append(request.ref)
        if isinstance(request, FunctionAnswered):
            self.results += (request.call_id,)
        if isinstance(request, ConfigRequested):
            self.asked.append(request)
        # One inbox for facts and requests: a result comes behind the call that it answers.
        self.facts.append(({"type": "request"}, request))
        if self.eager:
            self.deliver()

    def drain(self) -> None:
        """The proxy shuts down, behind what the client has asked for."""
        self.asked_before_drain = tuple(self.requests)
        self.facts.append(({"type": "request"}, told.DrainRequested()))
        if self.eager:
            self.deliver()

    # The wires.

    def serve(self, step: tuple[Api, list[dict]]) -> None:
        """The API did something."""
        self.link.serve(step)

    def process(self) -> None:
        """The API takes the oldest client event."""
        event = self.up.popleft()
        begun = self.api.begun
        self.serve(self.api.take(event))
        if event.get("is_restored"):
            self._check_gained()
        if self.api.begun > begun and self.api.running:
            known = self.covered.get(event["event_id"], frozenset())
            # On the wire nobody can tell whether such a turn was there before the create or after it.
            self.ambiguous |= frozenset(self.api.running.sees) - known

    def hear(self) -> None:
        """The UpstreamActor reads what came together."""
        for event in self.link.hear():
            if event["type"] == "response.function_call_arguments.done":
                self.calls += (event["call_id"],)
            fact = self.reader.fact(event)
            if fact is not None:
                self._inbox(self._complete(fact), event)

    def _inbox(self, fact: object, event: dict | None = None) -> None:
        self.facts.append((event or {"type": ""}, fact))
        if self.eager and not self.is_telling:
            self.deliver()

    def deliver(self) -> None:
        """The session is told the oldest fact."""
        event, fact = self.facts.popleft()
        self._note(event)
        if event["type"] == "request" and hasattr(fact, "ref"):
            self.heard += (fact.ref,)
        if isinstance(fact, told.SilenceMeasured):
            self.measured, self.silence = fact.seconds, math.inf
        if isinstance(fact, told.HandedBack):
            self._is_back(fact.event_id)
        elif isinstance(fact, LinkLost):
            self._link_lost()
        elif isinstance(fact, TookOver):
            self._took_over()
        self.tell(fact)

    def fire(self, name: str) -> None:
        """A timer runs out."""
        token = self.timers.pop(name)
        if name == "duration":
            self.has_expired = True
            self.asked_before_drain = self.heard
        if name == "latest":
            self.is_latest = True
        if name == "expiry":
            self.is_cut_off = True
        if name == "expected":
            self.expected = ""
        if name == "blocking response":
            self.blocked_by = ""
        self.tell(told.TimerFired(name, token))

    def tell(self, event: object) -> None:
        """Tell the session, and do what it wants done."""
        self.is_telling = True
        for effect in self.session.handle(event):
            self._perform(effect)
        self.is_telling = False
        if self.is_cut_off:  # What is held is lost with the session.
            return
        if self.is_replaced:
            self._check_turn_lost()
            self._check_gained()
        if self.has_expired and not self.closed:
            self._check_expired()
        self._check_rest()
        self._check_reasons()
        self._check_bytes()

    def _check_expired(self) -> None:
        """Check that a session that has lasted as long as it may ends at rest, and otherwise in time."""
        self._must("idle" not in self.timers, "the session has expired, is at rest, and goes on")
        self._must("expiry" in self.timers, "the session has expired, and does not end in time")

    def _check_rest(self) -> None:
        """Check what `Session.handle` relies on when it is told of something that changes nothing."""
        session = self.session
        if session.backlog:
            session = copy(session)
            step = session._backlog._offer_each(session.now)
            changed = (step.now, session.backlog) != (self.session.now, self.session.backlog)
            self._must(not step.effects and not changed, "P3: what was held may go, and did not")
        self._must(self.code.settle(session.now, session.policy) is None, "P3: something is owed, and was not sent")

    def _check_bytes(self) -> None:
        """Check that the bytes counted are those of all that can be found in the session."""
        session, state = self.session, self.session.state
        held = sum(request.size for request in session.backlog) + config_bytes(state) + _sizes((state, session.data))
        self._must(session.held_bytes == held, f"P8: {session.held_bytes} bytes are counted, and {held} are held")

    def _check_reasons(self) -> None:
        """Check that every request that is held was noted with what it waits for, and that it does."""
        session = self.session
        waiting = {request.ref: reason for request, reason in session.waiting()}
        self._must(waiting == self.held, f"held for {waiting}, noted as {self.held}")
        ahead = None
        for request in session.backlog:
            own = request_waits_for(session.state, request, session.policy)
            waits = ahead if ahead and not isinstance(request, ConfigRequested) else own
            ahead = waits if isinstance(request, TurnEndForced) else ahead
            reason = waiting[request.ref]
            self._must(reason.waits == waits, f"request {request.ref} is held for {reason}, and waits for {waits}")
            self._must(self._is_true(reason), f"request {request.ref} is held for {reason}, which is not so")

    def _is_true(self, reason: Reason) -> bool:
        """Tell whether what a request is held for is so, for all that was on the wire."""
        state = self.session.state
        match reason:
            case (Waits.RESPONSE, which):
                return bool(which) and which in {self.active, self.blocked_by}
            case (Waits.CREATE, which):
                # Where no metadata comes back, the session cannot tell whose a response is.
                return which == self.requested or not self.api.echoes
            case (Waits.TURN, which):
                return bool(which or self.commits)
            case (Waits.UPDATE, which):
                return which == self.updating
            case (Waits.CONFIGURATION, _):
                return bool(state.updates) or not state.is_in_sync
            case (Waits.ITEMS, _):
                return bool(self.unconfirmed or state.restoring)
            case (Waits.BACK_OFF, _):
                return bool({"retry", "update retry"} & {*self.timers})
            case (Waits.LINK, _):
                return not self.has_link
            case (Waits.RENEWAL, _):
                return self.standby is not None or self.is_switched
        return False

    # The referee.

    def _note(self, event: dict) -> None:
        self.speaking = self.speaking and event["type"] not in _ENDS_OF_SPEECH
        match event["type"]:
            case "response.created" if event["response"]["conversation_id"] is None:
                self.aside = event["response"]["id"]
            case "response.done" if event["response"]["id"] == self.aside:
                self.aside = ""
            case "response.created":
                self.active, self.blocked_by = event["response"]["id"], ""
                # What nobody can read from the wire, but the model knows.
                create, owes_another = event["truth"]
                if create is not None and create == self.requested:
                    # The API's own may still come, if this one is cut off.
                    self.requested, self.passed_over = None, self.expected
                elif not owes_another:
                    self.expected = ""
            case "response.done" if event["response"]["id"] == self.active:
                self.active = None
                self.ended += (event["response"]["id"],)
                if self.expected in {self.passed_over, self.missed} and event["response"]["status"] != "cancelled":
                    self.expected = ""
                self.passed_over = self.missed = ""
            case "input_audio_buffer.speech_started":
                self.spoken_over, self.speaking = self.active, True
            case "input_audio_buffer.speech_stopped" if self.api.auto:
                self.expected = self.stopped = event["item_id"]
                if self.active and self.spoken_over != self.active:
                    self.missed = event["item_id"]
            case "input_audio_buffer.speech_stopped":
                self.stopped = event["item_id"]
            case "input_audio_buffer.committed":
                if self.commits and event["item_id"] != self.stopped:
                    self.commits -= 1
                elif self.api.auto:
                    self.expected = event["item_id"]
            case "session.updated":
                self.updating, self.shown = None, event["session"]
            case "conversation.item.added":
                self.in_conversation |= {event["item"]["id"]}
                self.unconfirmed = {key: item for key, item in self.unconfirmed.items() if item != event["item"]["id"]}
            case "error":
                self._note_error(event["error"])
                self._note_refused_item(event.get("truth"))
            case "of standby":
                self._note_standby(event["event"], event["generation"])

    def _note_error(self, error: dict) -> None:
        event_id, code = error["event_id"], error["code"]
        if self.requested and (event_id == self.requested or (event_id is None and code in _COLLISIONS)):
            self.requested = None
            self._note_winner(error)
        elif self.updating and self._refuses_update(error):
            self.updating = None
            self._note_winner(error)

    def _note_refused_item(self, event_id: str | None) -> None:
        if event_id in self.unconfirmed:
            self.refused_items.add(self.unconfirmed.pop(event_id))

    def _refuses_update(self, error: dict) -> bool:
        if error["event_id"] is not None:
            return error["event_id"] == self.updating
        return error["code"] in _COLLISIONS or (error["param"] or "").startswith("session")

    def _note_winner(self, error: dict) -> None:
        running = error["message"].rpartition(" ")[2].rstrip(".")
        if error["code"] in _COLLISIONS and self.active is None and running not in self.ended:
            self.blocked_by = running

    def _forget_wire(self) -> None:
        """What was on the way is lost with its link."""
        self.active = self.spoken_over = self.requested = self.updating = None
        self.expected = self.passed_over = self.missed = self.blocked_by = self.stopped = ""
        self.ended, self.unconfirmed, self.commits, self.speaking = (), {}, 0, False
        self.shown = dict(self.api.config)

    def _is_back(self, event_id: str) -> None:
        if self.requested == event_id:
            self.requested = None
        if self.updating == event_id:
            self.updating = None

    def _perform(self, effect: object) -> None:
        match effect:
            case out.SendUpdate(event_id, patch, epoch):
                self._gate_is_open("an update")
                self.updating = event_id
                self._send(epoch, {"type": "session.update", "event_id": event_id, "session": patch})
            case out.SendCreate(event_id, response, epoch):
                self._gate_is_open("a create")
                self._must(not self.unconfirmed, "P6: a create left before its items were confirmed")
                self._must(not self.commits, "P6: a create left before the input audio was committed")
                self.requested = event_id
                self.covered = {**self.covered, event_id: self.in_conversation}
                metadata = {MARK: event_id}
                create = {
                    "type": "response.create",
                    "event_id": event_id,
                    "response": {**response, "metadata": metadata},
                }
                self._send(epoch, create)
            case out.SendItem(event_id, item):
                self._link_takes("an item")
                self.unconfirmed[event_id] = item["id"]
                # One that a lost link has not confirmed goes again.
                self.given = [given for given in self.given if given != item["id"]]
                self.given.append(item["id"])
                self.link.send({"type": "conversation.item.create", "event_id": event_id, "item": item})
            case out.SendCancel(event_id, response_id):
                self.cancelled.add(response_id)
                self.link.send({"type": "response.cancel", "event_id": event_id, "response_id": response_id})
            case out.SendCommit(event_id):
                self._link_takes("a commit")
                self.commits += 1
                self.uncommitted = 0
                self.link.send({"type": "input_audio_buffer.commit", "event_id": event_id})
            case out.Answered(ref, problem, in_force):
                self._answered(ref, ok=problem is None and in_force)
            case out.SetDeadlines(deadlines):
                self.timers = {deadline.name: deadline.token for deadline in deadlines}
            case journal_notes.Held(refs, reason):
                self.held |= dict.fromkeys(refs, reason)
            case journal_notes.Noted("released", detail):
                del self.held[int(detail[1:])]
            case out.MeasureSilence(token):
                self.facts.append(({"type": "silence"}, told.SilenceMeasured(token, self.silence)))
            case out.CloseAtRest(problem) if problem and problem.code == "idle_timeout":
                self.closed = True
                self._must(self.measured >= self.session.policy.idle_timeout, "the session ended, and was heard")
                if self.asked_before_drain is None:
                    self.asked_before_drain = self.heard
                self._check_drained()
            case out.CloseAtRest():
                self.closed = True
                self._check_drained()
            case out.EndSession() if self.is_cut_off:
                self.closed = True
            case out.EndSession(problem):
                raise ViolationError(f"P7: the session ended by itself: {problem}")
            case _:
                self._perform_on_links(effect)

    def _send(self, epoch: int, event: dict) -> None:
        if epoch < self.epoch:
            self.facts.append(({"type": "handed back"}, told.HandedBack(event["event_id"])))
        else:
            self.link.send(event)

    def _link_takes(self, what: str) -> None:
        self._must(self.has_link, f"P6: {what} left where there was no link")
        is_kept = not self.session.state.switching
        self._must(is_kept, f"P6: {what} left on a link that was about to be replaced")

    def _gate_is_open(self, what: str) -> None:
        self._link_takes(what)
        self._must(self.active is None, f"P1: {what} left while {self.active} was in progress")
        self._must(not self.expected, f"P1: {what} left while a response was expected")
        self._must(not self.blocked_by, f"P1: {what} left while {self.blocked_by} was known to be active")
        self._must(self.requested is None, f"P1: {what} left while a response was requested")
        self._must(self.updating is None, f"P1: {what} left while an update was unanswered")

    def _answered(self, ref: int, *, ok: bool) -> None:
        self._must(ref not in self.answers, f"P2: request {ref} was answered twice")
        self.answers[ref] = ok
        config = next((request for request in self.asked if request.ref == ref), None)
        if config is None:
            return
        self.answered_configs.append(ref)
        order = [request.ref for request in self.asked]
        self._must(self.answered_configs == order[: len(self.answered_configs)], "P2: answers came out of order")
        self._must(ok or config.patch.get("bad"), f"P2: update {ref} was lost to a race")
        if ok:
            # One that was merged with a later one may have been overruled by it already.
            later = [request.patch for request in self.asked if request.ref >= ref]
            for name in config.patch:
                values = [patch[name] for patch in later if name in patch]
                self._must(self.shown.get(name) in values, f"P2: {name} was acknowledged before it was in force")

    # The end.

    def settle(self) -> None:
        """Let everything come to rest, and ask whether all was kept."""
        for _ in range(2_000):
            if self.closed:
                return
            if self.facts:
                self.deliver()
            elif self.down:
                self.hear()
            elif self.up:
                self.process()
            elif self.standby and self.standby.stage != "lost" and self._advance_standby():
                pass
            elif not self.link.is_up:
                self._fire_first()
            elif self.api.transcribing:
                self.serve(self.api.transcribe())
            elif self.api.speaking and self.audio_open:
                self.serve(self.api.silence())
            elif self.api.running:
                self.serve(self.api.progress())
            elif self.api.owed:
                self.serve(self.api.answer())
            elif self.api.aside:
                self.serve(self.api.end_aside())
            elif open_calls := [call_id for call_id in self.calls if call_id not in self.results]:
                # The client answers every call in the end.
                self.ask(FunctionAnswered(1_000 + len(self.requests), open_calls[0], "4"))
            elif self._waits():
                self._fire_first()
            elif "idle" in self.timers:
                self.fire("idle")
            else:
                self.check_end()
                return
        raise ViolationError("P7: the session does not come to rest")

    def _advance_standby(self) -> bool:
        """Let the standby come up, and be told what it is told; tell whether there was anything to do."""
        assert self.standby
        if self.standby.stage in {"opening", "connected"}:
            (self.connect if self.standby.stage == "opening" else self.open)()
        elif self.standby.down:
            self.hear_standby()
        elif self.standby.up:
            self.process_standby()
        else:
            return False
        return True

    def _waits(self) -> set[str]:
        return self.timers.keys() - LIFETIME - SELDOM

    def _fire_first(self) -> None:
        self._must(self._waits(), "P7: nothing is waited for, and there is no link")
        self.fire(min(self._waits()))

    def check_end(self) -> None:
        """Check what must hold when nothing moves any more."""
        state = self.session.state
        self._must(self.asked_before_drain is None, "the session is drained, and does not end")
        self._must(not self.session.policy.idle_timeout, "the session is idle, and does not end")
        self._must(state.phase == "idle", f"P7: the gate stays shut: {state.phase}")
        self._check_links()
        self._must(not self.session.backlog, f"P3: {len(self.session.backlog)} requests are held for ever")
        unanswered = [ref for ref in self.requests if ref not in self.answers]
        self._must(not unanswered, f"P2: requests {unanswered} were never answered")
        self._check_config()
        self._check_items()
        self._check_replies()

    def _check_drained(self) -> None:
        """Check that a drained session ends at a moment of rest, with all settled that came before."""
        turn = self.active or self.requested or self.expected or self.blocked_by or self.commits
        self._must(not turn and not self.speaking, f"the session was drained in a turn: {turn}")
        self._must(not self.aside, f"the session was drained in a response out of band: {self.aside}")
        sent = self.updating or self.unconfirmed
        self._must(not sent, f"the session was drained while {sent} was unanswered")
        unanswered = [ref for ref in self.asked_before_drain if ref not in self.answers]
        self._must(not unanswered, f"P2: requests {unanswered} were not answered before the end")
        if not (self.facts or self.down or self.up or self.api.running or self.api.owed):
            self._check_config()
            self._check_items()
            self._check_replies()

    def _check_config(self) -> None:
        wanted: dict[str, object] = {}
        for request in self.asked:
            if self.answers[request.ref]:
                wanted = merged(wanted, request.patch)
        in_force = dict(self.api.config)
        for name, value in wanted.items():
            self._must(in_force.get(name) == value, f"P2: {name} is not in force at the end")

    def _check_items(self) -> None:
        # What one link has refused to restore, the next may take.
        absent = self.refused_items | (self.left_out - {*self.api.items})
        sent = [item for item in self.given if item not in absent]
        arrived = [item for item in self.api.items if not item.startswith("turn_")]
        self._must(arrived == sent, f"P5: given {sent}, arrived {arrived}")

    def _check_replies(self) -> None:
        answered: set[str] = set()
        for response_id, status, saw in self.api.finished:
            if response_id in self.cancelled and self.agent_messages:
                # An interruption of the host's may leave the interrupted question unanswered.
                answered |= set(saw)
            if status not in {"completed", "incomplete"}:
                continue
            is_new = bool(set(saw) - answered)
            # Nobody can tell a turn that was answered with the one before from one that was passed over, nor whose a
            # response is where no metadata comes back, nor what somebody else's has seen.
            api = self.api
            unknown = (api.merges and not api.interrupts) or not api.echoes or api.strangers > 0
            spared = (
                self.agent_messages > 0 or unknown or response_id in self.cancelled or bool(set(saw) & self.ambiguous)
            )
            self._must(is_new or spared, f"P4: {response_id} answered what was answered already")
            answered |= set(saw)
        if any(item_id.startswith("item_call") for item_id in self.left_out):
            return  # Nothing follows a result that upstream cannot take.
        unheard = [item for item in self.api.items if item not in answered | self.left_out]
        self._must(not unheard, f"P4: no response saw {unheard}")
