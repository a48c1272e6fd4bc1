"""An actor's inbox: a queue, and a claim on running the actor that whoever puts something in takes."""

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
"""How many messages a run takes before it lets others run."""


class DispatchedInbox:
    """An inbox that has its actor scheduled; satisfies pykka's inbox and the `Inbox` port."""

    def __init__(self) -> None:
        self.contents: deque[Any] = deque()
        """What waits, oldest first: messages, and envelopes around those that pykka put in."""
        self.left = RUN_LENGTH
        """How many messages the run may take yet, the one at hand among them."""
        claim = threading.Lock()
        claim.acquire()  # nothing is woken before the first `release`
        self.try_claim: Callable[[], bool] = partial(claim.acquire, False)  # noqa: FBT003 - without waiting
        """Tells whether the actor is the caller's to wake: it was idle, and counts as woken from now on."""
        self.give_up_claim: Callable[[], None] = claim.release
        """Ends a run. If more came, a new claim begins another: it has woken nobody."""
        self.wake: Callable[[], object]

    def tell(self, message: object, /) -> None:
        """Put a message in, and have the actor run; one for an actor that has stopped is dropped."""
        self.contents.append(message)
        if self.try_claim():
            self.wake()

    def tell_all(self, messages: Sequence[object], /) -> None:
        """Put several messages in, and have the actor run once for all."""
        self.contents.extend(messages)
        if self.try_claim():
            self.wake()

    def put(self, envelope: Envelope[Any], /) -> None:
        """Put an envelope in, likewise."""
        self.tell(envelope)

    def get(self) -> Envelope[Any]:
        """Take the oldest, in an envelope; raises IndexError when there is none."""
        content = self.contents.popleft()
        return content if isinstance(content, Envelope) else Envelope(content)

    def row(self, first: Message) -> list[Message]:
        """Take what waits next and is of the class of `first`; for the actor itself, at `first`, which it has.

        Returns:
            `first`, and what came behind it in a row, as far as the run goes.
        """
        contents, row = self.contents, [first]
        while contents and contents[0].__class__ is first.__class__ and len(row) < self.left:
            row.append(contents.popleft())
        self.left -= len(row) - 1
        return row

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return not self.contents

    def waiting(self) -> list[Any]:
        """Return the messages that wait, without taking them."""
        return [content.message if isinstance(content, Envelope) else content for content in list(self.contents)]

    def release(self) -> None:
        """Give the claim up, and have the actor run if something was put in meanwhile."""
        self.give_up_claim()
        if self.contents and self.try_claim():
            self.wake()

    def close(self, drop: Callable[[Any], object]) -> None:
        """Schedule no more: `drop` is called with each thing put in from now on, on the thread that puts it in.

        For who has the claim, and gives it up afterwards. What `wake` held is free: the actor, mostly.
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
