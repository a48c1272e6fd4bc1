"""The replies that a terminal's user waits for, found in the messages received."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.terminal.terminal_client import Message

_FAULTS = ("Error", "Warning", "InjectionRefused")


@dataclass(slots=True)
class ExpectedReplies:
    """The replies to what was written.

    Args:
        said: The user's messages; those in the conversation when a response begins get one reply together.
        injected: The number of agent messages injected; each is a reply of its own.
        updates: The number of acknowledgements owed, by type.
    """

    said: list[str] = field(default_factory=list)
    injected: int = 0
    updates: Counter[str] = field(default_factory=Counter)

    def have_come(self, messages: Sequence[Message]) -> bool:
        """Return whether all have come; a fault or a refusal counts as the reply to anything."""
        echoed = unasked = 0
        is_reply_owed = False
        for message in messages:
            match message["type"]:
                case "ConversationText" if message["role"] == "user" and message["content"] in self.said:
                    echoed += 1
                    is_reply_owed = True
                case "AgentAudioDone":
                    unasked += not is_reply_owed
                    is_reply_owed = False
        received = Counter(message["type"] for message in messages)
        missing = max(0, len(self.said) - echoed) + is_reply_owed + max(0, self.injected - unasked)
        return missing + (self.updates - received).total() <= sum(received[kind] for kind in _FAULTS)


def is_answered_aloud(messages: Sequence[Message]) -> bool:
    """Return whether the user's last spoken turn has its whole answer.

    The end of an answer that this turn has cut off is none: its beginning came before.
    """
    is_turn = is_begun = is_answered = False
    for message in messages:
        match message["type"]:
            case "UserStartedSpeaking":
                is_turn, is_begun, is_answered = True, False, False
            case "AgentStartedSpeaking":
                is_begun = is_turn
            case "AgentAudioDone":
                is_answered = is_begun
    return is_answered


def is_transcribed(messages: Sequence[Message]) -> bool:
    """Return whether the transcript of each spoken turn has come, or a fault in its place."""
    turns: int = sum(message["type"] == "UserStartedSpeaking" for message in messages)
    transcribed: int = sum(message["type"] in _FAULTS or message.get("role") == "user" for message in messages)
    return transcribed >= turns
