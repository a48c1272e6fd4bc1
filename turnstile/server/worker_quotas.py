"""The sessions of one worker, as its parent counts them for quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from turnstile.server.quota_messages import Add, GiveBack, Take, Taken, line_of, read_request

if TYPE_CHECKING:
    from turnstile.server.quotas import Claimant, QuotaCounter


class WorkerQuotas:
    """Does what one worker asks for; what the worker has is given back when it ends, however that happens.

    Args:
        counter: Counts for all workers.
    """

    def __init__(self, counter: QuotaCounter) -> None:
        self._counter = counter
        self._counted: dict[int, Claimant] = {}

    def answer(self, line: bytes) -> bytes:
        """Do what a line asks for; return the line that answers it, b"" for none.

        Raises:
            ValueError: It asks for nothing that there is.
        """
        match read_request(line):
            case Take(number, claimant, limits):
                excess = self._counter.take(claimant, limits)
                if excess is None:
                    self._counted[number] = claimant
                return line_of(Taken(number, excess))
            case Add(number, claimant):
                self._counter.add(claimant)
                self._counted[number] = claimant
            case GiveBack(number):
                self._give_back(number)
            case other:
                assert_never(other)
        return b""

    def give_all_back(self) -> None:
        """Count no session of this worker any more."""
        for number in list(self._counted):
            self._give_back(number)

    def _give_back(self, number: int) -> None:
        claimant = self._counted.pop(number, None)  # None: it was refused after the worker had stopped waiting
        if claimant is not None:
            self._counter.give_back(claimant)
