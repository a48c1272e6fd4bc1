"""Turns and replies: the input and the content of a response."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, Any]
Kind = Literal["text", "audio", "output", "none"]
Ends = Literal["completed", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn that a response answers.

    Args:
        kind: The last new item: a user's text, a voice turn, a function output, or none.
        text: The user's text since the model's last message; without any, the user's last text.
        outputs: Function outputs since the model's last message, as pairs of function name and output.
        session_instructions: The instructions of the session.
        instructions: The instructions of this response alone; None when it has none.
        tools: The tools that may be called.
        tool_choice: As in the API.
        conversation: The texts of all items that the response is made from, in their order, the new ones included.
    """

    kind: Kind
    text: str = ""
    outputs: tuple[tuple[str, str], ...] = ()
    session_instructions: str = ""
    instructions: str | None = None
    tools: Sequence[Json] = ()
    tool_choice: str | Json = "auto"
    conversation: tuple[str, ...] = ()

    @property
    def instructions_in_force(self) -> str:
        """The instructions of this response, else those of the session."""
        return self.session_instructions if self.instructions is None else self.instructions

    @property
    def all_outputs(self) -> str:
        """The function outputs, one behind the other."""
        return " ".join(output for _, output in self.outputs)


@dataclass(frozen=True, slots=True)
class Call:
    """One function call of a reply.

    Args:
        name: The function.
        arguments: Its arguments; a string is sent as it is, valid JSON or not.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)

    @property
    def json(self) -> str:
        """The arguments as the model writes them."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Reply:
    """The content of a response: a message, then function calls.

    Args:
        text: The message, in audio or text as the response has it; None for no message.
            ``{text}``, ``{output}`` and ``{instructions}`` stand for those of the turn.
        calls: The function calls.
        ends: The status that the response ends with.
        reason: The reason of that status: for ``failed`` the code of an error and for ``incomplete`` the API's reason.
        retry_after: Seconds that the message of a failure asks the client to wait; None for no such request.
    """

    text: str | None = None
    calls: tuple[Call, ...] = ()
    ends: Ends = "completed"
    reason: str | None = None
    retry_after: float | None = None

    def filled(self, turn: Turn) -> Reply:
        """Fill the placeholders in the text with the turn's words."""
        if self.text is None:
            return self
        words = {
            "{text}": turn.text,
            "{output}": turn.all_outputs,
            "{instructions}": turn.instructions_in_force,
        }
        text = re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], self.text)
        return replace(self, text=text)
