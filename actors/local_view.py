"""What operators see of the sessions of one process, and how they steer them (`turnstile.inspector.view`)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from actors.inspection import snapshots
from actors.session_json import counted, in_short, link, standing, summary
from actors.steering_outcomes import steer
from turnstile.observability.readiness import unready

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.messages import Snapshot
    from actors.session_actors import SessionDependencies
    from actors.sessions import Sessions
    from turnstile.observability.figures import Figures
    from turnstile.observability.watching import Watch

Json = dict[str, Any]

# Within how many seconds all sessions that are asked must answer, together: in a worker, its parent waits for 2.
_ANSWER_WITHIN = 1.5


class LocalView:
    """The sessions of one proxy, for operators; all methods may block, and be called from any thread.

    Args:
        sessions: The open sessions.
        around: What these share.
        gauges: Returns what is measured of this process.
        room: Returns the ones of these that say whether clients are welcome.
        may_call: Returns whether the proxy may call a function at a URL.
        watch: Returns the journal of a session from now on.
    """

    def __init__(
        self,
        sessions: Sessions,
        around: SessionDependencies,
        gauges: Callable[[], Figures],
        room: Callable[[], Figures],
        may_call: Callable[[str], bool],
        watch: Callable[[str], Watch | None],
    ) -> None:
        self._sessions = sessions
        self._around = around
        self._counting = threading.Lock()  # many who count at once would keep the interpreter from the I/O thread
        self._gauges = gauges
        self._room = room
        self._may_call = may_call
        self._watch = watch

    def counts(self) -> Figures:
        """Return what is counted and measured of this process."""
        with self._counting:
            return {**self._sessions.counts.snapshot(), **self._gauges()}

    def unready(self) -> list[str]:
        """Return why no client should be sent here now; empty where clients are welcome."""
        return unready(self._room(), self._around.wall_clock())

    def snapshots(self, timeout: float) -> dict[str, Snapshot]:
        """Return a snapshot of each session that answers within so many seconds."""
        asked = snapshots(self._sessions.open, timeout, self._around.clock)
        return {name: snapshot for name, snapshot in asked.items() if snapshot is not None}

    def sessions(self) -> list[Json]:
        """Return the open sessions, in short; what does not answer in time has the state ``no answer``."""
        running = self._sessions.open
        stand = snapshots(running, _ANSWER_WITHIN, self._around.clock)
        now, wall = self._around.clock(), self._around.wall_clock()
        shown = []
        for name, snapshot in stand.items():
            shown.append(in_short(running[name], now, wall) | summary(standing(snapshot, now), running[name].journal))
        return shown

    def session(self, session_id: str) -> Json | None:
        """Return one session, in full; None where it is not open."""
        running = self._sessions.open.get(session_id)
        if running is None:
            return None
        stand = snapshots({session_id: running}, _ANSWER_WITHIN, self._around.clock)
        if session_id not in stand:
            return None
        now, wall = self._around.clock(), self._around.wall_clock()
        shown = in_short(running, now, wall) | standing(stand[session_id], now)
        return shown | {"link": link(running.journal, shown.get("link"), now), "counts": counted(running.journal)}

    def events(self, session_id: str) -> Watch | None:
        """Return the journal of a session from now on; None where it is not open.

        Raises:
            SessionError: As many streams are open as may be.
        """
        return self._watch(session_id)

    def give(self, session_id: str, message: Json, timeout: float) -> Json | None:
        """Give a session a message as its host could; return its outcome, None where it is not open.

        Args:
            session_id: The session's id.
            message: A message in the words of the Voice Agent protocol, or ``{"type": "End"}``.
            timeout: Seconds to wait for it to be in force.

        Returns:
            ``{"done": True}``, or ``{"done": False, "code": ..., "description": ...}``.
        """
        steering = self._sessions.steering(session_id)
        return steer(steering, message, self._may_call, timeout) if steering is not None else None
