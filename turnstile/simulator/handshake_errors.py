"""Errors of a refused connection: sent behind the handshake, before the close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.simulator.api_errors import ApiError

if TYPE_CHECKING:
    from turnstile.simulator.faults import Faults


def invalid_api_key() -> ApiError:
    """Return the error for a wrong API key."""
    return ApiError(
        "invalid_api_key",
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    )


def missing_api_key() -> ApiError:
    """Return the error for a handshake without an API key."""
    return ApiError(None, "Missing bearer or basic authentication in header")


def invalid_model(model: str) -> ApiError:
    """Return the error for a model that is not a Realtime model."""
    return ApiError("invalid_model", f'Model "{model}" is not supported in realtime mode.')


def missing_model() -> ApiError:
    """Return the error for a handshake without a model."""
    return ApiError("missing_model", "You must provide a model parameter, for example wss://…?model=gpt-realtime")


def model_with_an_intent() -> ApiError:
    """Return the error for a model where an intent stands in its place."""
    return ApiError("invalid_parameter", "You must not provide a model parameter for transcription sessions.", "model")


def insufficient_quota() -> ApiError:
    """Return the error for an account without credit."""
    words = "You exceeded your current quota, please check your plan and billing details."
    return ApiError("insufficient_quota", words, type="insufficient_quota")


def on_demand(faults: Faults, model: str) -> ApiError | None:
    """Return the error that a fault refuses the connection with."""
    if faults.refused_key:
        return invalid_api_key()
    match faults.rejected:
        case "invalid_model":
            return invalid_model(model)
        case "insufficient_quota":
            return insufficient_quota()
        case None:
            return None


def beta_disabled() -> ApiError:
    """Return the error for a handshake that asks for the beta protocol."""
    return ApiError(
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
    )
