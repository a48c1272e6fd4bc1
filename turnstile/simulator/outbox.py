"""What goes out and when: frames and things to do, in the order of their time."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Final

from turnstile.protocol.beta import beta_server_event
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.simulator.json_text import dumped
from turnstile.simulator.quirks import without_field

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from turnstile.protocol.frames import Frame
    from turnstile.simulator.api_errors import Refusal
    from turnstile.simulator.faults import Faults, Pace
    from turnstile.simulator.ids import Ids
    from turnstile.simulator.log import SimulatorLog
    from turnstile.simulator.quirks import Quirks

Json = dict[str, Any]

FOREVER: Final = float("inf")


class Wire:
    """The outgoing side of one session, in virtual time.

    Answers to the client keep their order whatever else is sent between them.

    Args:
        now: The present, in seconds.
        ids: For the ids of events.
        random: For jitter.
        pace: How long things take.
        faults: For slowness.
        quirks: For what events lack, and the frames that they come in.
        log: Counts what is sent.
        is_beta: The client is spoken to in the words of the beta.
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
        self._quirks = quirks
        self._log = log
        self._is_beta = is_beta
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._answered = now
        self._frames: list[Frame] = []

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Do something at a time, behind all that is already to be done then."""
        self._count += 1
        heapq.heappush(self._agenda, (max(time, self.now), self._count, action))

    def run(self, now: float) -> None:
        """Let time go on to `now`, and do what there is to do until then."""
        while self._agenda and self._agenda[0][0] <= now and self.closed is None:
            time, _, action = heapq.heappop(self._agenda)
            self.now = time
            action()
        self.now = max(now, self.now)

    @property
    def next_time(self) -> float | None:
        """When there is something to send or to do; None when nothing is, or the link has ended."""
        if self._frames:
            return self.now
        return self._agenda[0][0] if self._agenda and self.closed is None else None

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
            event: Without its id; it is written down now, whatever becomes of the objects in it.
            late: Seconds by which it may fall behind later answers.
        """
        frame = self._packed(event)
        self.answer_with(lambda: self._emit(frame), late)

    def answer_with(self, action: Callable[[], None], late: float = 0.0) -> None:
        """Do something in the place of an answer, with the delay that an answer has.

        Args:
            action: What sends it.
            late: Seconds by which it may fall behind later answers.
        """
        self._answered = max(self._answered, self.now + self.pace.answer * self.wobble() + self._slow)
        self.at(self._answered + late, action)

    def refuse(self, refusal: Refusal, event_id: str | None, late: float = 0.0) -> None:
        """Answer with an `error` event."""
        self.answer({"type": "error", "error": refusal.error(event_id)}, late)

    def close(self, code: int, reason: str) -> None:
        """End the link behind the answers that are due until then."""
        self._answered = max(self._answered, self.now)
        self.at(self._answered, lambda: self._end(Closed(code, reason)))

    @property
    def answers_until(self) -> float:
        """When the last answer so far leaves."""
        return max(self._answered, self.now)

    def wobble(self) -> float:
        """Return a random factor around 1, as far from it as the pace's jitter allows."""
        return 1 + self.pace.jitter * (2 * self._random.random() - 1) if self.pace.jitter else 1.0

    def _end(self, closed: Closed) -> None:
        self.closed = closed

    def _packed(self, event: Json) -> tuple[str, bytes] | None:
        """Return an event's type and its frame; None for one that the beta does not have."""
        told = beta_server_event(event) if self._is_beta else event
        if told is None:
            return None
        event, kind = told, told["type"]
        for path in self._quirks.left_out:
            event = without_field(event, path)
        body = {key: value for key, value in event.items() if key != "type"}
        return kind, dumped({"type": kind, "event_id": self._ids.make("event"), **body})

    def _emit(self, frame: tuple[str, bytes] | None) -> None:
        if frame is None:
            return
        kind, data = frame
        self._log.sent[kind] = self._log.sent.get(kind, 0) + 1
        if self._quirks.noise_bytes:
            self._frames.append(BinaryFrame(bytes(self._quirks.noise_bytes)))
        self._frames.append(BinaryFrame(data) if self._quirks.binary_events else TextFrame(data))
