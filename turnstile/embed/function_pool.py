"""Calls of the host's functions and callbacks, which may block, on threads of their own."""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from turnstile.observability.logs import in_this_session
from turnstile.ports import failed_call, sendable
from turnstile.transports.fair_queue import owner_for
from turnstile.transports.function_call import PendingCall
from turnstile.transports.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Inbox, Timers

log = logging.getLogger(__name__)

_CLOSING = "The proxy is shutting down."
_MESSAGES_A_TURN = 16
_FULL = "Too many functions are being called."


class UnusableArguments(Exception):  # noqa: N818 - the model's fault, reported to it in these words
    """Arguments with which a function cannot be called; the error text is for the model."""


class HostFunctionPool:
    """The `HostFunctionCaller` port on a few daemon threads, which the sessions share as a `FairQueue` has it.

    A session is known by its inbox.

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

    def call(
        self, function: Callable[[str], str], call_id: str, arguments: str, inbox: Inbox, identity: str = ""
    ) -> PendingCall:
        """Call without blocking; put one `FunctionReturned` into `inbox`, unless it is cancelled. Never raises."""
        call = PendingCall(call_id, inbox)
        owner = owner_for(inbox, identity)
        job = self._pool.submit(in_this_session(partial(self._answer, call, function, arguments)), owner)
        if job:
            call.waits_as(job)
            call.limit(self._timers, self._timeout, in_this_session(partial(self._time_out, call)))
        else:
            words = _CLOSING if self._pool.closed else _FULL
            call.returns(failed_call(words))
        return call

    def close(self, timeout: float) -> None:
        """Make no more calls; those that wait have failed.

        Args:
            timeout: Seconds to wait for running calls; they cannot be stopped.
        """
        self._pool.close(timeout)

    def _time_out(self, call: PendingCall) -> None:
        words = "The function did not answer" if call.has_begun else "The function was not called: no thread was free"
        if call.returns(failed_call(f"{words} within {self._timeout:g} s.")):
            log.warning("a call of a host function has failed: %s within %g s", words, self._timeout)

    def _answer(self, call: PendingCall, function: Callable[[str], str], arguments: str) -> None:
        if not call.begin():
            return
        if not call.returns(self._output(function, arguments)):
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

    After a few messages it lets the callbacks of other sessions have the thread.

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
        while self._take(_MESSAGES_A_TURN):
            if self._pool.submit(self._run):  # refused where the pool is being drained: then all are taken here
                return

    def _take(self, most: int) -> bool:
        """Call the function for at most so many messages; return whether more wait."""
        for _ in range(most):
            with self._lock:
                if not self._waiting:
                    self._is_running = False
                    return False
                message = self._waiting.popleft()
                self._size -= sys.getsizeof(message)
            try:
                self._call(message)
            except BaseException:  # SystemExit too: it would end the delivery of the session's next events
                log.exception("the host failed to take an event")
        return True
