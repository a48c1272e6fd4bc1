"""The API's error object, and the errors that depend on a session's state.

The codes and texts are those of recorded or reported errors; where there is no record, the nearest known code stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

INVALID_REQUEST: Final = "invalid_request_error"
COMMIT_EMPTY: Final = "input_audio_buffer_commit_empty"


@dataclass(eq=False)
class ApiError(Exception):
    """An error that the API answers with; becomes an `error` event.

    Args:
        code: The API's code; None where the API gives none.
        message: The description, one sentence.
        param: Path of the parameter at fault.
        type: The API's class of error.
        echoes: Whether the error carries the client's event id, if it set one.
    """

    code: str | None
    message: str
    param: str | None = None
    type: str = INVALID_REQUEST
    echoes: bool = True

    def error_object(self, event_id: str | None) -> dict[str, Any]:
        """Return the `error` of the event."""
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id if self.echoes else None,
        }


def collision(response_id: str) -> ApiError:
    """Return the error for a create while a response of the default conversation is in progress."""
    return ApiError(
        "conversation_already_has_active_response",
        f"Conversation already has an active response in progress: {response_id}. "
        "Wait until the response is finished before creating a new one.",
    )


def too_many_responses(most: int) -> ApiError:
    """Return the error for a create beside too many responses outside of the conversation."""
    return ApiError(
        "rate_limit_exceeded", f"Too many responses are in progress outside of the conversation: at most {most} may be."
    )


def nothing_to_cancel() -> ApiError:
    """Return the error for a cancel while no response is in progress."""
    return ApiError("response_cancel_not_active", "Cancellation failed: no active response found")


def voice_locked() -> ApiError:
    """Return the error for a change of voice once assistant audio is present."""
    return ApiError("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.")


def commit_empty(milliseconds: float) -> ApiError:
    """Return the error for a commit of less than 100 ms of audio."""
    return ApiError(
        COMMIT_EMPTY,
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {milliseconds:.2f}ms of audio.",
    )


def bad_audio() -> ApiError:
    """Return the error for audio that is not base64 or ends within a sample."""
    return ApiError("invalid_value", "Invalid 'audio'. Expected base64-encoded audio bytes of whole samples.", "audio")


def unknown_item(action: str, item_id: str, param: str = "item_id") -> ApiError:
    """Return the error for an item id that is not in the conversation.

    Args:
        action: ``delete``, ``truncate`` or ``retrieve``.
        item_id: As the client gave it.
        param: The field that held it.
    """
    gerund = {"delete": "deleting", "truncate": "truncating", "retrieve": "retrieving"}[action]
    return ApiError(
        f"item_{action}_invalid_item_id", f"Error {gerund} item: the item with id '{item_id}' does not exist.", param
    )


def item_not_found(item_id: str, param: str) -> ApiError:
    """Return the error for a reference to an item that is not in the conversation."""
    return ApiError("item_not_found", f"Item with item_id not found: {item_id}", param)


def duplicate_item(item_id: str) -> ApiError:
    """Return the error for an item id that is taken."""
    return ApiError(
        "item_create_duplicate_item_id", f"Error adding item: an item with id '{item_id}' already exists.", "item.id"
    )


def unknown_call(call_id: str) -> ApiError:
    """Return the error for an output whose call is unknown or already has its output."""
    return ApiError("invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation.", "item.call_id")


def not_truncatable() -> ApiError:
    """Return the error for a truncation of an item without assistant audio."""
    return ApiError("unsupported_content_type", "Only model output audio messages can be truncated")


def truncated_beyond(has_ms: int, wanted_ms: int) -> ApiError:
    """Return the error for a truncation behind the end of the audio."""
    return ApiError(
        "invalid_value", f"Audio content of {has_ms}ms is already shorter than {wanted_ms}ms", "audio_end_ms"
    )


def no_responses() -> ApiError:
    """Return the error for a `response.create` in a transcription session; the API's words are not recorded."""
    return ApiError("invalid_parameter", "A transcription session creates no responses.")


def other_session_type(sent: str, session: str) -> ApiError:
    """Return the error for an update meant for a session of another type."""
    words = f"Passing a {sent} session update event to a {session} session is not allowed."
    return ApiError("invalid_parameter", words)


def session_expired(lifetime: float) -> ApiError:
    """Return the error that ends a session at its maximum duration, in seconds."""
    minutes = round(lifetime / 60)
    duration = f"{minutes} minutes" if minutes else f"{lifetime:g} seconds"
    return ApiError("session_expired", f"Your session hit the maximum duration of {duration}.")
