"""The shapes of server events, as far as they are read: the required fields of each, and the optional ones."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol import beta

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

Json = dict[str, Any]


class Shape(NamedTuple):
    """The shape of an object; fields that are not named may be anything.

    Args:
        required: The fields without which the object is dropped, or its event refused.
        optional: The fields that are dropped where they are invalid.
        old_fields: Fields that only the beta has.
        old_types: Values of ``type`` that only the beta has.
    """

    required: Mapping[str, Check]
    optional: Mapping[str, Check] = MappingProxyType({})
    old_fields: Collection[str] = ()
    old_types: Collection[str] = ()


class Many(NamedTuple):
    """The shape of a list of objects; the invalid ones are dropped."""

    each: Shape


Check: TypeAlias = "type | Shape | Many"

_SESSION: Final = Shape({}, {}, old_fields=beta.FIELDS)
_PART: Final = Shape({}, {"type": str, "text": str, "transcript": str}, old_types=beta.PARTS)
_CONTENT: Final = {"content": Many(_PART)}
_ITEM: Final = Shape({"id": str}, {"type": str, "role": str, "status": str, **_CONTENT})
_BEGUN: Final = Shape({}, {"type": str, "name": str, **_CONTENT})
_CALL: Final = Shape({}, {"type": str, "status": str, "call_id": str, "name": str, **_CONTENT})
_ERROR: Final = Shape({}, {"type": str, "code": str, "message": str})
_IN_RESPONSE: Final = {"response_id": str, "item_id": str}

_SHAPES: Final[dict[str, Shape]] = {
    "session.created": Shape({}, {"session": _SESSION}),
    "session.updated": Shape({}, {"session": _SESSION}),
    "conversation.item.added": Shape({"item": _ITEM}),
    "conversation.item.created": Shape({"item": _ITEM}),
    "conversation.item.done": Shape({"item": _ITEM}),
    "conversation.item.retrieved": Shape({"item": _ITEM}),
    "conversation.item.deleted": Shape({"item_id": str}),
    "conversation.item.truncated": Shape({"item_id": str}),
    "conversation.item.input_audio_transcription.delta": Shape({"item_id": str}, {"delta": str}),
    "conversation.item.input_audio_transcription.completed": Shape({"item_id": str, "transcript": str}),
    "conversation.item.input_audio_transcription.failed": Shape({"item_id": str}, {"error": _ERROR}),
    "input_audio_buffer.speech_stopped": Shape({"item_id": str}),
    "input_audio_buffer.committed": Shape({"item_id": str}),
    "response.created": Shape(
        {
            "response": Shape(
                {"id": str},
                {"metadata": dict, "output_modalities": list, "output": Many(_ITEM)},
                old_fields=beta.FIELDS,
            )
        }
    ),
    "response.done": Shape(
        {
            "response": Shape(
                {"id": str},
                {
                    "status": str,
                    "status_details": Shape({}, {"reason": str, "error": _ERROR}),
                    "output": Many(_ITEM),
                },
                old_fields=beta.FIELDS,
            )
        }
    ),
    "response.output_item.added": Shape({"response_id": str, "item": _BEGUN}),
    "response.output_item.done": Shape({"response_id": str, "item": _CALL}, {"output_index": int}),
    "response.content_part.added": Shape({"response_id": str, "part": Shape({}, {"type": str})}),
    "response.output_text.delta": Shape({**_IN_RESPONSE, "delta": str}),
    "response.output_text.done": Shape({**_IN_RESPONSE, "text": str}),
    "response.output_audio_transcript.delta": Shape({**_IN_RESPONSE, "delta": str}),
    "response.output_audio_transcript.done": Shape({**_IN_RESPONSE, "transcript": str}),
    "response.function_call_arguments.done": Shape(
        {"response_id": str}, {"output_index": int, "call_id": str, "name": str}
    ),
}


def _test(shape: Shape) -> Callable[[Any], bool]:
    """Compile the test whether a value has the shape, under the current names; a null optional field counts as missing.

    It runs once for each event: as one expression it takes 0.4 to 2.2 us and one Python call, as a loop over the fields
    0.7 to 5.1 us and a call for each object. Hence the `eval`; its source is made of this file's constants only.
    """
    known: dict[str, Any] = {}
    test: Callable[[Any], bool] = eval(f"lambda value: {_expression(shape, 'value', known)}", known)  # noqa: S307
    return test


def _expression(shape: Shape, value: str, known: dict[str, Any]) -> str:
    """Return the test as an expression about the variable `value`; add the names that it uses to `known`."""
    terms = [f"{value}.__class__ is dict"]
    for name, check in (*shape.required.items(), *shape.optional.items()):
        held = f"{value}_{name}"
        match check:
            case Shape():
                is_so = _expression(check, held, known)
            case Many(each):
                known[f"is_{held}"] = _test(each)
                is_so = f"{held}.__class__ is list and all(map(is_{held}, {held}))"
            case _:
                is_so = f"{held}.__class__ is {check.__name__}"
        unless_null = "is not None and" if name in shape.required else "is None or"
        terms.append(f"(({held} := {value}.get({name!r})) {unless_null} {is_so})")
    if shape.old_types:
        known[f"old_{value}"] = frozenset(shape.old_types)
        terms.append(f"{value}.get('type') not in old_{value}")
    if shape.old_fields:
        known[f"old_{value}"] = frozenset(shape.old_fields)
        terms.append(f"old_{value}.isdisjoint({value})")
    return " and ".join(terms)


IS_CANONICAL: Final[Mapping[str, Callable[[Json], bool]]] = {kind: _test(shape) for kind, shape in _SHAPES.items()}
"""The tests, by event type, whether an event is canonical, as nearly all are: valid, and under the current names.

`valid_event` and `current_server_event` return such an event as it is. Of an event without a test no field is read, and
only its type may have another name in the beta.
"""


def valid_event(event: Json) -> Json:
    """Return a server event, given under its current name, without its invalid optional fields.

    Raises:
        UpstreamProtocolError: A required field is missing or invalid; names it.
    """
    kind = event["type"]
    if kind not in IS_CANONICAL or IS_CANONICAL[kind](event):  # Usual: not copied.
        return event
    try:
        fitted: Json = _fitted(event, _SHAPES[kind], "")
    except UpstreamProtocolError as error:
        text = f"Upstream sent a {kind} whose {error.problem.description} is missing or invalid."
        raise UpstreamProtocolError("invalid_event", text) from None
    return fitted


def _fitted(value: Any, check: Check, path: str) -> Any:
    match check:
        case Shape(required, optional) if isinstance(value, dict):
            result = dict(value)
            for name, inner in required.items():
                result[name] = _fitted(value.get(name), inner, f"{path}.{name}" if path else name)
            for name, inner in optional.items():
                if name in value:
                    _fit_or_drop(result, name, inner)
            return result
        case Many(each) if isinstance(value, list):
            return [fitted for one in value if (fitted := _fitted_or_none(one, each)) is not None]
        case type() if isinstance(value, check):
            return value
        case _:
            raise UpstreamProtocolError("invalid_event", path)


def _fit_or_drop(result: Json, name: str, check: Check) -> None:
    fitted = _fitted_or_none(result[name], check)
    if fitted is None:
        del result[name]
    else:
        result[name] = fitted


def _fitted_or_none(value: Any, check: Check) -> Any:
    try:
        return _fitted(value, check, "")
    except UpstreamProtocolError:
        return None
