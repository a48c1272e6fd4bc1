"""What the API says when it refuses: the error shapes, each in one place.

The codes and texts are those of recorded or reported errors; where there is no record, the nearest known code stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

INVALID_REQUEST: Final = "invalid_request_error"
COMMIT_EMPTY: Final = "input_audio_buffer_commit_empty"


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - a refusal is what the API answers, not a fault of the simulator
    """One thing that the API refuses; becomes an `error` event.

    Args:
        code: The API's name for it; None where the API gives none.
        message: One sentence for people.
        param: Path of the parameter at fault.
        type: The API's class of error.
        echoes: Whether the error carries the client's event id, if it set one.
    """

    code: str | None
    message: str
    param: str | None = None
    type: str = INVALID_REQUEST
    echoes: bool = True

    def error(self, event_id: str | None) -> dict[str, Any]:
        """Return the `error` object of the event."""
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id if self.echoes else None,
        }


def listed(values: Sequence[str]) -> str:
    """Write values as the API does: quoted, with a comma before the last "and"."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 1:
        return "".join(quoted)
    joint = " and " if len(quoted) == 2 else ", and "  # noqa: PLR2004 - two need no comma
    return ", ".join(quoted[:-1]) + joint + quoted[-1]


def invalid_json() -> Refusal:
    """Return the answer to a text frame that is no JSON object."""
    return Refusal(
        "invalid_json", "Invalid event: failed to parse JSON value. Please check the value to ensure it is valid."
    )


def binary_frame() -> Refusal:
    """Return the answer to a binary frame."""
    return Refusal("invalid_event", "Expected a text WebSocket message; binary frames are not supported.")


def type_missing() -> Refusal:
    """Return the answer to an event without a type."""
    return Refusal("invalid_event", "The 'type' field is missing.", "type")


def unknown_parameter(path: str) -> Refusal:
    """Return the answer to a field that the API does not know."""
    return Refusal("unknown_parameter", f"Unknown parameter: '{path}'.", path)


