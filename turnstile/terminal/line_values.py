"""What the journal's lines say of events and effects, as they are written: by their class and fields."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def kind_of(value: Any) -> str:
    """Return the class of an encoded event or effect; "" for another value."""
    return str(value.get("!", "")) if isinstance(value, dict) else ""


def members(value: Any) -> list[Any]:
    """Return the members of an encoded tuple or list; none of another value."""
    found = value.get("of") if isinstance(value, dict) else value
    return list(found) if isinstance(found, list) else []


def text_of(value: Any) -> str:
    """Return a field that is text, or a word of a few; "" where it is another value, or left out."""
    if isinstance(value, dict):
        found = value.get("of")
        parts = found if isinstance(found, list) else [found]
        return "".join([part if isinstance(part, str) else "..." for part in parts if part is not None])
    return value if isinstance(value, str) else ""


def code_of(effect: Json) -> str:
    """Return the code of an effect's problem, and its description where that is shown."""
    problem = effect.get("problem")
    if not isinstance(problem, dict):
        return "?"
    return ": ".join(filter(None, (text_of(problem.get("code")), text_of(problem.get("description")))))


def why_of(held: Json) -> str:
    """Return the reason of a note about held requests, such as ``response resp_1``."""
    reason = held.get("reason")
    if isinstance(reason, dict):
        return f"{text_of(reason.get('waits'))} {text_of(reason.get('which'))}".strip()
    return text_of(reason)


def short_id(response_id: str) -> str:
    """Return the end of the API's long name for a response; other names as they are."""
    return f"...{response_id[-4:]}" if response_id.startswith("resp_") else response_id
