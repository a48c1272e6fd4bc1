"""What operators add to the prompt of a Voice Agent session before its client's first Settings, which it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from turnstile.errors import Problem

if TYPE_CHECKING:
    from turnstile.session.client_requests import Ref

# Characters that may wait: more fit in no prompt.
_MOST: Final = 256 * 1024
_TOO_MUCH: Final = Problem(
    "too_many_held", f"prompt: more than {_MOST} characters would wait for the client's Settings; add less before them."
)


class WaitingPrompts:
    """Texts to add to the prompt, in the order given."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Ref, str]] = []
        self.kept_bytes = 0
        """The bytes that they take, about."""

    def refusal(self, text: str) -> Problem | None:
        """Return why one more may not wait; None if it may."""
        return _TOO_MUCH if self.kept_bytes + len(text) > _MOST else None

    def add(self, ref: Ref, text: str) -> None:
        """Have a text wait; `ref` is the request for it."""
        self._waiting.append((ref, text))
        self.kept_bytes += len(text)

    def take(self) -> list[tuple[Ref, str]]:
        """Return all of them; none waits any more."""
        waiting, self._waiting, self.kept_bytes = self._waiting, [], 0
        return waiting
