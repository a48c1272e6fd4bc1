"""The one thread that reads and writes every socket."""

from __future__ import annotations

import math
import threading
import time
from functools import cached_property, partial
from threading import get_ident
from typing import TYPE_CHECKING

from turnstile.transports.loop_calls import LoopCalls
from turnstile.transports.loop_timers import TimerHandle, TimerHeap
from turnstile.transports.poll import READ, Poller, make_poller
from turnstile.transports.socket_handler import call_for, end_failed
from turnstile.transports.wakeup_pipe import WakeupPipe

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from turnstile.ports import Clock
    from turnstile.transports.socket_handler import SocketHandler

# How many sockets are served before calls and timers are again.
# Few: what was read is handled while it is in the processor's cache, before many others are read.
_SOCKETS_A_ROUND = 16


class IoLoop:
    """Serve sockets and timers on one daemon thread, which sleeps when there is nothing to do.

    An exception in a call made for one handler, `SystemExit` too, is logged and ends that handler only.

    Args:
        clock: Seconds that only go forward.
        make_poller: Makes the poller that watches the sockets.
    """

    def __init__(self, clock: Clock = time.monotonic, make_poller: Callable[[], Poller] = make_poller) -> None:
        self._clock = clock
        self._make_poller = make_poller
        self._handlers: set[SocketHandler] = set()
        self._watched: dict[int, SocketHandler] = {}
        self._calls = LoopCalls(_SOCKETS_A_ROUND)
        self._soon = self._calls.soon
        self._next_round = self._calls.next_round
        self._timers = TimerHeap()
        self._lock = threading.Lock()  # for other threads than the loop's: they wake it one at a time
        self._awake = True  # as long as no thread needs to be woken
        self._accepting = True
        self._stop_at = math.inf
        self._thread = threading.Thread(target=self._run, name="turnstile-io", daemon=True)
        self._ident = 0
        self.now = clock()
        """The time of the latest wake-up: exact enough for keepalive, and free."""
        self.wakeups = 0
        """How often the thread has woken up; constant while the process is idle."""

    @cached_property
    def _poller(self) -> Poller:
        return self._make_poller()

    @cached_property
    def _wakeup_pipe(self) -> WakeupPipe:
        return WakeupPipe()

    @property
    def running(self) -> bool:
        """Whether the loop takes calls: from the end of `start` to the beginning of `stop`."""
        return self._accepting and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread, and make the calls that `call_soon` was given before."""
        self.prepare()
        self._thread.start()

    def prepare(self) -> None:
        """Open what a forked process must not share; for a caller of `step` that has no thread here."""
        self._poller.register(self._wakeup_pipe.fileno(), READ)

    def stop(self, timeout: float, grace: float | None = None) -> bool:
        """Shut every handler down, abort those that are left after `timeout` seconds, and end the thread.

        Must not be called on the loop's own thread; a second call waits, and may shorten the time.

        Args:
            timeout: Seconds for the handlers.
            grace: Seconds that the thread may take beyond them, since a call may block; None for any number.

        Returns:
            Whether the thread has ended.
        """
        self.call_soon(partial(self._begin_stop, timeout))
        if self._thread.ident is None:
            self._ident = get_ident()
            self._end()
            return True
        self._thread.join(None if grace is None else timeout + grace)
        return not self._thread.is_alive()

    def call_soon(self, call: Callable[[], None], owner: SocketHandler | None = None) -> bool:
        """Run `call` on the loop's thread, in the order asked; from any thread.

        Returns:
            False when the loop has stopped: it will not run.
        """
        if get_ident() == self._ident:  # it is awake, and only it clears `_accepting`
            if self._accepting:
                self._soon.append((call, owner))
            return self._accepting
        with self._lock:
            if not self._accepting:
                return False
            self._soon.append((call, owner))
            if not self._awake:
                self._awake = True
                self._wakeup_pipe.wake()
        return True

    def waker(self, call: Callable[[], None], /) -> Callable[[], object]:
        """Return a function that does what `call_soon` does for one `call`, for a caller that needs it often.

        After the loop's stop it does nothing, but on the loop's own thread while that stops: actors still end then.
        """
        entry, soon, call_soon = (call, None), self._soon, self.call_soon

        def wake() -> None:
            if get_ident() == self._ident:
                soon.append(entry)
            else:
                call_soon(call)

        return wake

    def call_next_round(self, call: Callable[[], None], owner: SocketHandler) -> None:
        """Run `call` in the next round, behind the sockets that are ready; on the loop's thread only.

        Of many such calls a round makes as many as it serves sockets, the first asked first: each has its turn.
        """
        self._next_round.append((call, owner))

    def call_later(
        self, delay: float, call: Callable[[], None], owner: SocketHandler | None = None, *, slack: float = 0.0
    ) -> TimerHandle:
        """Run `call` in `delay` seconds; on the loop's thread only.

        Args:
            delay: Seconds from now.
            call: What to run.
            owner: The handler that ends if it raises.
            slack: How many seconds late it may come, so that many such timers share one wake-up.
        """
        when = self._clock() + delay
        if slack > 0:
            when = math.ceil(when / slack) * slack
        timer = TimerHandle(call, owner)
        self._timers.add(when, timer)
        return timer

    def add(self, handler: SocketHandler) -> None:
        """Add `handler` to those that `stop` shuts down and waits for; on the loop's thread only."""
        self._handlers.add(handler)
        if self._stop_at < math.inf:
            self.call_soon(handler.shut_down, handler)

    def remove(self, handler: SocketHandler) -> None:
        """Remove `handler`, whose socket is closed or handed over; on the loop's thread only."""
        self._handlers.discard(handler)

    def watch(self, sock: socket.socket, events: int, handler: SocketHandler) -> None:
        """Call `handler.ready` when `sock` is ready for `events`, never with 0; on the loop's thread only."""
        descriptor = sock.fileno()
        if not events:
            if self._watched.pop(descriptor, None) is not None:
                self._poller.unregister(descriptor)
            return
        (self._poller.modify if descriptor in self._watched else self._poller.register)(descriptor, events)
        self._watched[descriptor] = handler

    def step(self, at_most: float | None = None) -> bool:
        """Run one round: wait for sockets, timers and calls, and serve them.

        Args:
            at_most: Seconds to wait; None for as long as it takes.

        Returns:
            Whether a socket was ready, or a call still waits.
        """
        # Another thread appends its call before it reads `_awake`: one of the two sees the other.
        self._awake = False
        self._awake = bool(self._soon or self._next_round)
        timeout = 0.0 if self._awake else self._timers.time_left(self._clock)
        if at_most is not None and (timeout is None or at_most < timeout):
            timeout = at_most
        ready = self._poller.poll(timeout, _SOCKETS_A_ROUND)
        self._awake = True  # calls of this thread need no wake-up
        self.wakeups += 1
        self.now = self._clock()
        for descriptor, events in ready:
            handler = self._watched.get(descriptor)
            if handler is None:  # the loop's own, or one that an earlier call of this round ended
                if descriptor == self._wakeup_pipe.fileno():
                    self._wakeup_pipe.drain()
                continue
            try:
                handler.ready(events)
            except BaseException as error:  # noqa: BLE001 - logged there
                end_failed(handler, error)
        while self.now >= self._timers.earliest:
            timer = self._timers.pop()
            if timer.call is not None:
                call_for(timer.owner, timer.call)
        if self._soon or self._next_round:
            self._calls.make_round()
        return bool(ready or self._soon or self._next_round)

    def _run(self) -> None:
        self._ident = get_ident()
        while self._stop_at == math.inf or (self._handlers and self._clock() < self._stop_at):
            self.step()
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._accepting = False
        self._calls.make_all()  # `call_soon` has promised these: a socket on its way here must not be left open
        for handler in list(self._handlers):
            call_for(None, handler.abort)
        self._calls.make_all()
        self._next_round.clear()  # of handlers that are aborted
        self._ident = 0
        self._poller.close()
        self._watched.clear()
        self._wakeup_pipe.close()
        self._timers.clear()

    def _begin_stop(self, timeout: float) -> None:
        self._stop_at = min(self._stop_at, self._clock() + timeout)
        self.call_later(timeout, lambda: None)  # wakes the loop in time
        for handler in list(self._handlers):
            call_for(handler, handler.shut_down)
