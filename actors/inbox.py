"""An actor's inbox: a queue of messages, and the claim by which a put schedules the actor once."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from actors.pykka_names import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Message = TypeVar("Message")

RUN_LENGTH = 64
"""The number of messages that a run takes at most before other actors run."""


class DispatchedInbox:
    """An inbox that schedules its actor; satisfies pykka's inbox and the `Inbox` port."""

    def __init__(self) -> None:
        self.contents: deque[Any] = deque()
        """The waiting messages, oldest first; those that pykka put in are in envelopes."""
        self.left = RUN_LENGTH
        """The number of messages that the run may still take, the current one included."""
        claim = threading.Lock()
        claim.acquire()  # nothing is woken before the first `release`
        self.try_claim: Callable[[], bool] = partial(claim.acquire, False)  # noqa: FBT003 - without waiting
        """Claims the actor; returns whether it was idle, in which case the caller must call `wake`."""
        self.give_up_claim: Callable[[], None] = claim.release
        """Ends a run. Messages that came meanwhile have not called `wake`: a new claim must."""
        self.wake: Callable[[], object]

    def tell(self, message: object, /) -> None:
        """Put a message in, and schedule the actor; drop the message if the actor has stopped."""
        self.contents.append(message)
        if self.try_claim():
            self.wake()

    def tell_all(self, messages: Sequence[object], /) -> None:
        """Put several messages in, and schedule the actor once for all."""
        self.contents.extend(messages)
        if self.try_claim():
            self.wake()

    def put(self, envelope: Envelope[Any], /) -> None:
        """Put an envelope in, and schedule the actor."""
        self.tell(envelope)

    def get(self) -> Envelope[Any]:
        """Take the oldest message, in an envelope; raise IndexError when there is none."""
        content = self.contents.popleft()
        return content if isinstance(content, Envelope) else Envelope(content)

    def row(self, first: Message) -> list[Message]:
        """Take the messages directly behind `first` that are of its class; called by the actor that handles `first`.

        Returns:
            `first` and those messages, up to the length of the run.
        """
        contents, row = self.contents, [first]
        while contents and contents[0].__class__ is first.__class__ and len(row) < self.left:
            row.append(contents.popleft())
        self.left -= len(row) - 1
        return row

    def empty(self) -> bool:
        """Return whether no message waits."""
        return not self.contents

    def waiting(self) -> list[Any]:
        """Return the waiting messages, without taking them."""
        return [content.message if isinstance(content, Envelope) else content for content in list(self.contents)]

    def release(self) -> None:
        """Give the claim up, and schedule the actor if a message was put in meanwhile."""
        self.give_up_claim()
        if self.contents and self.try_claim():
            self.wake()

    def close(self, drop: Callable[[Any], object]) -> None:
        """Call `drop` with each message put in from now on, on the thread that puts it in, and schedule no more.

        The caller holds the claim, and gives it up afterwards. This releases the actor, which `wake` refers to.
        """
        self.wake = partial(_drop_all, self.contents, self.try_claim, self.give_up_claim, drop)


def _drop_all(
    contents: deque[Any],
    try_claim: Callable[[], bool],
    give_up_claim: Callable[[], None],
    drop: Callable[[Any], object],
) -> None:
    while True:
        while contents:
            drop(contents.popleft())
        give_up_claim()
        if not contents or not try_claim():
            return
