"""The end of a serving process: in order, at once from a second signal on, and in time in every case."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.server.signals import ProcessSignals

log = logging.getLogger(__name__)

FROZEN_AFTER: Final = 4.0
"""Seconds beyond its time after which an orderly end is not waited for any longer."""
_AT_ONCE: Final = 1.0  # seconds for what can be said to clients at a second signal
# Threads that may wait for ever, and hold nothing that the end of the interpreter needs.
_HARMLESS: Final = frozenset(
    {f"turnstile-{name}" for name in ("log", "output", "signals", "reload", "parent", "trace", "trace-output")}
)


def stop_in_time(stop: Callable[[float], int], signals: ProcessSignals, timeout: float) -> int | None:
    """Stop in order; at the next signal, at once.

    Args:
        stop: Stops within a number of seconds, and returns how many sessions it has cut off. After the signal it is
            called once more, on another thread, with 0.
        signals: Its `abort` is the next signal.
        timeout: Seconds for the sessions to end.

    Returns:
        The number of sessions that were cut off; None if the end was cut short: by the signal, or by a frozen thread.
    """
    ended: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def stop_in_order() -> None:
        try:
            ended.put(stop(timeout))
        finally:
            ended.put(None)  # also where it has failed

    in_order = _start("turnstile-stop", stop_in_order)
    signals.when_aborted(lambda: ended.put(None))
    try:
        left = ended.get(timeout=timeout + FROZEN_AFTER)
    except queue.Empty:
        return None
    if left is None:
        until = time.monotonic() + _AT_ONCE
        # The orderly end, cut short, waits for the threads that it ends: without it they would seem frozen.
        for stopping in (_start("turnstile-stop", lambda: stop(0)), in_order):
            stopping.join(max(0.0, until - time.monotonic()))
    return left


def end_process(code: int) -> None:
    """End the process now if a thread is frozen, which the end of the interpreter could wait for, or fail at.

    Args:
        code: The exit code.
    """
    frozen = sorted(name for name in _running() if name not in _HARMLESS)
    if frozen:
        log.warning("Threads did not end in time and are abandoned: %s", ", ".join(frozen))
        _end_now(code)


def _running() -> list[str]:
    """Return the names of the product's threads that are running."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("turnstile-")]


def _end_now(code: int) -> NoReturn:
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(code)


def _start(name: str, call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call, name=name, daemon=True)
    thread.start()
    return thread
