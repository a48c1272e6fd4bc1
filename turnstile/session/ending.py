"""The end of a session in order: what asks for it, and what is found out before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.errors import Problem


@record
class DrainRequested:
    """The proxy shuts down: the session shall end as soon as nothing is unfinished in it."""


@record
class MeasureSilence:
    """Report for how long nothing has been heard of the user nor played to it (`SilenceMeasured`).

    Args:
        token: Names the occasion.
        hears_audio: Nobody detects speech in the input audio: any counts, be it silent.
    """

    token: str
    hears_audio: bool


@record
class SilenceMeasured:
    """For `seconds` nothing has been heard nor played, when that was asked for by `token`.

    Negative: the agent's audio will have been played in so many seconds.
    """

    token: str
    seconds: float


@record
class CloseAtRest:
    """End the session, in which nothing is unfinished, behind all that upstream has sent.

    Args:
        problem: Why, in words for the client; None: the proxy shuts down.
    """

    problem: Problem | None = None
