"""One connection of the simulator: client events in, server events out, in virtual time.

No thread, no socket, no clock; all chance comes from the seed.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

from turnstile.simulator import api_errors, settings
from turnstile.simulator.api_errors import Refusal
from turnstile.simulator.beta import in_beta_words, in_current_words
from turnstile.simulator.context import Desk
from turnstile.simulator.conversation_items import Conversation, client_item
from turnstile.simulator.faults import NO_FAULTS, Pace
from turnstile.simulator.ids import Ids
from turnstile.simulator.input_buffer import Listening
from turnstile.simulator.json_text import parsed
from turnstile.simulator.log import BrokenRule, ReceivedItem, SimulatorLog
from turnstile.simulator.nulls import absent_marked, without_absent
from turnstile.simulator.outbox import Wire
from turnstile.simulator.quirks import NO_QUIRKS, rewritten, without_fixed
from turnstile.simulator.response_engine import Speaking
from turnstile.simulator.scenario import Run
from turnstile.simulator.schema import check_event

if TYPE_CHECKING:
    from turnstile.protocol.frames import Closed, Frame
    from turnstile.simulator.faults import Faults
    from turnstile.simulator.quirks import Quirks
    from turnstile.simulator.scenario import Scenario

Json = dict[str, Any]

LIFETIME: Final = 3600.0
AUTH_CLOSE: Final = 3000
REQUEST_CLOSE: Final = 4000
EXPIRED_CLOSE: Final = 1001
_DEFAULT_PACE: Final = Pace()
_SOME_DAY: Final = 1_780_000_000


class SimulatedSession:
    """A Realtime session as the API keeps it.

    Whoever drives it hands in each client frame with the time, and sends what is due when it is due.

    Args:
        scenario: What is answered.
        model: The model of the connection.
        seed: Of all chance: ids, jitter.
        now: The present, in seconds from any zero.
        faults: What goes wrong.
        quirks: What differs from the recorded API.
        pace: How long things take.
        lifetime: Seconds until the session expires.
        created_at: The present in Unix time, for the session object's `expires_at`.
        rejection: Refuses the connection: this error, then the end, and nothing before.
        is_beta: It speaks the words of the beta, and takes no others.
        transcribes: It only writes down what it hears.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        model: str,
        seed: int,
        now: float,
        faults: Faults = NO_FAULTS,
        quirks: Quirks = NO_QUIRKS,
        pace: Pace = _DEFAULT_PACE,
        lifetime: float = LIFETIME,
        created_at: int = _SOME_DAY,
        rejection: Refusal | None = None,
        is_beta: bool = False,
        transcribes: bool = False,
    ) -> None:
        random = Random(seed)  # noqa: S311 - to be repeatable is the point
        ids = Ids(random)
        self.log = SimulatorLog()
        self._is_beta = is_beta
        self._wire = Wire(now, ids, random, pace, faults, quirks, self.log, is_beta=is_beta)
        initial = settings.initial(model, ids.make("sess"), created_at + int(lifetime))
        first = _with_fixed(initial, quirks)
        self._desk = Desk(
            settings.for_transcription(first) if transcribes else first,
            Conversation(ids.make("conv")),
            Run(scenario),
            self._wire,
            ids,
            random,
            faults,
            quirks,
            self.log,
            scenario.interleaved,
        )
        self._speaking = Speaking(self._desk)
        self._listening = Listening(self._desk, self._speaking)
        self._speaking.on_done = self._listening.expect_user
        self.log.unreached = self._desk.run.unreached()
        self._events = 0
        self._refused = rejection or (api_errors.invalid_api_key() if faults.refused_key else None)
        if self._refused is not None:
            self._reject(self._refused)
            return
        self._open()
        self._wire.at(now + lifetime, lambda: self._expire(round(lifetime / 60)))

    @property
    def closing(self) -> Closed | None:
        """How the simulator wants to end the link, once all that is due before was handed out; else None."""
        return self._wire.closed

    @property
    def settings(self) -> Json:
        """The session object in force. Not to be changed."""
        return self._desk.session

    def next_due(self) -> float | None:
        """Return the time of the next thing to do, None when there is none."""
        return self._wire.next_time

    def due(self, now: float) -> list[Frame]:
        """Return the frames whose time has come, in their order, each once.

        Args:
            now: The present; it never goes back.
        """
        self._wire.run(now)
        return self._wire.take()

    def receive(self, data: bytes, now: float) -> None:
        """Take in one text frame of the client, whatever is in it.

        Args:
            data: The frame.
            now: The present; it never goes back.
        """
        self._wire.run(now)
        if self._refused is not None or self.closing is not None:
            return
        self._take(parsed(data))
        self._events += 1
        if self._events == self._desk.faults.disconnect_after_events:
            self._wire.close(self._desk.faults.disconnect_code, "disconnected on demand")

    def receive_binary(self, data: bytes, now: float) -> None:
        """Take in one binary frame: refused, but nothing ends by it.

        Args:
            data: The frame.
            now: The present; it never goes back.
        """
        self._wire.run(now)
        if self._refused is None and self.closing is None:
            self._refuse(api_errors.binary_frame(), f"a binary frame of {len(data)} bytes", None)

    def _take(self, event: Any) -> None:
        kind = event_id = None
        if isinstance(event, dict):
            kind, event_id = _string(event.get("type")), _string(event.get("event_id"))
        if self._is_beta:
            try:
                event = in_current_words(event)
            except Refusal as newer:
                self._refuse(newer, kind, event_id)
                return
        try:
            kind = check_event(event)
            nth = self.log.received[kind] = self.log.received.get(kind, 0) + 1
            fault = self._desk.faults.refusal(kind, nth)
            if fault is not None:
                refusal = Refusal(fault.code, "Refused on demand.", type=fault.type, echoes=fault.echoes)
                self._refuse(refusal, kind, event_id, injected=True)
                return
            self._act(kind, without_absent(absent_marked(event)))
        except Refusal as refusal:
            self._refuse(in_beta_words(refusal) if self._is_beta else refusal, kind, event_id)

    def _act(self, kind: str, event: Json) -> None:
        running = self._speaking.active
        if running is not None and kind in self._desk.quirks.refused_mid_response:
            raise api_errors.collision(running.id)
        match kind:
            case "input_audio_buffer.append":
                self._listening.append(event["audio"])
            case "input_audio_buffer.commit":
                self._listening.commit()
            case "input_audio_buffer.clear":
                self._listening.clear()
            case "session.update":
                self._update(event["session"])
            case "response.create":
                self._speaking.create(event.get("response") or {})
            case "response.cancel":
                self._speaking.cancel(event.get("response_id"))
            case "conversation.item.create":
                self._add(event["item"], event.get("previous_item_id"))
            case _:
                self._work_on(kind, event["item_id"], event)

    def _update(self, patch: Json) -> None:
        desk = self._desk
        desk.session = settings.updated(
            desk.session,
            without_fixed(patch, desk.quirks.in_force),
            spoken=self._speaking.has_spoken,
            busy=self._speaking.is_busy,
        )
        self.log.updates.append(patch)
        self._listening.changed()
        if self.log.updates_applied not in desk.faults.lost_updated:
            self._show("session.updated")
        if desk.faults.update_cuts_speech:
            self._speaking.interrupt("client_cancelled")

    def _open(self) -> None:
        """Send what comes before the client has sent anything."""
        match self._desk.quirks.opening:
            case "session.created":
                self._show("session.created")
            case "conversation.created":
                conversation = {"id": self._desk.conversation.id, "object": "realtime.conversation"}
                self._wire.answer({"type": "conversation.created", "conversation": conversation})
            case "nothing":
                pass

    def _show(self, kind: str) -> None:
        session = settings.shown(self._desk.session)
        shown = rewritten(session) if self._desk.quirks.rewritten_session else session
        self._wire.answer({"type": kind, "session": shown})

    def _add(self, spec: Json, previous_item_id: str | None) -> None:
        conversation = self._desk.conversation
        if self._desk.quirks.own_item_ids:
            spec = {name: value for name, value in spec.items() if name != "id"}
        conversation.check_new(spec, previous_item_id)
        item = client_item(spec, spec.get("id") or self._desk.ids.make("item"))
        previous = conversation.add(item, previous_item_id)
        role, call_id = item.view.get("role"), item.view.get("call_id")
        self.log.items.append(ReceivedItem(item.id, item.type, role, item.text, call_id))
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._wire.answer({"type": kind, "previous_item_id": previous, "item": item.view})

    def _work_on(self, kind: str, item_id: str, event: Json) -> None:
        conversation = self._desk.conversation
        match kind:
            case "conversation.item.delete":
                conversation.delete(item_id)
                self._wire.answer({"type": "conversation.item.deleted", "item_id": item_id})
            case "conversation.item.retrieve":
                item = conversation.find(item_id, "retrieve")
                self._wire.answer({"type": "conversation.item.retrieved", "item": item.view})
            case _:
                index, end = event["content_index"], event["audio_end_ms"]
                conversation.truncate(item_id, index, end)
                self._wire.answer(
                    {
                        "type": "conversation.item.truncated",
                        "item_id": item_id,
                        "content_index": index,
                        "audio_end_ms": end,
                    }
                )

    def _refuse(self, refusal: Refusal, kind: str | None, event_id: str | None, *, injected: bool = False) -> None:
        self.log.note_broken(BrokenRule(refusal.code, refusal.message, kind, event_id, injected))
        late = self._desk.faults.late_empty_commit if refusal.code == api_errors.COMMIT_EMPTY else 0.0
        self._wire.refuse(refusal, event_id, late)

    def _reject(self, refusal: Refusal) -> None:
        """Refuse the connection as the API does: the error, then a close whose reason names it."""
        key = refusal.code in {"invalid_api_key", None}
        self._wire.refuse(refusal, None)
        reason = refusal.type if refusal.code is None else f"{refusal.type}.{refusal.code}"
        self._wire.close(AUTH_CLOSE if key else REQUEST_CLOSE, reason)

    def _expire(self, minutes: int) -> None:
        refusal = api_errors.session_expired(minutes)
        self._wire.refuse(refusal, None)
        self._wire.close(EXPIRED_CLOSE, refusal.message)


def _with_fixed(session: Json, quirks: Quirks) -> Json:
    return settings.updated(session, {"type": session["type"], **quirks.in_force}, spoken=False, busy=False)


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None
