"""Errors of a refused connection: sent behind the handshake, before the close."""

from __future__ import annotations

from turnstile.simulator.api_errors import ApiError


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


def beta_disabled() -> ApiError:
    """Return the error for a handshake that asks for the beta protocol."""
    return ApiError(
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
    )
