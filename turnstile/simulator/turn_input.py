"""The input of a response: its settings, and the turn that a scenario answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.simulator.replies import Turn

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from turnstile.simulator.conversation_items import Item
    from turnstile.simulator.replies import Kind

Json = dict[str, Any]

_OVERRIDES: Final = ("output_modalities", "instructions", "tools", "tool_choice", "max_output_tokens", "prompt")


def response_settings(session: Json, params: Json) -> Json:
    """Return the session object with a response's own parameters put over it.

    Args:
        session: The session object in force.
        params: The `response` of a `response.create`; it fits the schema.
    """
    output = params.get("audio", {}).get("output", {})
    audio = {**session["audio"], "output": {**session["audio"]["output"], **output}}
    return {**session, **{name: params[name] for name in _OVERRIDES if name in params}, "audio": audio}


def turn_of(
    items: Sequence[Item],
    answered: Collection[str],
    settings: Json,
    session_instructions: str,
    instructions: str | None,
) -> Turn:
    """Return the turn that a response answers.

    Args:
        items: The items that it is made from, in their order.
        answered: The ids of those that an earlier response has answered. So is what stands before an item that the
            client has put in the model's place: a conversation that began on another link.
        settings: The session object with the response's own parameters put over it.
        session_instructions: The session's instructions.
        instructions: The response's own; None when it has none.
    """
    restored = [index for index, item in enumerate(items) if item.is_models and not item.by_model]
    behind = items[restored[-1] + 1 :] if restored else items
    new = [item for item in behind if item.id not in answered and not item.by_model]
    messages = [item for item in new if item.is_users]
    outputs = [item for item in new if item.type == "function_call_output"]
    last = next((item for item in reversed(new) if item in messages or item in outputs), None)
    names = {item.view["call_id"]: item.view["name"] for item in items if item.type == "function_call"}
    return Turn(
        _kind(last),
        " ".join(item.text for item in messages or [item for item in items if item.is_users][-1:]),
        tuple((names.get(item.view["call_id"], "a function"), item.text) for item in outputs),
        session_instructions,
        instructions,
        settings["tools"],
        settings["tool_choice"],
        tuple([item.text for item in items]),
    )


def _kind(last: Item | None) -> Kind:
    if last is None:
        return "none"
    if last.type == "function_call_output":
        return "output"
    return "text" if last.spoken is None else "audio"
