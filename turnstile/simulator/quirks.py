"""In what other Realtime servers differ from the one whose sessions were recorded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from turnstile.simulator.api_errors import Refusal
from turnstile.simulator.replies import Call, Reply
from turnstile.simulator.schema import check_event

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]
Opening = Literal["session.created", "conversation.created", "nothing"]
OddOutput = Literal["null", "bare"]

HALF_EMOJI: Final = "\ud83d"
# What a partial session is made of; below, a field is one value.
_PARTS: Final = ("audio", "input", "output")


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a session differs from a recorded one. Each default is what OpenAI's API does.

    Args:
        opening: What comes before the client has sent anything.
        left_out: Fields that no event has, by their path in it: ``response.metadata``, ``error.event_id``,
            ``session.audio.output.voice``.
        own_item_ids: Items get ids of the server's own, whatever ids the client gave them.
        in_force: A partial session that holds whatever the client asks for; it is shown, and it is what is done.
        rewritten_session: The session is shown in another form: tools in another order, with other and more keys, null
            for what is empty, whole numbers as decimals.
        binary_events: Events come in binary frames.
        noise_bytes: Before each event comes a binary frame of so many bytes that is no event.
        committed_first: A response that the user interrupts falls silent at once, but its `response.done` comes behind
            the user's `speech_stopped` and `committed`, or after two seconds.
        created_delay: Seconds by which `response.created` is late. A create that is refused meanwhile is refused in
            favour of a response that the client has not seen.
        refused_mid_response: Types of events that are refused while a response runs, as a create is.
        half_emoji: Texts and the arguments of calls end in one half of a surrogate pair, written as a JSON escape.
        odd_output: What stands for each item in the output of `response.done`: null, or an object with its id alone.

    Raises:
        ValueError: `in_force` has what no session can have.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    opening: Opening = "session.created"
    left_out: tuple[str, ...] = ()
    own_item_ids: bool = False
    in_force: Json = field(default_factory=dict)
    rewritten_session: bool = False
    binary_events: bool = False
    noise_bytes: int = 0
    committed_first: bool = False
    created_delay: float = 0.0
    refused_mid_response: tuple[str, ...] = ()
    half_emoji: bool = False
    odd_output: OddOutput | None = None

    def __post_init__(self) -> None:
        """Check `in_force`."""
        try:
            check_event({"type": "session.update", "session": {"type": "realtime", **self.in_force}})
        except Refusal as refusal:
            raise ValueError(f"in_force: {refusal.message}") from refusal


NO_QUIRKS: Final = Quirks()


def without_fixed(patch: Json, fixed: Json) -> Json:
    """Return what is left of a partial session, or of a response's parameters, without the fields that are fixed.

    Args:
        patch: What the client asks for.
        fixed: The partial session that holds whatever it asks for.
    """
    return {
        name: without_fixed(value, fixed.get(name, {})) if name in _PARTS and isinstance(value, dict) else value
        for name, value in patch.items()
        if name in _PARTS or name not in fixed
    }


def rewritten(session: Json) -> Json:
    """Return a session that says the same in another form."""
    tools = [{"strict": None, **dict(reversed(tool.items()))} for tool in reversed(session["tools"])]
    return {name: _rewritten(value) for name, value in {**session, "tools": tools}.items()}


def without_field(event: Json, path: str) -> Json:
    """Return an event without one field, which it need not have."""
    name, _, rest = path.partition(".")
    if not rest:
        return {key: value for key, value in event.items() if key != name}
    inner = event.get(name)
    return {**event, name: without_field(inner, rest)} if isinstance(inner, dict) else event


def with_odd_output(done: Json, odd: OddOutput | None) -> Json:
    """Return a `response.done` with something odd for each item of its output."""
    if odd is None:
        return done
    response = done["response"]
    output = [None if odd == "null" else {"id": item["id"]} for item in response["output"]]
    return {**done, "response": {**response, "output": output}}


def with_half_emoji(reply: Reply) -> Reply:
    """Return a reply whose texts, those in the arguments of its calls included, end in half an emoji."""
    text = None if reply.text is None else f"{reply.text} {HALF_EMOJI}"
    calls = tuple(Call(call.name, _half_written(call.arguments)) for call in reply.calls)
    return replace(reply, text=text, calls=calls)


def _half_written(arguments: Mapping[str, Any] | str) -> Mapping[str, Any] | str:
    if isinstance(arguments, str):
        return arguments
    return {name: value + HALF_EMOJI if isinstance(value, str) else value for name, value in arguments.items()}


def _rewritten(value: Any) -> Any:
    match value:
        case dict():
            return {name: _rewritten(each) for name, each in value.items()}
        case list():
            return [_rewritten(each) for each in value] or None
        case bool():
            return value
        case int():
            return float(value)
        case _:
            return value if value != "" else None
