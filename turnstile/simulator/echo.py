"""The reply to a turn that no step expects: an echo of the turn, or a call of a declared tool."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from turnstile.simulator.replies import Call, Json, Reply

if TYPE_CHECKING:
    from turnstile.simulator.replies import Turn

_MENTIONED_INSTRUCTIONS: Final = 60
_SHORTEST_KEYWORD: Final = 4
_EXACTLY: Final = re.compile(r'Say exactly:?\s*(".*")', re.DOTALL | re.IGNORECASE)
_COMMON_WORDS: Final = """
about also call calls current data each function from given have here into look must name only return returns some tell
text that their them then there these they this tool user users uses using want what when where which with your
"""
# Words of a tool's description that do not describe its purpose.
_COMMON: Final = frozenset(_COMMON_WORDS.split())


def echo(turn: Turn) -> Reply:
    """Return a reply that repeats the turn and the instructions in force.

    A declared tool that the user's words point to is called instead, unless its output has just come.
    """
    call = None if turn.outputs else _wanted_call(turn)
    if call is not None:
        return Reply(calls=(call,))
    return Reply(" ".join(part for part in (_echo(turn), _mention(turn)) if part))


def said_exactly(instructions: str) -> str | None:
    """Return the text in double quotes behind ``Say exactly``, or None; JSON escapes in it are resolved."""
    found = _EXACTLY.search(instructions)
    if found is None:
        return None
    quoted = found[1]
    try:
        return str(json.loads(quoted))
    except ValueError:
        return quoted[1:-1]


def _echo(turn: Turn) -> str:
    parts = [f"The answer of {name} is: {output}." for name, output in turn.outputs]
    if turn.text and turn.kind != "output":
        parts.append(f"You said: {turn.text.rstrip('.')}.")
    return " ".join(parts) or "Hello."


def _mention(turn: Turn) -> str:
    bit = " ".join(turn.instructions_in_force.split())
    if not bit:
        return ""
    if len(bit) > _MENTIONED_INSTRUCTIONS:
        bit = bit[:_MENTIONED_INSTRUCTIONS].rsplit(" ", 1)[0] + " …"
    return f"(My instructions: {bit})"


def _wanted_call(turn: Turn) -> Call | None:
    functions = [tool for tool in turn.tools if tool.get("type") == "function"]
    match turn.tool_choice:
        case "none":
            return None
        case {"name": name}:
            chosen = [tool for tool in functions if tool["name"] == name]
        case "required":
            chosen = [tool for tool in functions if _points_to(turn.text, tool)] or functions
        case _:
            chosen = [tool for tool in functions if turn.kind != "none" and _points_to(turn.text, tool)]
    return Call(chosen[0]["name"], _arguments(chosen[0], turn.text)) if chosen else None


def _points_to(text: str, tool: Json) -> bool:
    if tool["name"].lower() in text.lower():
        return True
    known = re.findall(r"[^\W_]+", f"{tool['name']} {tool.get('description') or ''}".lower().replace("_", " "))
    keywords = {word for word in known if len(word) >= _SHORTEST_KEYWORD} - _COMMON
    return not keywords.isdisjoint(re.findall(r"[^\W_]+", text.lower()))


def _arguments(tool: Json, text: str) -> Json:
    parameters = tool.get("parameters") or {}
    properties = parameters.get("properties") or {}
    return {name: _argument(properties.get(name) or {}, text) for name in parameters.get("required") or properties}


def _argument(schema: Json, text: str) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "integer" | "number":
            found = re.search(r"\d+", text)
            return int(found[0]) if found else 1
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return {}
        case _:
            names = re.findall(r"\b[A-Z]\w+", " ".join(text.split()[1:]))
            return names[-1] if names else text