def missing_parameter(path: str) -> Refusal:
    """Return the answer to a required field that is not there."""
    return Refusal("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def invalid_type(path: str, expected: str, value: object) -> Refusal:
    """Return the answer to a value of the wrong JSON type."""
    return Refusal(
        "invalid_type", f"Invalid type for '{path}': expected {expected}, but got {_kind(value)} instead.", path
    )


def invalid_value(path: str, value: object, supported: Sequence[str]) -> Refusal:
    """Return the answer to a value that is not one of a list."""
    return Refusal("invalid_value", f"Invalid value: '{value}'. Supported values are: {listed(supported)}.", path)


def out_of_range(path: str, value: float, *, bound: float, below: bool) -> Refusal:
    """Return the answer to a number under its minimum or over its maximum."""
    kind = "integer" if isinstance(value, int) and isinstance(bound, int) else "decimal"
    side, sign, edge = ("below", ">=", "min") if below else ("above", "<=", "max")
    return Refusal(
        f"{kind}_{side}_{edge}_value",
        f"Invalid '{path}': {kind} {side} {edge}imum value. Expected a value {sign} {bound}, but got {value} instead.",
        path,
    )


def too_long(path: str, length: int, maximum: int) -> Refusal:
    """Return the answer to a string over its maximum length."""
    return Refusal(
        "string_above_max_length",
        f"Invalid '{path}': string too long. Expected a string with maximum length {maximum}, "
        f"but got a string with length {length} instead.",
        path,
    )


def too_many(path: str, count: int, maximum: int) -> Refusal:
    """Return the answer to an object with too many entries."""
    return Refusal(
        "object_above_max_properties",
        f"Invalid '{path}': too many properties. Expected an object with at most {maximum} properties, "
        f"but got an object with {count} properties instead.",
        path,
    )


def collision(response_id: str) -> Refusal:
    """Return the answer to a create while a response of the default conversation is in progress."""
    return Refusal(
        "conversation_already_has_active_response",
        f"Conversation already has an active response in progress: {response_id}. "
        "Wait until the response is finished before creating a new one.",
    )


def nothing_to_cancel() -> Refusal:
    """Return the answer to a cancel when no response runs."""
    return Refusal("response_cancel_not_active", "Cancellation failed: no active response found")


def voice_locked() -> Refusal:
    """Return the answer to another voice once assistant audio is present."""
    return Refusal("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.")


def commit_empty(milliseconds: float) -> Refusal:
    """Return the answer to a commit of less than 100 ms of audio."""
    return Refusal(
        COMMIT_EMPTY,
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {milliseconds:.2f}ms of audio.",
    )


def bad_audio() -> Refusal:
    """Return the answer to audio that is not base64, or holds half a sample."""
    return Refusal("invalid_value", "Invalid 'audio'. Expected base64-encoded audio bytes of whole samples.", "audio")


def unknown_item(action: str, item_id: str, param: str = "item_id") -> Refusal:
    """Return the answer to an item id that is not in the conversation.

    Args:
        action: ``delete``, ``truncate`` or ``retrieve``.
        item_id: As the client gave it.
        param: The field that held it.
    """
    gerund = {"delete": "deleting", "truncate": "truncating", "retrieve": "retrieving"}[action]
    return Refusal(
        f"item_{action}_invalid_item_id", f"Error {gerund} item: the item with id '{item_id}' does not exist.", param
    )


def item_not_found(item_id: str, param: str) -> Refusal:
    """Return the answer to a reference to an item that is not in the conversation."""
    return Refusal("item_not_found", f"Item with item_id not found: {item_id}", param)


def duplicate_item(item_id: str) -> Refusal:
    """Return the answer to an item whose id is taken."""
    return Refusal(
        "item_create_duplicate_item_id", f"Error adding item: an item with id '{item_id}' already exists.", "item.id"
    )


def unknown_call(call_id: str) -> Refusal:
    """Return the answer to the output of a call that nobody made, or that has its output."""
    return Refusal("invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation.", "item.call_id")


def not_truncatable() -> Refusal:
    """Return the answer to a truncation of something that is no audio of the model."""
    return Refusal("unsupported_content_type", "Only model output audio messages can be truncated")


def truncated_beyond(has_ms: int, wanted_ms: int) -> Refusal:
    """Return the answer to a truncation behind the end of the audio."""
    return Refusal(
        "invalid_value", f"Audio content of {has_ms}ms is already shorter than {wanted_ms}ms", "audio_end_ms"
    )


def session_expired(minutes: int) -> Refusal:
    """Return what the API says at the end of a session's time."""
    return Refusal("session_expired", f"Your session hit the maximum duration of {minutes} minutes.")


def invalid_api_key() -> Refusal:
    """Return what follows the handshake when the key is refused."""
    return Refusal(
        "invalid_api_key",
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    )


def missing_api_key() -> Refusal:
    """Return what follows the handshake when there was no key."""
    return Refusal(None, "Missing bearer or basic authentication in header")


def invalid_model(model: str) -> Refusal:
    """Return what follows the handshake when the model cannot do this."""
    return Refusal("invalid_model", f'Model "{model}" is not supported in realtime mode.')


def missing_model() -> Refusal:
    """Return what follows the handshake when no model was named."""
    return Refusal("missing_model", "You must provide a model parameter, for example wss://…?model=gpt-realtime")


def model_with_an_intent() -> Refusal:
    """Return what follows the handshake when a model was named where none may be."""
    return Refusal("invalid_parameter", "You must not provide a model parameter for transcription sessions.", "model")


def no_responses() -> Refusal:
    """Return the answer to a `response.create` in a session that only writes down; the API's words are not known."""
    return Refusal("invalid_parameter", "A transcription session creates no responses.")


def other_session_type(sent: str, session: str) -> Refusal:
    """Return the answer to an update that is meant for a session of another type."""
    words = f"Passing a {sent} session update event to a {session} session is not allowed."
    return Refusal("invalid_parameter", words)


def beta_disabled() -> Refusal:
    """Return what follows the handshake when the beta protocol was asked for."""
    return Refusal(
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
    )


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
