"""The one thread that reads and writes every socket."""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from collections import deque
from functools import cached_property, partial
from threading import get_ident
from typing import TYPE_CHECKING

from turnstile.transports.loop_deadlines import Deadline, Deadlines
from turnstile.transports.poll import READ, Poller, make_poller

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Clock
    from turnstile.transports.member import Member

log = logging.getLogger(__name__)

# How many sockets are served before calls and deadlines are looked at again, and how many calls before sockets are.
# Few sockets: what was read is worked on while it is in the processor's cache, and nobody waits for many others' reads.
_SOCKETS_A_ROUND = 16
_CALLS_A_ROUND = 1_000


class IoLoop:
    """Waits for sockets and deadlines on one daemon thread, and sleeps when there is nothing to do.

    An exception in a call made for one member is logged and ends that member only.

    Args:
        clock: Seconds that only go forward.
        make_poller: Makes what watches the sockets.
    """

    def __init__(self, clock: Clock = time.monotonic, make_poller: Callable[[], Poller] = make_poller) -> None:
        self._clock = clock
        self._make_poller = make_poller
        self._members: set[Member] = set()
        self._watched: dict[int, Member] = {}
        self._soon: deque[tuple[Callable[[], None], Member | None]] = deque()
        self._deadlines = Deadlines()
        self._lock = threading.Lock()  # for other threads than the loop's: they wake it one at a time
        self._awake = True  # as long as there is nobody to wake
        self._accepting = True
        self._stop_at = math.inf
        self._thread = threading.Thread(target=self._run, name="turnstile-io", daemon=True)
        self._ident = 0
        self.now = clock()
        """The time of the latest wake-up: near enough for deadlines, and free."""
        self.wakeups = 0
        """How often the thread has woken up: an idle process does not count on."""

    @cached_property
    def _poller(self) -> Poller:
        return self._make_poller()

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
        self.prepare()
        self._thread.start()

    def prepare(self) -> None:
        """Make what a process that forks must not share; for who makes the rounds itself, by `step`."""
        self._poller.register(self._wake[0].fileno(), READ)

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
        if get_ident() == self._ident:  # which is awake, and alone ends the accepting
            if self._accepting:
                self._soon.append((call, owner))
            return self._accepting
        with self._lock:
            if not self._accepting:
                return False
            self._soon.append((call, owner))
            if not self._awake:
                self._awake = True
                self._wake[1].send(b"\0")
        return True

    def waker(
        self, call: Callable[[], None], otherwise: Callable[[Callable[[], None]], object]
    ) -> Callable[[], object]:
        """Return what asks for one and the same `call` as `call_soon` does, for who asks again and again.

        Args:
            call: Is made on the loop's thread.
            otherwise: Is given the call when the loop has stopped.
        """
        entry, soon, call_soon = (call, None), self._soon, self.call_soon

        def wake() -> None:
            if get_ident() == self._ident and self._accepting:
                soon.append(entry)
            elif not call_soon(call):
                otherwise(call)

        return wake

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
        self._deadlines.add(when, deadline)
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
        descriptor = sock.fileno()
        if not events:
            if self._watched.pop(descriptor, None) is not None:
                self._poller.unregister(descriptor)
            return
        (self._poller.modify if descriptor in self._watched else self._poller.register)(descriptor, events)
        self._watched[descriptor] = member

    def step(self, at_most: float | None = None) -> bool:
        """Make one round: wait until somebody has something to do, and have it done.

        Args:
            at_most: Seconds to wait; None for as long as it takes.

        Returns:
            Whether a socket was ready, or a call still waits.
        """
        # Who asks for a call from elsewhere puts it in before looking at `_awake`: either sees the other.
        self._awake = False
        self._awake = bool(self._soon)
        timeout = 0.0 if self._awake else self._deadlines.left(self._clock)
        if at_most is not None and (timeout is None or at_most < timeout):
            timeout = at_most
        ready = self._poller.poll(timeout, _SOCKETS_A_ROUND)
        self._awake = True  # what this thread asks of itself needs no wake-up
        self.wakeups += 1
        self.now = self._clock()
        for descriptor, events in ready:
            member = self._watched.get(descriptor)
            if member is None:  # the loop's own, or one that an earlier call of this round ended
                self._take_wake_up(descriptor)
                continue
            try:
                member.ready(events)
            except Exception as error:  # noqa: BLE001 - logged there
                self._broken(member, error)
        while self.now >= self._deadlines.earliest:
            deadline = self._deadlines.take()
            if deadline.call is not None:
                self._call(deadline.call, deadline.owner)
        if self._soon:
            self._call_soon_ones()
        return bool(ready or self._soon)

    def _run(self) -> None:
        self._ident = get_ident()
        while self._stop_at == math.inf or (self._members and self._clock() < self._stop_at):
            self.step()
        self._end()

    def _take_wake_up(self, descriptor: int) -> None:
        if descriptor == self._wake[0].fileno():
            self._wake[0].recv(64)

    def _end(self) -> None:
        with self._lock:
            self._accepting = False
        while self._soon:  # what was promised: a socket on its way here must not be left open
            self._call_soon_ones()
        for member in list(self._members):
            self._call(member.cut, None)
        self._release()

    def _call_soon_ones(self) -> None:
        """Make the calls that wait, and those that they lead to: between two actors nobody looks at the sockets."""
        soon = self._soon
        for _ in range(_CALLS_A_ROUND):
            if not soon:
                return
            call, owner = soon.popleft()
            try:
                call()
            except Exception as error:  # noqa: BLE001 - logged there
                self._broken(owner, error)

    def _call(self, call: Callable[[], None], owner: Member | None) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - logged there
            self._broken(owner, error)

    def _broken(self, member: Member | None, error: Exception) -> None:
        """Log that a call raised `error`, and end the member that it was made for."""
        log.error("a connection ends: a call made for it raised", exc_info=error)
        if member is None:
            return
        try:
            member.broke(error)
        except Exception:
            log.exception("a connection is cut: even its end raised")
            self._call(member.cut, None)

    def _begin_stop(self, timeout: float) -> None:
        self._stop_at = self._clock() + timeout
        self.call_later(timeout, lambda: None)  # wakes the loop in time
        for member in list(self._members):
            self._call(member.retire, member)

    def _release(self) -> None:
        self._poller.close()
        self._watched.clear()
        for sock in self._wake:
            sock.close()
        self._soon.clear()
        self._deadlines.clear()
