"""Who runs an actor that has messages: a few shared threads, instead of a thread for each.

pykka lets an actor class bring its own inbox and loop (`Actor._create_actor_inbox`, `Actor._start_actor_loop`). Here
the inbox is a deque and a claim: the put that wins the claim schedules the actor; a run takes what waits, up to a
limit, gives the claim up, and schedules itself again if more came. So an actor runs on one thread at a time, an actor
without messages costs nothing, and what a run writes can leave at its end in one piece.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from contextvars import Context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pykka
from pykka._envelope import Envelope

from turnstile.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.ports import Inbox

_log = logging.getLogger(__name__)

# How many messages a run takes before it lets others run.
_RUN_LENGTH = 64


class Dispatcher:
    """Runs actors, on a thread that there is anyway or on threads of its own.

    Args:
        workers: How many threads of its own; 0 for none, as long as `elsewhere` takes what is to be run.
        elsewhere: Has a call made soon, on one thread that is the same for all, and tells whether it will be.
        name: Begins the threads' names.
    """

    def __init__(
        self,
        workers: int = 1,
        elsewhere: Callable[[Callable[[], None]], bool] | None = None,
        name: str = "turnstile-actors",
    ) -> None:
        self._elsewhere = elsewhere if workers == 0 else None
        self._ready: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(max(1, workers))
        ]
        self._lock = threading.Lock()
        self._started = False

    def schedule(self, run: Callable[[], None]) -> None:
        """Have `run` called; threads of its own start with the first use (never before a fork)."""
        if self._elsewhere is not None and self._elsewhere(run):
            return
        if not self._started:
            self._start()
        self._ready.put(run)

    def _start(self) -> None:
        with self._lock:
            if not self._started:
                for thread in self._threads:
                    thread.start()
                self._started = True

    def stop(self, timeout: float) -> bool:
        """Let the threads end after what is scheduled already; tells whether they did within `timeout` seconds."""
        with self._lock:
            if not self._started:
                return True
            for _ in self._threads:
                self._ready.put(None)
        for thread in self._threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (run := self._ready.get()) is not None:
            try:
                run()
            except Exception:
                _log.exception("An actor's run failed outside of its message handling")


class DispatchedInbox:
    """An inbox that has its actor scheduled; satisfies pykka's inbox and the `Inbox` port."""

    def __init__(self) -> None:
        self.contents: deque[Any] = deque()
        """What waits, oldest first: messages, and envelopes around those that pykka put in."""
        self._claim = threading.Lock()
        self.wake: Callable[[], None] | None = None

    def tell(self, message: object, /) -> None:
        """Put a message in, and have the actor run; one for an actor that has stopped is dropped."""
        self.contents.append(message)
        self._wake_if_idle()

    def tell_all(self, messages: Sequence[object], /) -> None:
        """Put several messages in, and have the actor run once for all."""
        self.contents.extend(messages)
        self._wake_if_idle()

    def put(self, envelope: Envelope[Any], /) -> None:
        """Put an envelope in, likewise."""
        self.tell(envelope)

    def get(self) -> Envelope[Any]:
        """Take the oldest, in an envelope; raises IndexError when there is none."""
        content = self.contents.popleft()
        return content if isinstance(content, Envelope) else Envelope(content)

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return not self.contents

    def waiting(self) -> list[Any]:
        """Return the messages that wait, without taking them."""
        return [content.message if isinstance(content, Envelope) else content for content in list(self.contents)]

    def open(self, wake: Callable[[], None]) -> None:
        """Begin to schedule: what was put in before counts as new."""
        self.wake = wake
        if self.contents:
            self._wake_if_idle()

    def give_up_claim(self) -> None:
        """End a run; begins another if more came."""
        self._claim.release()
        if self.contents:
            self._wake_if_idle()

    def _wake_if_idle(self) -> None:
        if self.wake is not None and self._claim.acquire(blocking=False):
            self.wake()


class DispatchedActor(pykka.Actor):
    """An actor that runs on a `Dispatcher` while it has messages.

    Subclasses implement pykka's `on_receive`, `on_stop` and `on_failure` as usual. Connecting and the like is a
    message, not `on_start`, for which pykka runs no hook when it fails.

    Args:
        dispatcher: Who runs it.
    """

    run_length: ClassVar[int] = _RUN_LENGTH

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher
        self.inbox = cast("DispatchedInbox", self.actor_inbox)
        """The actor's own inbox."""

    @staticmethod
    def _create_actor_inbox() -> DispatchedInbox:
        return DispatchedInbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def set_context(self) -> None:
        """Set the context variables that the actor runs with; each has a context of its own."""

    def _start_actor_loop(self) -> None:
        self._actor_loop_setup()
        context = Context()  # not the starter's, whose variables would live as long as the actor
        context.run(self.set_context)
        self._run_in_context: Callable[[], None] = partial(context.run, self._run)
        self.inbox.open(partial(self._dispatcher.schedule, self._take_turn))

    def run_ended(self) -> None:
        """Run code when the messages that waited are worked on, such as writing out what they came to."""

    def _take_turn(self) -> None:
        try:
            self._run_in_context()
        finally:
            # Not before the context is left: the next run may begin on another thread, and no two can be in it.
            self.inbox.give_up_claim()

    def _run(self) -> None:
        contents, receive = self.inbox.contents, self.on_receive
        is_over = self.actor_stopped.is_set()
        for _ in range(self.run_length):
            if is_over or not contents:
                break
            content = contents.popleft()
            try:
                # A message that is handled stops no actor; one from pykka may, and one that fails does.
                if content.__class__ is Envelope:
                    is_over = self._open_envelope(content)
                else:
                    receive(content)
            except Exception:
                is_over = self._fail()
        if is_over or self._end_run():
            self._drain()

    def dropped(self, message: object) -> None:
        """Run code for a message that came too late to be handled, such as one that hands something over."""

    def _drain(self) -> None:
        for message in self.inbox.waiting():
            self.dropped(message)
        self._actor_loop_teardown()

    def _open_envelope(self, envelope: Envelope[Any]) -> bool:
        """Handle a message of pykka's as it does; whether the actor has stopped: a failed ask is its asker's."""
        try:
            answer = self._handle_receive(envelope.message)
        except Exception:
            if envelope.reply_to is None:
                raise
            envelope.reply_to.set_exception()
        else:
            if envelope.reply_to is not None:
                envelope.reply_to.set(answer)
        return self.actor_stopped.is_set()

    def _end_run(self) -> bool:
        """Run the hook; whether the actor has stopped with it."""
        try:
            self.run_ended()
        except Exception:
            return self._fail()
        return False

    def _fail(self) -> bool:
        """Handle the failure of a message as pykka does; whether the actor has stopped, as it has."""
        failure = sys.exc_info()
        self._handle_failure(*failure)
        try:
            self.on_failure(*failure)
        except Exception:
            _log.exception("Cleaning up after a failed actor failed too")
        return self.actor_stopped.is_set()


def inbox_of(actor: pykka.ActorRef[Any]) -> Inbox:
    """Return where to tell a dispatched actor things: cheaper than its ref, and silent when it has stopped.

    Raises:
        InternalError: The actor is of another kind.
    """
    inbox = actor.actor_inbox
    if not isinstance(inbox, DispatchedInbox):
        raise InternalError("foreign_actor", f"{actor} is no dispatched actor.")
    return inbox
