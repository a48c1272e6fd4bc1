"""The two kinds of Voice Agent client, and all that differs between them."""

from __future__ import annotations

from dataclasses import dataclass

NOTICES = frozenset(
    {
        "field_adjusted",
        "field_not_supported",
        "function_call_already_answered",
        "function_call_cancelled",
        "function_call_not_yours",
        "host_decides",
        "not_in_force",
        "not_supported",
        "too_many_call_rounds",
        "turn_lost",
        "upstream_lost",
        "upstream_restored",
    }
)
"""Codes of problems in which nothing failed: what is ignored, adjusted or repaired. They are warnings to everybody."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a kind of client expects.

    Args:
        name: Its name in the logs.
        welcomes: `Welcome` comes first.
        has_extras: `AgentDone`, `Transcript` and `UtteranceEnd` are sent, which the Deepgram SDKs do not know.
        errors_end: `Error` comes only when the session ends; anything less is a `Warning`.
        input_rate: Samples a second of its linear16 input where Settings says nothing.
    """

    name: str
    welcomes: bool
    has_extras: bool
    errors_end: bool
    input_rate: int

    def is_error(self, code: str, *, fatal: bool = False) -> bool:
        """Whether a problem of this code is told as `Error`; `fatal`: the session ends with it."""
        return fatal or (not self.errors_end and code not in NOTICES)


DEEPGRAM = Profile("deepgram", welcomes=True, has_extras=False, errors_end=True, input_rate=24_000)
COMPONENT = Profile("component", welcomes=False, has_extras=True, errors_end=False, input_rate=16_000)
