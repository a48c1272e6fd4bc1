"""The one thread that reads and writes every socket."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import selectors
import socket
import threading
import time
from collections import deque
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Clock

log = logging.getLogger(__name__)

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

# How many calls are made before sockets and deadlines are looked at again.
_CALLS_A_ROUND = 1_000


class Member(Protocol):
    """Whoever has a socket on the loop. The loop calls all of these on its own thread."""

    def ready(self, events: int) -> None:
        """The socket can be read (`READ`), written (`WRITE`) or both."""

    def broke(self, error: Exception) -> None:
        """A call made for this member raised `error`: end it, and only it."""

    def retire(self) -> None:
        """The loop wants to stop: end in order, soon."""

    def cut(self) -> None:
        """The loop stops now: close the socket."""


class Deadline:
    """One call that the loop owes somebody later. `cancel` on the loop's thread only."""

    __slots__ = ("call", "owner")

    def __init__(self, call: Callable[[], None], owner: Member | None) -> None:
        self.call: Callable[[], None] | None = call
        self.owner = owner

    def cancel(self) -> None:
        """Take it back; one that has passed or was cancelled takes no notice."""
        # Dropping both lets a connection go that is long closed, while its place in the heap waits to come up.
        self.call = None
        self.owner = None


class IoLoop:
    """Waits for sockets and deadlines on one daemon thread, and sleeps when there is nothing to do.

    An exception in a call made for one member is logged and ends that member only. What a process that forks must not
    share is made by `start`.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._members: set[Member] = set()
        self._soon: deque[tuple[Callable[[], None], Member | None]] = deque()
        self._deadlines: list[tuple[float, int, Deadline]] = []
        self._sequence = itertools.count()
        self._lock = threading.Lock()  # guards _awake, _accepting and the writing end of the wake-up pair
        self._awake = True  # as long as there is nobody to wake
        self._accepting = True
        self._stop_at = math.inf
        self._thread = threading.Thread(target=self._run, name="turnstile-io", daemon=True)
        self.now = clock()
        """The time of the latest wake-up: near enough for deadlines, and free."""
        self.wakeups = 0
        """How often the thread has woken up: an idle process does not count on."""

    @cached_property
    def _selector(self) -> selectors.BaseSelector:
        return selectors.DefaultSelector()

    @cached_property
    def _wake(self) -> tuple[socket.socket, socket.socket]:
        pair = socket.socketpair()
        for sock in pair:
            sock.settimeout(0)
        return pair

    @property
    def running(self) -> bool:
        """Whether the loop takes calls; not before `start`'s end, and not after `stop`'s beginning."""
        return self._accepting and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; calls from `call_soon` that came earlier run now."""
        self._selector.register(self._wake[0], READ)
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End every member in order, cut those that are left after `timeout` seconds, and end the thread.

        Must not be called on the loop's own thread; a second call only waits.
        """
        self.call_soon(partial(self._begin_stop, timeout))
        if self._thread.ident is None:
            self._end()
            return
        self._thread.join()

    def call_soon(self, call: Callable[[], None], owner: Member | None = None) -> bool:
        """Run `call` on the loop's thread, in the order asked; from any thread.

        Returns:
            False when the loop has stopped: it will not run.
        """
        with self._lock:
            if not self._accepting:
                return False
            self._soon.append((call, owner))
            if not self._awake:
                self._awake = True
                self._wake[1].send(b"\0")
        return True

    def call_later(
        self, delay: float, call: Callable[[], None], owner: Member | None = None, *, slack: float = 0.0
    ) -> Deadline:
        """Run `call` in `delay` seconds; on the loop's thread only.

        Args:
            delay: Seconds from now.
            call: What to run.
            owner: Who ends if it raises.
            slack: May come this many seconds late, so that many such deadlines share one wake-up.
        """
        when = self._clock() + delay
        if slack > 0:
            when = math.ceil(when / slack) * slack
        deadline = Deadline(call, owner)
        heapq.heappush(self._deadlines, (when, next(self._sequence), deadline))
        return deadline

    def join(self, member: Member) -> None:
        """Count `member` among those that `stop` waits for; on the loop's thread only."""
        self._members.add(member)
        if self._stop_at < math.inf:
            self.call_soon(member.retire, member)

    def leave(self, member: Member) -> None:
        """Forget `member`, whose socket is closed or handed on; on the loop's thread only."""
        self._members.discard(member)

    def watch(self, sock: socket.socket, events: int, member: Member) -> None:
        """Tell `member` when `sock` is ready for `events`, none of them with 0; on the loop's thread only."""
        known = sock in self._selector.get_map()
        if events and known:
            self._selector.modify(sock, events, member)
        elif events:
            self._selector.register(sock, events, member)
        elif known:
            self._selector.unregister(sock)

    def _run(self) -> None:
        self._call_soon_ones()
        while not self._is_over():
            for key, events in self._selector.select(self._sleep()):
                if key.data is None:
                    self._wake[0].recv(64)
                elif key.data in self._members:  # one that an earlier call of this round ended takes no notice
                    self._call(key.data.ready, key.data, events)
            self._awake = True  # what this thread asks of itself needs no wake-up
            self.wakeups += 1
            self.now = self._clock()
            self._call_due()
            self._call_soon_ones()
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._accepting = False
        while self._soon:  # what was promised: a socket on its way here must not be left open
            self._call_soon_ones()
        for member in list(self._members):
            self._call(member.cut, None)
        self._release()

    def _is_over(self) -> bool:
        return self._stop_at < math.inf and (not self._members or self._clock() >= self._stop_at)

    def _sleep(self) -> float | None:
        """Return how long nobody has anything to do, from now on to be woken up; 0 if somebody has."""
        with self._lock:
            self._awake = bool(self._soon)
        return 0.0 if self._awake else self._patience()

    def _patience(self) -> float | None:
        while self._deadlines and self._deadlines[0][2].call is None:
            heapq.heappop(self._deadlines)
        due = min(self._deadlines[0][0] if self._deadlines else math.inf, self._stop_at)
        return None if due == math.inf else max(0.0, due - self._clock())

    def _call_due(self) -> None:
        while self._deadlines and self._deadlines[0][0] <= self.now:
            deadline = heapq.heappop(self._deadlines)[2]
            if deadline.call is not None:
                self._call(deadline.call, deadline.owner)

    def _call_soon_ones(self) -> None:
        """Make the calls that wait, and those that they lead to: between two actors nobody looks at the sockets."""
        soon = self._soon
        for _ in range(_CALLS_A_ROUND):
            if not soon:
                return
            call, owner = soon.popleft()
            self._call(call, owner)

    def _call(self, call: Callable[..., None], owner: Member | None, *arguments: object) -> None:
        try:
            call(*arguments)
        except Exception as error:
            log.exception("a connection ends: a call made for it raised")
            if owner is not None:
                self._break(owner, error)

    def _break(self, member: Member, error: Exception) -> None:
        try:
            member.broke(error)
        except Exception:
            log.exception("a connection is cut: even its end raised")
            self._call(member.cut, None)

    def _begin_stop(self, timeout: float) -> None:
        self._stop_at = self._clock() + timeout
        for member in list(self._members):
            self._call(member.retire, member)

    def _release(self) -> None:
        self._selector.close()
        for sock in self._wake:
            sock.close()
        self._soon.clear()
        self._deadlines.clear()
