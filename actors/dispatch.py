"""Who runs an actor that has messages: a few shared threads, instead of a thread for each.

pykka lets an actor class bring its own inbox and loop (`Actor._create_actor_inbox`, `Actor._start_actor_loop`). Here
the inbox is a deque and a claim: the put that wins the claim schedules the actor; a run takes what waits, up to a
limit, gives the claim up, and schedules itself again if more came. So an actor runs on one thread at a time, an actor
without messages costs nothing, and what a run writes can leave at its end in one piece. Which method takes a message
stands above the method: `takes`.
"""

from __future__ import annotations

import logging
import sys
import threading
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, overload

import pykka
from pykka._envelope import Envelope

from actors.inbox import RUN_LENGTH, DispatchedInbox
from turnstile.errors import InternalError
from turnstile.observability.logs import names_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Inbox

    Run = Callable[[], None]

_log = logging.getLogger(__name__)

Actor = TypeVar("Actor")
Message = TypeVar("Message")
Answer = TypeVar("Answer")


@overload
def takes(
    kind: type[Message], /
) -> Callable[[Callable[[Actor, Message], Answer]], Callable[[Actor, Message], Answer]]: ...


@overload
def takes(*kinds: type) -> Callable[[Callable[[Actor, Any], Answer]], Callable[[Actor, Any], Answer]]: ...


def takes(*kinds: type) -> Callable[[Any], Any]:
    """Have messages of these classes, not of their subclasses, taken by the method below (`DispatchedActor`).

    Of two methods that are marked for the same class the later one takes it.
    """

    def note(method: Any) -> Any:
        method.takes = kinds
        return method

    return note


class Dispatcher:
    """Runs actors, on a thread that there is anyway or on threads of its own.

    Args:
        workers: How many threads of its own; 0 for none, as long as those of `elsewhere` take what is to be run.
        elsewhere: Returns what has a call made soon, on one thread that is the same for all, or else gives it to its
            second argument.
        name: Begins the threads' names.
    """

    def __init__(
        self,
        workers: int = 1,
        elsewhere: Callable[[Run, Callable[[Run], object]], Callable[[], object]] | None = None,
        name: str = "turnstile-actors",
    ) -> None:
        self._elsewhere = elsewhere if workers == 0 else None
        self._ready: SimpleQueue[Run | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(max(1, workers))
        ]
        self._lock = threading.Lock()
        self._started = False

    def waker(self, run: Run) -> Callable[[], object]:
        """Return what has `run` called soon, for who asks again and again."""
        return partial(self._run_here, run) if self._elsewhere is None else self._elsewhere(run, self._run_here)

    def schedule(self, run: Run) -> None:
        """Have `run` called soon."""
        self.waker(run)()

    def _run_here(self, run: Run) -> None:
        # Threads of its own start with the first use: never before a fork.
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


class DispatchedActor(pykka.Actor):
    """An actor that runs on a `Dispatcher` while it has messages.

    Subclasses mark with `takes` which method takes which messages, and implement pykka's `on_stop` and `on_failure` as
    usual. Connecting and the like is a message, not `on_start`, for which pykka runs no hook when it fails.

    Args:
        dispatcher: Who runs it.
    """

    run_length: ClassVar[int] = RUN_LENGTH
    session_id = "-"
    """Names the session in all that is logged during a run (`names_session`)."""
    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {}
    """The method for each class of message."""

    def __init_subclass__(cls) -> None:
        """Add the methods that are marked with `takes` to those of the class above."""
        own = {kind: method for method in vars(cls).values() for kind in getattr(method, "takes", ())}
        cls.handlers = {**cls.handlers, **own}

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher
        self._is_over = False
        self.inbox = cast("DispatchedInbox", self.actor_inbox)
        """The actor's own inbox."""

    @staticmethod
    def _create_actor_inbox() -> DispatchedInbox:
        return DispatchedInbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self._actor_loop_setup()
        self._is_over = self.actor_stopped.is_set()
        self.inbox.open(self._dispatcher.waker(self._run))

    def on_receive(self, message: Any) -> Any:
        """Have a message taken by the method that is marked for it.

        Raises:
            TypeError: There is none.
        """
        method = self.handlers.get(message.__class__)
        if method is None:
            raise TypeError(f"{type(self).__name__} was told {message!r}")
        return method(self, message)

    def run_ended(self) -> None:
        """Run code when the messages that waited are worked on, such as writing out what they came to."""

    @names_session
    def _run(self) -> None:
        """Take what waits, up to the length of a run, and give the claim up."""
        inbox, handlers = self.inbox, self.handlers
        contents, is_over = inbox.contents, self._is_over
        inbox.left = self.run_length
        try:
            while contents and inbox.left > 0 and not is_over:
                content = contents.popleft()
                take = handlers.get(content.__class__)
                try:
                    # A message that is taken stops no actor; one from pykka may, and one that fails does.
                    if take is not None:
                        take(self, content)
                    elif content.__class__ is Envelope:
                        is_over = self._open_envelope(content)
                    else:
                        self.on_receive(content)
                except Exception:
                    is_over = self._fail()
                inbox.left -= 1
            try:
                if not is_over:
                    self.run_ended()
            except Exception:
                is_over = self._fail()
            if is_over:
                self._is_over = True
                self._drain()
        finally:
            inbox.give_up_claim()
            if contents and inbox.try_claim():
                inbox.wake()

    def dropped(self, message: object) -> None:
        """Run code for a message that came too late to be handled, such as one that hands something over."""

    def _drain(self) -> None:
        """Drop what came too late, and have pykka tell those who asked; what comes meanwhile has a run of its own."""
        contents, late = self.inbox.contents, DispatchedInbox()
        while contents:
            late.contents.append(contents.popleft())
        for message in late.waiting():
            self.dropped(message)
        self.actor_inbox = late
        self._actor_loop_teardown()

    def _open_envelope(self, envelope: Envelope[Any]) -> bool:
        """Take a message of pykka's as it does; whether the actor has stopped: a failed ask is its asker's."""
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
