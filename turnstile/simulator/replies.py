"""What a response is asked, and what it answers."""

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
    """What a response is asked to answer.

    Args:
        kind: What came last: a user's text, a voice turn, a function output, or nothing new.
        text: What the user said since the model spoke last; else what the user said last.
        outputs: Function outputs since the model spoke last, as pairs of function name and output.
        session_instructions: The instructions of the session.
        instructions: Those of this response alone; None when it has none.
        tools: The tools that may be called.
        tool_choice: As in the API.
    """

    kind: Kind
    text: str = ""
    outputs: tuple[tuple[str, str], ...] = ()
    session_instructions: str = ""
    instructions: str | None = None
    tools: Sequence[Json] = ()
    tool_choice: str | Json = "auto"

    @property
    def instructions_in_force(self) -> str:
        """The instructions of this response, or else those of the session."""
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
        arguments: Its arguments; a string is sent as it is, right or wrong.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)

    @property
    def json(self) -> str:
        """The arguments as the model writes them."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a response says and does, in this order.

    Args:
        text: What is said, in audio or text as the response has it; None for nothing.
            ``{text}``, ``{output}`` and ``{instructions}`` stand for those of the turn.
        calls: The functions called.
        ends: How the response ends.
        reason: Why, for ``failed`` the code of an error and for ``incomplete`` the API's reason.
        retry_after: Seconds after which a failure says that one may try again; None for no such words.
    """

    text: str | None = None
    calls: tuple[Call, ...] = ()
    ends: Ends = "completed"
    reason: str | None = None
    retry_after: float | None = None

    def filled(self, turn: Turn) -> Reply:
        """Return the reply with the turn's words in the places kept for them."""
        if self.text is None:
            return self
        words = {
            "{text}": turn.text,
            "{output}": turn.all_outputs,
            "{instructions}": turn.instructions_in_force,
        }
        text = re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], self.text)
        return replace(self, text=text)
