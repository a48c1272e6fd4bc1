"""Quirks: the differences of other Realtime servers from the recorded API."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from turnstile.simulator.api_errors import ApiError
from turnstile.simulator.replies import Call, Reply
from turnstile.simulator.schema import check_event

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]
Opening = Literal["session.created", "conversation.created", "nothing"]
OddOutput = Literal["null", "bare"]

HALF_EMOJI: Final = "\ud83d"
# The parts of a partial session that are merged field by field; below them a field is one value.
_PARTS: Final = ("audio", "input", "output")


@dataclass(frozen=True, slots=True)
class Quirks:
    """The differences of a session from a recorded one. Each default is the behaviour of OpenAI's API.

    Args:
        opening: The event that comes before the client's first.
        left_out: Fields that are left out of events, by their path: ``response.metadata``, ``error.event_id``,
            ``session.audio.output.voice``.
        own_item_ids: Items get ids of the server, whatever ids the client gave them.
        in_force: A partial session that is in force, and shown, whatever the client asks for.
        rewritten_session: The session is shown in another form: tools in another order, with other and more keys, null
            for empty values, whole numbers as decimals.
        binary_events: Events come in binary frames.
        noise_bytes: A binary frame of so many bytes, which is no event, comes before each event.
        committed_first: A response that the user interrupts falls silent at once, but its `response.done` comes behind
            the user's `speech_stopped` and `committed`, or after two seconds.
        created_delay: Seconds by which `response.created` is late. A create that is refused meanwhile is refused in
            favour of a response that the client has not seen.
        refused_mid_response: Types of events that are refused while a response runs, as a create is.
        half_emoji: Texts and the arguments of calls end in one half of a surrogate pair, written as a JSON escape.
        odd_output: The form of each item in the output of `response.done`: null, or an object with its id alone.

    Raises:
        ValueError: `in_force` does not fit the schema of a session.
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
        except ApiError as error:
            raise ValueError(f"in_force: {error.message}") from error


NO_QUIRKS: Final = Quirks()


def without_fixed(patch: Json, fixed: Json) -> Json:
    """Remove the fixed fields from a partial session, or from a response's parameters.

    Args:
        patch: The partial session, or the parameters, of the client.
        fixed: The partial session that is in force whatever the client asks for.
    """
    return {
        name: without_fixed(value, fixed.get(name, {})) if name in _PARTS and isinstance(value, dict) else value
        for name, value in patch.items()
        if name in _PARTS or name not in fixed
    }


def rewritten(session: Json) -> Json:
    """Return the same session in another form."""
    tools = [{"strict": None, **dict(reversed(tool.items()))} for tool in reversed(session["tools"])]
    return {name: _rewritten(value) for name, value in {**session, "tools": tools}.items()}


def without_field(event: Json, path: str) -> Json:
    """Return an event without one field, if it has it."""
    name, _, rest = path.partition(".")
    if not rest:
        return {key: value for key, value in event.items() if key != name}
    inner = event.get(name)
    return {**event, name: without_field(inner, rest)} if isinstance(inner, dict) else event


def with_odd_output(done: Json, odd: OddOutput | None) -> Json:
    """Return a `response.done` with null or a bare id for each item of its output."""
    if odd is None:
        return done
    response = done["response"]
    output = [None if odd == "null" else {"id": item["id"]} for item in response["output"]]
    return {**done, "response": {**response, "output": output}}


def with_half_emoji(reply: Reply) -> Reply:
    """Return a reply whose texts, and the texts in its calls' arguments, end in half an emoji."""
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
