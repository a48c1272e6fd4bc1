"""Errors of an event whose form the schema refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.simulator.api_errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Sequence


def invalid_json() -> ApiError:
    """Return the error for a text frame that is not a JSON object."""
    return ApiError(
        "invalid_json", "Invalid event: failed to parse JSON value. Please check the value to ensure it is valid."
    )


def binary_frame() -> ApiError:
    """Return the error for a binary frame."""
    return ApiError("invalid_event", "Expected a text WebSocket message; binary frames are not supported.")


def type_missing() -> ApiError:
    """Return the error for an event without a type."""
    return ApiError("invalid_event", "The 'type' field is missing.", "type")


def unknown_parameter(path: str) -> ApiError:
    """Return the error for an unknown field."""
    return ApiError("unknown_parameter", f"Unknown parameter: '{path}'.", path)


def missing_parameter(path: str) -> ApiError:
    """Return the error for a missing required field."""
    return ApiError("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def invalid_type(path: str, expected: str, value: object) -> ApiError:
    """Return the error for a value of the wrong JSON type."""
    return ApiError(
        "invalid_type", f"Invalid type for '{path}': expected {expected}, but got {_kind(value)} instead.", path
    )


def invalid_value(path: str, value: object, supported: Sequence[str]) -> ApiError:
    """Return the error for a value outside an enumeration."""
    return ApiError("invalid_value", f"Invalid value: '{value}'. Supported values are: {listed(supported)}.", path)


def out_of_range(path: str, value: float, *, bound: float, below: bool) -> ApiError:
    """Return the error for a number below its minimum or above its maximum."""
    kind = "integer" if isinstance(value, int) and isinstance(bound, int) else "decimal"
    side, sign, edge = ("below", ">=", "min") if below else ("above", "<=", "max")
    return ApiError(
        f"{kind}_{side}_{edge}_value",
        f"Invalid '{path}': {kind} {side} {edge}imum value. Expected a value {sign} {bound}, but got {value} instead.",
        path,
    )


def too_long(path: str, length: int, maximum: int) -> ApiError:
    """Return the error for a string above its maximum length."""
    return ApiError(
        "string_above_max_length",
        f"Invalid '{path}': string too long. Expected a string with maximum length {maximum}, "
        f"but got a string with length {length} instead.",
        path,
    )


def too_many(path: str, count: int, maximum: int) -> ApiError:
    """Return the error for an object with too many properties."""
    return ApiError(
        "object_above_max_properties",
        f"Invalid '{path}': too many properties. Expected an object with at most {maximum} properties, "
        f"but got an object with {count} properties instead.",
        path,
    )


def listed(values: Sequence[str]) -> str:
    """Write values as the API does: quoted, with a comma before the last "and"."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 1:
        return "".join(quoted)
    joint = " and " if len(quoted) == 2 else ", and "  # noqa: PLR2004 - two need no comma
    return ", ".join(quoted[:-1]) + joint + quoted[-1]


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
