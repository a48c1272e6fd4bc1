"""One connection of the simulator: client events in, server events out, in virtual time.

No thread, no socket, no clock; all chance comes from the seed.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

from turnstile.simulator import api_errors, handshake_errors, lone_surrogates, schema_errors, settings
from turnstile.simulator.client_events import ClientEvents
from turnstile.simulator.context import SessionContext
from turnstile.simulator.conversation_items import Conversation
from turnstile.simulator.faults import NO_FAULTS, Pace
from turnstile.simulator.ids import Ids
from turnstile.simulator.input_buffer import InputBuffer
from turnstile.simulator.log import SimulatorLog
from turnstile.simulator.outbox import BROKEN, Outbox
from turnstile.simulator.quirks import NO_QUIRKS
from turnstile.simulator.response_engine import ResponseEngine
from turnstile.simulator.scenario import Run

if TYPE_CHECKING:
    from turnstile.protocol.frames import Closed, Frame
    from turnstile.simulator.api_errors import ApiError
    from turnstile.simulator.faults import Faults
    from turnstile.simulator.log import ReceivedItem
    from turnstile.simulator.quirks import Quirks
    from turnstile.simulator.scenario import Scenario

Json = dict[str, Any]

LIFETIME: Final = 3600.0
_AUTH_CLOSE: Final = 3000
_REQUEST_CLOSE: Final = 4000
_EXPIRED_CLOSE: Final = 1001
_DEFAULT_PACE: Final = Pace()
_MOST_SCHEDULED: Final = 1000
_CREATED_AT: Final = 1_780_000_000
_WHOLE_SECONDS_FROM: Final = 60.0


class SimulatedSession:
    """A Realtime session as the API keeps it.

    Its driver hands in each client frame with the time, and sends the frames that are due when they are.

    Args:
        scenario: The scenario that it follows.
        model: The model of the connection.
        seed: The seed of all chance: ids, jitter.
        now: The present, in seconds from any zero.
        faults: The faults to inject.
        quirks: The differences from the recorded API.
        pace: How long things take.
        lifetime: Seconds until the session expires.
        created_at: The present in Unix time, for the session object's `expires_at`: whole seconds as in the API, with
            milliseconds if it expires within a minute.
        rejection: Refuses the connection: this error, then the end, and nothing before.
        is_beta: It speaks the beta protocol, and takes no other.
        transcribes: It is a transcription session.
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
        created_at: float = _CREATED_AT,
        rejection: ApiError | None = None,
        is_beta: bool = False,
        transcribes: bool = False,
    ) -> None:
        random = Random(seed)  # noqa: S311 - to be repeatable is the point
        ids = Ids(random)
        self.log = SimulatorLog()
        self._outbox = Outbox(now, ids, random, pace, faults, quirks, self.log, is_beta=is_beta)
        first = _with_fixed(settings.initial(model, ids.make("sess"), _expires_at(created_at, lifetime)), quirks)
        self._context = SessionContext(
            settings.for_transcription(first) if transcribes else first,
            Conversation(ids.make("conv")),
            Run(scenario),
            self._outbox,
            ids,
            random,
            faults,
            quirks,
            self.log,
            scenario.interleaved,
        )
        self._responses = ResponseEngine(self._context)
        input_buffer = InputBuffer(self._context, self._responses)
        self._client_events = ClientEvents(self._context, self._responses, input_buffer, is_beta=is_beta)
        self.log.unreached = self._context.run.unreached()
        self._frames = 0
        self._lifetime = lifetime
        self._rejection = rejection or handshake_errors.on_demand(faults, model)
        self._begin()

    @property
    def closing(self) -> Closed | None:
        """How the simulator ends the link, once all that is due before was handed out; else None."""
        return self._outbox.closed

    @property
    def is_busy(self) -> bool:
        """Whether so much waits for its time that the client's next frames should wait, too."""
        return self._outbox.scheduled > _MOST_SCHEDULED

    @property
    def kept_bytes(self) -> int:
        """The bytes of its log and of its conversation."""
        return self.log.bytes + self._context.conversation.bytes

    @property
    def settings(self) -> Json:
        """The session object in force. Not to be changed."""
        return self._context.session

    @property
    def conversation(self) -> list[ReceivedItem]:
        """The items of the default conversation in their order, the model's too; after the end as they were then."""
        return [item.as_received for item in list(self._context.conversation.items)]

    @property
    def input_audio(self) -> bytes:
        """The input audio that was appended, as it came: the latest `keep_audio` bytes."""
        return bytes(self.log.audio)

    def next_due(self) -> float | None:
        """Return the time of the next thing to do, None when there is none."""
        return self._outbox.next_time

    def due(self, now: float) -> list[Frame]:
        """Return the frames whose time has come, in their order, each once.

        Args:
            now: The present; it never goes back.
        """
        self._outbox.advance(now)
        return self._outbox.take()

    def receive(self, data: bytes, now: float) -> None:
        """Take one text frame of the client, whatever its content.

        Args:
            data: The frame.
            now: The present; it never goes back.
        """
        self._outbox.advance(now)
        if self._rejection is not None or self.closing is not None:
            return
        self._client_events.take(lone_surrogates.loads(data))
        self._frames += 1
        if self._frames == self._context.faults.disconnect_after_events:
            self._outbox.close(self._context.faults.disconnect_code)

    def receive_binary(self, data: bytes, now: float) -> None:
        """Refuse one binary frame; the link stays open.

        Args:
            data: The frame.
            now: The present; it never goes back.
        """
        self._outbox.advance(now)
        if self._rejection is None and self.closing is None:
            error = schema_errors.binary_frame()
            self._client_events.refuse(error, f"a binary frame of {len(data)} bytes", None)

    def expire(self, now: float) -> None:
        """Expire now, as at the end of its lifetime: ``session_expired``, then a close with 1001.

        Args:
            now: The present; it never goes back.
        """
        self._outbox.advance(now)
        if self._rejection is None and self.closing is None:
            self._expire()

    def disconnect(self, now: float, code: int = BROKEN, behind: str | None = None) -> None:
        """End the link on demand.

        Args:
            now: The present; it never goes back.
            code: The close code; 1006 stands for a link that breaks.
            behind: The type of the next event to send, which the end comes right behind; None: before all that is due.
        """
        if behind is None:
            self._outbox.end_now(code)  # what is due by now and was not handed out is lost, too
        else:
            self._outbox.advance(now)
            self._outbox.end_at(behind, code)

    def end(self) -> None:
        """Forget all but the log and the conversation: the link has ended."""
        self._outbox.clear()
        self._responses.forget()

    def _begin(self) -> None:
        if self._rejection is not None:
            self._reject(self._rejection)
            return
        self._outbox.hold_answers(self._context.faults.opening_delay)
        self._send_first_event()
        self._outbox.schedule(self._outbox.now + self._lifetime, self._expire)

    def _send_first_event(self) -> None:
        """Send the event that comes before the client's first."""
        match self._context.quirks.opening:
            case "session.created":
                self._client_events.show_session("session.created")
            case "conversation.created":
                conversation = {"id": self._context.conversation.id, "object": "realtime.conversation"}
                self._outbox.answer({"type": "conversation.created", "conversation": conversation})
            case "nothing":
                pass

    def _reject(self, error: ApiError) -> None:
        """Refuse the connection as the API does: the error, then a close whose reason names it."""
        is_key = error.code in {"invalid_api_key", None}
        self._outbox.refuse(error, None)
        reason = error.type if error.code is None else f"{error.type}.{error.code}"
        self._outbox.close(_AUTH_CLOSE if is_key else _REQUEST_CLOSE, reason)

    def _expire(self) -> None:
        error = api_errors.session_expired(self._lifetime)
        self._outbox.refuse(error, None)
        self._outbox.close(_EXPIRED_CLOSE, error.message)


def _expires_at(created_at: float, lifetime: float) -> float:
    """Return the Unix time at which a session expires."""
    return int(created_at + lifetime) if lifetime >= _WHOLE_SECONDS_FROM else round(created_at + lifetime, 3)


def _with_fixed(session: Json, quirks: Quirks) -> Json:
    return settings.updated(session, {"type": session["type"], **quirks.in_force}, spoken=False, busy=False)
