"""Actors on shared threads: each runs while it has messages, and owns no thread.

The inbox is a deque and a claim: the put that wins the claim schedules the actor; a run takes the waiting messages, up
to a limit, gives the claim up, and schedules itself again if more came. So an actor runs on one thread at a time, an
actor without messages costs nothing, and all output of a run can be written at its end at once. The decorator `takes`
marks the method that takes a message.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast, overload

from actors.inbox import RUN_LENGTH, DispatchedInbox
from actors.pykka_names import Envelope, LoopActor, refuse
from turnstile.errors import InternalError
from turnstile.observability.logs import log_context

if TYPE_CHECKING:
    from collections.abc import Callable

    import pykka

    from turnstile.ports import Inbox

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
    """Mark the method that takes messages of these classes, not of their subclasses (`DispatchedActor`).

    Of two methods that are marked for the same class the later one takes them.
    """

    def note(method: Any) -> Any:
        method.takes = kinds
        return method

    return note


class Dispatcher(Protocol):
    """A scheduler of actors' runs: `IoLoop` or `ThreadDispatcher`."""

    def waker(self, run: Callable[[], None], /) -> Callable[[], object]:
        """Return a function that schedules `run` once for each call, on a thread of the dispatcher.

        It never blocks, and does nothing when the dispatcher has stopped.
        """


class DispatchedActor(LoopActor):
    """A pykka actor that runs on a `Dispatcher` while it has messages.

    A subclass marks with `takes` which method takes which messages; any other message goes to `on_receive`.
    `on_start`, `on_stop` and `on_failure`, `ask`, `stop` and proxies are pykka's. Two things differ: `SystemExit` and
    `KeyboardInterrupt` are a failure like any other, and stop this actor alone; `stop_now` waits for no turn.

    Args:
        dispatcher: Runs the actor.
    """

    run_length: ClassVar[int] = RUN_LENGTH
    session_id = "-"
    """The session's id in all that is logged during a run."""
    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {}
    """The method for each class of message."""

    def __init_subclass__(cls) -> None:
        """Add the methods that are marked with `takes` to those of the class above."""
        own = {kind: method for method in vars(cls).values() for kind in getattr(method, "takes", ())}
        cls.handlers = {**cls.handlers, **own}

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher
        self.inbox = cast("DispatchedInbox", self.actor_inbox)
        """The actor's own inbox."""

    @staticmethod
    def create_inbox() -> DispatchedInbox:
        """Return a new inbox."""
        return DispatchedInbox()

    def begin(self) -> None:
        """Schedule `on_start` on the dispatcher, before any message is handled."""
        self.inbox.wake = self._dispatcher.waker(self._run)
        self._dispatcher.waker(self._start)()

    def on_receive(self, message: Any) -> Any:
        """Pass a message to the method that is marked for it.

        Raises:
            TypeError: No method is marked for the message.
        """
        method = self.handlers.get(message.__class__)
        if method is None:
            raise TypeError(f"{type(self).__name__} cannot take {message!r}")
        return method(self, message)

    def run_ended(self) -> None:
        """Run code at the end of a run, such as writing its output; called when its messages are handled."""

    @staticmethod
    def dropped(message: Any) -> None:
        """Release what a message holds that came too late to be handled, such as a connection.

        It may be called after the actor's end, on any thread.
        """

    def _start(self) -> None:
        before, log_context.session_id = log_context.session_id, self.session_id
        try:
            self.on_start()
        except BaseException:
            self.fail_to_start()
        finally:
            log_context.session_id = before
        if self.is_over or self.inbox.contents:
            self._run()
        else:
            self.inbox.release()

    def _run(self) -> None:
        """Handle the waiting messages, up to the length of a run, and give the claim up."""
        inbox, handlers = self.inbox, self.handlers
        contents = inbox.contents
        inbox.left = self.run_length
        before, log_context.session_id = log_context.session_id, self.session_id
        try:
            while contents and inbox.left > 0 and not self.is_over:
                content = contents.popleft()
                take = handlers.get(content.__class__)
                try:
                    if take is not None:
                        take(self, content)
                    elif content.__class__ is Envelope:
                        self.take_envelope(content)
                    else:
                        self.on_receive(content)
                except BaseException:
                    self.fail()
                inbox.left -= 1
            if not self.is_over:
                try:
                    self.run_ended()
                except BaseException:
                    self.fail()
            if self.is_over:
                self._leave_inbox()
        finally:
            log_context.session_id = before
            inbox.give_up_claim()
            if contents and inbox.try_claim():
                inbox.wake()

    def _leave_inbox(self) -> None:
        """Drop the waiting messages, let pykka answer the asks among them, and make the inbox drop later ones."""
        contents, asked = self.inbox.contents, DispatchedInbox()
        while contents:
            content = contents.popleft()
            if content.__class__ is Envelope:
                asked.contents.append(content)
                content = content.message
            _drop(self.dropped, content)
        self.actor_inbox = asked
        self.answer_all()
        self.inbox.close(partial(_drop_late, self.dropped))


def _drop_late(dropped: Callable[[Any], None], content: Any) -> None:
    if content.__class__ is Envelope:
        refuse(content)
        content = content.message
    _drop(dropped, content)


def _drop(dropped: Callable[[Any], None], message: Any) -> None:
    try:
        dropped(message)
    except BaseException:
        _log.exception("A message that came too late could not be dropped")


def inbox_of(actor: pykka.ActorRef[Any]) -> Inbox:
    """Return the inbox of a dispatched actor: cheaper than its ref, and without an error when it has stopped.

    Raises:
        InternalError: The actor is no `DispatchedActor`.
    """
    inbox = actor.actor_inbox
    if not isinstance(inbox, DispatchedInbox):
        raise InternalError("foreign_actor", f"{actor} is no dispatched actor.")
    return inbox
