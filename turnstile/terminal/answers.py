"""Whether what was said has been answered, read from what came back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.terminal.dialogue import Message

_FAULTS = ("Error", "Warning", "InjectionRefused")


@dataclass(slots=True)
class Awaited:
    """What was asked for in writing, to be answered.

    Args:
        said: What the user has said; what is in the conversation by the time a response begins gets one reply together.
        injected: How often the agent was told to say something; each is a reply of its own.
        updates: The acknowledgements that are owed, by type.
    """

    said: list[str] = field(default_factory=list)
    injected: int = 0
    updates: Counter[str] = field(default_factory=Counter)

    def is_answered(self, messages: Sequence[Message]) -> bool:
        """Tell whether everything was answered; a fault or a refusal answers too, whatever it was."""
        told = unasked = 0
        is_reply_owed = False
        for message in messages:
            match message["type"]:
                case "ConversationText" if message["role"] == "user" and message["content"] in self.said:
                    told += 1
                    is_reply_owed = True
                case "AgentAudioDone":
                    unasked += not is_reply_owed
                    is_reply_owed = False
        heard = Counter(message["type"] for message in messages)
        missing = max(0, len(self.said) - told) + is_reply_owed + max(0, self.injected - unasked)
        return missing + (self.updates - heard).total() <= sum(heard[kind] for kind in _FAULTS)


def is_answered_aloud(messages: Sequence[Message]) -> bool:
    """Tell whether the last turn that was heard has its whole answer.

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
    """Tell whether the words of every turn that was heard have come, or a fault in their place."""
    turns: int = sum(message["type"] == "UserStartedSpeaking" for message in messages)
    told: int = sum(message["type"] in _FAULTS or message.get("role") == "user" for message in messages)
    return told >= turns
