"""The functions that an agent may call, as ``think`` gives them (source: the message types of `deepgram-sdk`)."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from turnstile.protocol.voice_agent.part import Part

Json = dict[str, Any]

_METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")


class FunctionEndpoint(Part):
    """The HTTP endpoint at which the proxy calls a function."""

    url: str | None = None
    method: str = "POST"
    headers: dict[str, str] = Field(default={}, repr=False)

    @field_validator("headers", mode="before")
    @classmethod
    def _only_the_first_fault_is_told(cls, value: Any) -> Any:
        """Leave the first value that is no text alone, if there is one: pydantic describes each that it finds."""
        if isinstance(value, dict):
            wrong = next((name for name, text in value.items() if not isinstance(text, str)), None)
            return value if wrong is None else {wrong: value[wrong]}
        return value

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        try:
            parts = urlsplit(value or "")
            is_http = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            is_http = False
        if value is not None and (not is_http or parts.username is not None):
            raise ValueError("must be an http:// or https:// address without credentials; put them into headers")
        return value

    @field_validator("method")
    @classmethod
    def _is_supported(cls, value: str) -> str:
        if value.upper() not in _METHODS:
            raise ValueError(f"must be one of {', '.join(_METHODS)}")
        return value.upper()


class Function(Part):
    """A function that the agent may call, within the bounds of the Realtime API."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = Field(None, description="the first 1024 characters are used")
    parameters: Json | None = None
    endpoint: FunctionEndpoint | None = None


class NamedTool(Part):
    """A tool choice of one function; OpenAI's older APIs have its name in an object ``function``."""

    type: Literal["function"] = "function"
    name: str

    @model_validator(mode="before")
    @classmethod
    def _name_is_inside(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("function"), dict):
            rest = {name: field for name, field in value.items() if name != "function"}
            return {**rest, "name": value["function"].get("name")}
        return value
