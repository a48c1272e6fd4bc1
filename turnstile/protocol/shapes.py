"""How server events are built, as far as anybody reads them: what each means nothing without, and what it may have."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol import beta

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

Json = dict[str, Any]


class Shape(NamedTuple):
    """An object: the fields that it means nothing without, and those that it may have; others may be anything.

    By `old_fields`, or by a ``type`` that is one of `old_types`, it is known to be in the words of the beta.
    """

    needed: Mapping[str, Check]
    optional: Mapping[str, Check] = MappingProxyType({})
    old_fields: Collection[str] = ()
    old_types: Collection[str] = ()


class Many(NamedTuple):
    """A list of objects; what in it is not built as `each` is left out."""

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
    """Return what tells whether a value is surely built as `shape` says, and in the current words.

    It is asked of each event, and so written out as one expression, which takes half as long as to go through a list of
    fields; all that it is made of is in this file. An optional field that is null counts as not given.
    """
    known: dict[str, Any] = {}
    test: Callable[[Any], bool] = eval(f"lambda value: {_expression(shape, 'value', known)}", known)  # noqa: S307
    return test


def _expression(shape: Shape, value: str, known: dict[str, Any]) -> str:
    """Return an expression about the variable `value`, and put what it needs to know into `known`."""
    terms = [f"{value}.__class__ is dict"]
    for name, check in (*shape.needed.items(), *shape.optional.items()):
        held = f"{value}_{name}"
        match check:
            case Shape():
                is_so = _expression(check, held, known)
            case Many(each):
                known[f"is_{held}"] = _test(each)
                is_so = f"{held}.__class__ is list and all(map(is_{held}, {held}))"
            case _:
                is_so = f"{held}.__class__ is {check.__name__}"
        unless_null = "is not None and" if name in shape.needed else "is None or"
        terms.append(f"(({held} := {value}.get({name!r})) {unless_null} {is_so})")
    if shape.old_types:
        known[f"old_{value}"] = frozenset(shape.old_types)
        terms.append(f"{value}.get('type') not in old_{value}")
    if shape.old_fields:
        known[f"old_{value}"] = frozenset(shape.old_fields)
        terms.append(f"old_{value}.isdisjoint({value})")
    return " and ".join(terms)


IS_CANONICAL: Final[Mapping[str, Callable[[Json], bool]]] = {kind: _test(shape) for kind, shape in _SHAPES.items()}
"""By the current name of an event, what tells whether nothing in it is odd or old, as it is with nearly all.

In such a one each optional field is missing, null, or as it should be, and `current_names` changes nothing.
Of an event that is not here nothing is read, and nothing was renamed but its type.
"""


def valid_event(event: Json) -> Json:
    """Return a server event, under its current name, without what in it is not built as it should be.

    Raises:
        UpstreamProtocolError: That is something that the event means nothing without; names the field.
    """
    kind = event["type"]
    if kind not in IS_CANONICAL or IS_CANONICAL[kind](event):  # Nothing is copied.
        return event
    try:
        fitted: Json = _fitted(event, _SHAPES[kind], "")
    except UpstreamProtocolError as error:
        text = f"Upstream sent a {kind} whose {error.problem.description} is missing or not built as one."
        raise UpstreamProtocolError("invalid_event", text) from None
    return fitted


def _fitted(value: Any, check: Check, path: str) -> Any:
    match check:
        case Shape(needed, optional) if isinstance(value, dict):
            result = dict(value)
            for name, inner in needed.items():
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
