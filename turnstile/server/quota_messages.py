"""What a worker and its parent say of quotas, each in one line of JSON."""

from __future__ import annotations

from typing import Final, NamedTuple

import orjson

from turnstile.server.quotas import Claimant, Excess, QuotaLimits

LINE_BYTES: Final = 4096
"""The longest line."""


class Take(NamedTuple):
    """A worker asks whether one more session may begin.

    Args:
        number: The session's, in this worker.
        claimant: Who begins it.
        limits: The worker's; the parent has none, so that each worker keeps those that it has read.
    """

    number: int
    claimant: Claimant
    limits: QuotaLimits


class Add(NamedTuple):
    """A session of a worker's counts from now on, since there are quotas now."""

    number: int
    claimant: Claimant


class GiveBack(NamedTuple):
    """A session of a worker's has ended, or will not begin."""

    number: int


class Taken(NamedTuple):
    """The parent's answer to `Take`.

    Args:
        number: The session's.
        excess: The quota that it would exceed; None if it may begin.
    """

    number: int
    excess: Excess | None


def line_of(message: Take | Add | GiveBack | Taken) -> bytes:
    """Return the line of a message."""
    return orjson.dumps(message, default=tuple) + b"\n"  # a named tuple is none that it knows


def read_request(line: bytes) -> Take | Add | GiveBack:
    """Return what a worker has said.

    Raises:
        ValueError: It is none of its messages.
    """
    match orjson.loads(line):
        case [int() as number, [str() as identity, str() as address], dict() as limits]:
            return Take(number, Claimant(identity, address), QuotaLimits(**limits))
        case [int() as number, [str() as identity, str() as address]]:
            return Add(number, Claimant(identity, address))
        case [int() as number]:
            return GiveBack(number)
        case _:
            raise ValueError(line)


def read_answer(line: bytes) -> Taken:
    """Return what the parent has answered."""
    number, excess = orjson.loads(line)
    return Taken(number, excess and Excess(*excess))
