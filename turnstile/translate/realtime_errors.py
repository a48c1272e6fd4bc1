"""Problems as a Realtime client is shown them: the ``error`` of an error event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.errors import Problem

Json = dict[str, Any]

# Codes of server errors, besides those of a lost link and of a deadline that is over.
_SERVER_ERRORS: Final = frozenset(
    {
        "function_call_cancelled",
        "internal_error",
        "not_restored",
        "response_failed",
        "response_refused",
        "turn_lost",
    }
)


def error_of(problem: Problem, event_id: str | None) -> Json:
    """Return the ``error`` for a problem of the proxy's own.

    Args:
        problem: The problem.
        event_id: The client's id of the event that it is about.
    """
    kind = "server_error" if _is_server_error(problem.code) else "invalid_request_error"
    error = {"type": kind, "code": problem.code, "message": problem.description, "param": problem.param}
    return {**error, "event_id": event_id}


def named_by_client(error_event: Mapping[str, Any], event_id: str | None) -> Json:
    """Return upstream's own error event, with the client's event id instead of ours."""
    error = error_event["error"]
    if error.get("event_id") != event_id:
        error = {**error, "event_id": event_id}
    return {**error_event, "error": error}


def _is_server_error(code: str) -> bool:
    return code in _SERVER_ERRORS or code.startswith("upstream_") or code.endswith("_stalled")
