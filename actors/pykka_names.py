"""pykka's private names that the actors need, all of them.

pykka lets others bring a kind of actor of their own ("internal method for implementors of new actor types"), but has
public names for no part of that. Whatever pykka calls private stands here and nowhere else: `pyproject.toml` holds
pykka under the next minor version, and a test holds this list against what the installed version has.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import pykka
from pykka._envelope import Envelope

__all__ = ["Envelope", "LoopActor"]

_log = logging.getLogger(__name__)


class LoopActor(pykka.Actor):
    """A pykka actor that another loop runs: pykka's handling of one message, as public methods.

    A subclass makes the inbox (`create_inbox`), begins to run with `begin`, and runs while `is_over` is false.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_over = False
        """Whether the actor handles no message any more."""

    @staticmethod
    def create_inbox() -> Any:
        """Return a new inbox, with `put`, `get` and `empty`."""
        raise NotImplementedError

    def begin(self) -> None:
        """Begin to run; called once when the actor is registered, on the thread that starts it."""
        raise NotImplementedError

    @classmethod
    def _create_actor_inbox(cls) -> Any:
        return cls.create_inbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self.begin()

    def stop_now(self) -> None:
        """Stop behind the message at hand: call `on_stop`, and handle nothing that waits.

        pykka's `stop` waits its turn in the inbox, and then does the same.
        """
        self._stop()

    def _stop(self) -> None:
        self.is_over = True
        super()._stop()

    def take_envelope(self, envelope: Envelope[Any]) -> None:
        """Handle a message that pykka put in, and answer who asked; what an ask raises is the asker's."""
        try:
            answer = self._handle_receive(envelope.message)
        except Exception:
            if envelope.reply_to is None:
                raise
            envelope.reply_to.set_exception()
        except BaseException:
            self.actor_inbox.put(envelope)  # the ask then fails, since the actor has ended
            raise
        else:
            if envelope.reply_to is not None:
                envelope.reply_to.set(answer)

    def fail(self) -> None:
        """Stop because of the exception that is being handled: log it, and call `on_failure`."""
        self.is_over = True
        failure = sys.exc_info()
        self._handle_failure(*failure)
        try:
            self.on_failure(*failure)
        except BaseException:
            _log.exception("Cleaning up after a failed actor failed too")

    def fail_to_start(self) -> None:
        """Stop because of what `on_start` has raised: log it, and call nothing."""
        self.is_over = True
        self._handle_failure(*sys.exc_info())

    def answer_all(self) -> None:
        """Fail the asks in the inbox, since the actor has stopped, and empty it."""
        self._actor_loop_teardown()


def refuse(envelope: Envelope[Any]) -> None:
    """Fail an ask of an actor that has stopped."""
    if envelope.reply_to is not None:
        dead = pykka.ActorDeadError("The actor stopped before it handled the message")
        envelope.reply_to.set_exception((pykka.ActorDeadError, dead, None))
