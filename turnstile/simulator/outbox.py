"""The outgoing frames of a session and its scheduled actions, in the order of their time."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Final

from turnstile.protocol.beta_events import beta_server_event
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.simulator import lone_surrogates
from turnstile.simulator.faults import SentEvent
from turnstile.simulator.quirks import without_field

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from turnstile.protocol.frames import Frame
    from turnstile.simulator.api_errors import ApiError
    from turnstile.simulator.faults import Faults, Pace
    from turnstile.simulator.ids import Ids
    from turnstile.simulator.log import SimulatorLog
    from turnstile.simulator.quirks import Quirks

Json = dict[str, Any]

BROKEN: Final = 1006
"""The close code that stands for a link that breaks, without a close frame."""
DISCONNECTED: Final = "disconnected on demand"


class Outbox:
    """The outgoing side of one session, in virtual time.

    Answers to the client keep their order, whatever else is sent between them.

    Args:
        now: The present, in seconds.
        ids: For the ids of events.
        random: For jitter.
        pace: How long things take.
        faults: For slowness, and the event that the link ends behind.
        quirks: For the fields that events lack, and the kind of their frames.
        log: Counts the events sent.
        is_beta: The client speaks the beta protocol.
    """

    def __init__(
        self,
        now: float,
        ids: Ids,
        random: Random,
        pace: Pace,
        faults: Faults,
        quirks: Quirks,
        log: SimulatorLog,
        *,
        is_beta: bool = False,
    ) -> None:
        self.now = now
        self.pace = pace
        self.closed: Closed | None = None
        self._ids = ids
        self._random = random
        self._slow = faults.slow
        self._disconnect_at = faults.disconnect_at
        self._disconnect_code = faults.disconnect_code
        self._quirks = quirks
        self._log = log
        self._is_beta = is_beta
        self._scheduled: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._last_answer = now
        self._frames: list[Frame] = []

    def schedule(self, time: float, action: Callable[[], None]) -> None:
        """Call `action` at a time, behind all that is scheduled for it already."""
        self._count += 1
        heapq.heappush(self._scheduled, (max(time, self.now), self._count, action))

    def advance(self, now: float) -> None:
        """Move time on to `now`, and call what is scheduled until then."""
        while self._scheduled and self._scheduled[0][0] <= now and self.closed is None:
            time, _, action = heapq.heappop(self._scheduled)
            self.now = time
            action()
        self.now = max(now, self.now)

    def clear(self) -> None:
        """Forget what is scheduled and what is to be sent: the link has ended."""
        self._scheduled.clear()
        self._frames.clear()

    @property
    def scheduled(self) -> int:
        """How many actions wait for their time."""
        return len(self._scheduled)

    @property
    def next_time(self) -> float | None:
        """The time of the next frame or action; None when there is none, or the link has ended."""
        if self._frames:
            return self.now
        return self._scheduled[0][0] if self._scheduled and self.closed is None else None

    def take(self) -> list[Frame]:
        """Return the frames to send now, each once."""
        frames, self._frames = self._frames, []
        return frames

    def send(self, event: Json) -> None:
        """Send an event at once."""
        self._emit(self._packed(event))

    def answer(self, event: Json, late: float = 0.0) -> None:
        """Send an event as an answer: a little later, behind the answers before it.

        Args:
            event: Without its id; serialized now, whatever changes in its objects later.
            late: Seconds by which it may fall behind later answers.
        """
        frame = self._packed(event)
        self.answer_with(lambda: self._emit(frame), late)

    def answer_with(self, action: Callable[[], None], late: float = 0.0) -> None:
        """Call `action` in the place of an answer, with an answer's delay.

        Args:
            action: Sends the answer.
            late: Seconds by which it may fall behind later answers.
        """
        self._last_answer = max(self._last_answer, self.now + self.pace.answer * self.jitter() + self._slow)
        self.schedule(self._last_answer + late, action)

    def answer_item_added(self, previous_item_id: str | None, item: Json) -> None:
        """Send the two events of an item that is added whole.

        Args:
            previous_item_id: The id of the item before it.
            item: The item as the client sees it.
        """
        for kind in ("conversation.item.added", "conversation.item.done"):
            self.answer({"type": kind, "previous_item_id": previous_item_id, "item": item})

    def refuse(self, error: ApiError, event_id: str | None, late: float = 0.0) -> None:
        """Answer with an `error` event."""
        self.answer({"type": "error", "error": error.error_object(event_id)}, late)

    def hold_answers(self, seconds: float) -> None:
        """Let no answer from now on leave earlier than so many seconds from now."""
        self._last_answer = max(self._last_answer, self.now + seconds)

    def end_at(self, event: str, code: int) -> None:
        """End the link right behind the next event of a type.

        Args:
            event: The type.
            code: The close code; 1006 stands for a link that breaks.
        """
        self._disconnect_at = SentEvent(event, self._log.sent.get(event, 0) + 1)
        self._disconnect_code = code

    def end_now(self, code: int, reason: str = DISCONNECTED) -> None:
        """End the link before all that is due."""
        if self.closed is None:
            self.clear()
            self._end(Closed(code, reason))

    def close(self, code: int, reason: str = DISCONNECTED) -> None:
        """End the link behind the answers that are due until then."""
        self._last_answer = max(self._last_answer, self.now)
        self.schedule(self._last_answer, lambda: self._end(Closed(code, reason)))

    @property
    def last_answer_time(self) -> float:
        """When the last answer so far leaves."""
        return max(self._last_answer, self.now)

    def jitter(self) -> float:
        """Return a random factor around 1, as far from it as the pace's jitter allows."""
        return 1 + self.pace.jitter * (2 * self._random.random() - 1) if self.pace.jitter else 1.0

    def _end(self, closed: Closed) -> None:
        self.closed = closed

    def _packed(self, event: Json) -> tuple[str, bytes] | None:
        """Return an event's type and its frame; None for one that the beta does not have."""
        translated = beta_server_event(event) if self._is_beta else event
        if translated is None:
            return None
        event, kind = translated, translated["type"]
        for path in self._quirks.left_out:
            event = without_field(event, path)
        body = {key: value for key, value in event.items() if key != "type"}
        return kind, lone_surrogates.dumps({"type": kind, "event_id": self._ids.make("event"), **body})

    def _emit(self, frame: tuple[str, bytes] | None) -> None:
        if frame is None or self.closed is not None:
            return
        kind, data = frame
        self._log.sent[kind] = self._log.sent.get(kind, 0) + 1
        if self._quirks.noise_bytes:
            self._frames.append(BinaryFrame(bytes(self._quirks.noise_bytes)))
        self._frames.append(BinaryFrame(data) if self._quirks.binary_events else TextFrame(data))
        if self._disconnect_at == SentEvent(kind, self._log.sent[kind]):
            self._end(Closed(self._disconnect_code, DISCONNECTED))
