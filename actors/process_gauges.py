"""What is measured of one process at the moment of a scrape, and what it counts apart from its sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.observability.process_figures import process_figures
from turnstile.transports.loop_lag import LoopLag

if TYPE_CHECKING:
    from actors.admission import ClientAdmission
    from actors.journaling import Journaling
    from actors.sessions import Sessions
    from turnstile.byte_budget import ProcessBudget
    from turnstile.observability.figures import Figures
    from turnstile.ports import Clock
    from turnstile.server.refusals import Refusals
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.transports.loop import IoLoop


class ProcessGauges:
    """The gauges of a process, and the counters that no session has; all looked up when asked, from any thread.

    Args:
        loop: Its lag is measured from the first question on.
        clock: A monotonic clock, in seconds.
        slot: The slot of this worker process; knows when any of them has reached upstream.
        sessions: The open sessions.
        budget: Counts what they hold.
        admission: Knows how many may be open.
        refusals: Counts the clients that are refused.
        journaling: Counts what recordings and streams lack.
    """

    def __init__(
        self,
        loop: IoLoop,
        clock: Clock,
        slot: WorkerSlot,
        sessions: Sessions,
        budget: ProcessBudget,
        admission: ClientAdmission,
        refusals: Refusals,
        journaling: Journaling,
    ) -> None:
        self._lag = LoopLag(loop, clock)
        self._slot = slot
        self._sessions = sessions
        self._budget = budget
        self._admission = admission
        self._refusals = refusals
        self._journaling = journaling

    def figures(self) -> Figures:
        """Return them, by the keys of `turnstile.observability.figures`."""
        worker, lag = str(self._slot.number), self._lag.measured()
        return {
            "sessions_limit": self._admission.max_sessions,
            "handshakes_open": self._slot.own_handshakes,
            "refusals": self._refusals.counts,
            **self.room(),
            "held_bytes": {worker: self._budget.held},
            "held_bytes_limit": {worker: self._budget.limit},
            "loop_lag_seconds": {worker: lag.latest},
            "loop_lag_max_seconds": {worker: lag.worst},
            "journal_entries_lost": self._journaling.lost,
            "recording_failures": self._journaling.failures,
            **process_figures(worker),
        }

    def room(self) -> Figures:
        """Return those figures that say whether clients are welcome; asking for them costs nothing more."""
        worker = str(self._slot.number)
        return {
            "full": {worker: int(self._admission.is_full)},
            "draining": {worker: int(self._sessions.are_draining)},
            "upstream_last_success": self._slot.last_reached,
            "upstream_last_failure": self._slot.last_unreached,
        }
