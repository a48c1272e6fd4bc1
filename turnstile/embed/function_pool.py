"""Calls of the host's functions and callbacks, which may block, on threads of their own."""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from turnstile.observability.logs import in_this_session
from turnstile.ports import FunctionReturned, failed_call, sendable
from turnstile.transports.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Inbox, Timer, Timers

log = logging.getLogger(__name__)

_CLOSING = "The proxy is shutting down."


class UnusableArguments(Exception):  # noqa: N818 - the model's fault, reported to it in these words
    """Arguments with which a function cannot be called; the error text is for the model."""


class _Call:
    """One call, which sends one result to its inbox: the function's, or that of the timeout."""

    def __init__(self, call_id: str, inbox: Inbox) -> None:
        self._call_id = call_id
        self._lock = threading.Lock()  # guards the two below
        self._inbox: Inbox | None = inbox
        self._timer: Timer | None = None
        self.has_begun = False
        """Whether a thread has begun the call."""

    @property
    def is_over(self) -> bool:
        """Whether the result is sent, or not needed any more."""
        return self._inbox is None

    def limit(self, timers: Timers, timeout: float, time_out: Callable[[], None]) -> None:
        """Call `time_out` in `timeout` seconds, unless the call is over by then."""
        timer = timers.start(timeout, time_out)
        with self._lock:
            self._timer = timer
        if self.is_over:
            timer.cancel()

    def end(self, output: str) -> bool:
        """Send the result to the inbox; return False if the call is over already."""
        inbox = self._leave()
        if inbox is None:
            return False
        inbox.tell(FunctionReturned(self._call_id, output))
        return True

    def cancel(self) -> None:
        """Drop the result; a call that has not begun never begins."""
        self._leave()

    def _leave(self) -> Inbox | None:
        with self._lock:
            inbox, self._inbox = self._inbox, None
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        return inbox


class HostFunctionPool:
    """The `HostFunctionCaller` port on a few daemon threads, each started when it is needed.

    A function that raises has failed: the exception is logged, the model receives only that it failed. One that takes
    too long has failed too, but cannot be stopped: it keeps its thread until it returns, and its result is dropped.

    Args:
        threads: The number of calls at the same time.
        max_waiting: The number of further calls that may wait; one more fails at once.
        max_result_bytes: The size of the largest result, in bytes; a call with a larger one has failed.
        timeout: Seconds that a call may take, waiting for a thread included.
        timers: Start the timeouts.
    """

    def __init__(self, threads: int, max_waiting: int, max_result_bytes: int, timeout: float, timers: Timers) -> None:
        self._pool = WorkerPool("host-function", threads, max_waiting=max_waiting)
        self._max_result_bytes = max_result_bytes
        self._timeout = timeout
        self._timers = timers

    def call(self, function: Callable[[str], str], call_id: str, arguments: str, inbox: Inbox) -> _Call:
        """Call without blocking; put one `FunctionReturned` into `inbox`, unless it is cancelled. Never raises."""
        call = _Call(call_id, inbox)
        if self._pool.submit(in_this_session(partial(self._answer, call, function, arguments))):
            call.limit(self._timers, self._timeout, in_this_session(partial(self._time_out, call)))
        else:
            words = _CLOSING if self._pool.closed else "Too many functions are being called."
            call.end(failed_call(words))
        return call

    def close(self, timeout: float) -> None:
        """Make no more calls; those that wait have failed.

        Args:
            timeout: Seconds to wait for running calls; they cannot be stopped.
        """
        self._pool.close(timeout)

    def _time_out(self, call: _Call) -> None:
        words = "The function did not answer" if call.has_begun else "The function was not called: no thread was free"
        if call.end(failed_call(f"{words} within {self._timeout:g} s.")):
            log.warning("a call of a host function has failed: %s within %g s", words, self._timeout)

    def _answer(self, call: _Call, function: Callable[[str], str], arguments: str) -> None:
        if call.is_over:
            return
        call.has_begun = True
        if not call.end(self._output(function, arguments)):
            log.warning("the result of a host function is dropped: the call was cancelled or timed out")

    def _output(self, function: Callable[[str], str], arguments: str) -> str:
        if self._pool.closed:
            return failed_call(_CLOSING)
        try:
            output = function(arguments)
        except UnusableArguments as error:
            return failed_call(sendable(str(error)))
        except BaseException:  # SystemExit too: it would end this thread without a result
            log.exception("a host function failed")
            return failed_call("The function failed.")
        data = output.encode(errors="replace")
        if len(data) > self._max_result_bytes:
            log.warning("the result of a host function is larger than %s bytes", self._max_result_bytes)
            return failed_call(f"The function's result is larger than {self._max_result_bytes} bytes.")
        return data.decode()


class SerialCallback:
    """A callback that is called for one message at a time, in order, on a pool's threads; what it raises is logged.

    Args:
        pool: The threads.
        call: The function; it may block.
        most_bytes: The bytes that may wait; beyond them the oldest messages are dropped, which is logged once.
    """

    def __init__(self, pool: WorkerPool, call: Callable[[bytes], object], most_bytes: int = 16 * 1024 * 1024) -> None:
        self._pool = pool
        self._call = call
        self._most_bytes = most_bytes
        self._lock = threading.Lock()  # guards the four below
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._is_running = False
        self._has_dropped = False

    def put(self, message: bytes) -> None:
        """Queue a message for the function, without blocking."""
        with self._lock:
            self._waiting.append(message)
            self._size += sys.getsizeof(message)
            while self._size > self._most_bytes and len(self._waiting) > 1:
                self._size -= sys.getsizeof(self._waiting.popleft())
                self._note_dropped()
            if self._is_running:
                return
            self._is_running = True
        if not self._pool.submit(self._run):
            with self._lock:
                self._is_running = False

    def _note_dropped(self) -> None:
        if not self._has_dropped:
            self._has_dropped = True
            log.warning(
                "the host is slow to take a session's events: beyond %s bytes the oldest are dropped", self._most_bytes
            )

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_running = False
                    return
                message = self._waiting.popleft()
                self._size -= sys.getsizeof(message)
            try:
                self._call(message)
            except BaseException:  # SystemExit too: it would end the delivery of the session's next events
                log.exception("the host failed to take an event")
