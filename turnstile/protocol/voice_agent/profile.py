"""The two kinds of Voice Agent client, and the differences between them."""

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
        "not_restored",
        "not_supported",
        "too_many_call_rounds",
        "turn_lost",
        "upstream_lost",
        "upstream_restored",
    }
)
"""The codes of problems in which nothing failed: something was ignored, adjusted or repaired. Always warnings."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The protocol variant of one kind of client.

    Args:
        name: The name in the logs.
        welcomes: Whether `Welcome` is the first message.
        has_extras: Whether `AgentDone`, `Transcript` and `UtteranceEnd` are sent, which the Deepgram SDKs do not have.
        errors_end: Whether `Error` is sent only when the session ends, and `Warning` otherwise.
        input_rate: The default sample rate of linear16 input, in Hz.
    """

    name: str
    welcomes: bool
    has_extras: bool
    errors_end: bool
    input_rate: int

    def is_error(self, code: str, *, fatal: bool = False) -> bool:
        """Tell whether a problem of this code is sent as `Error`; `fatal`: the session ends with it."""
        return fatal or (not self.errors_end and code not in NOTICES)


DEEPGRAM = Profile("deepgram", welcomes=True, has_extras=False, errors_end=True, input_rate=24_000)
COMPONENT = Profile("component", welcomes=False, has_extras=True, errors_end=False, input_rate=16_000)
