"""Defines the settings of the upstream API."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from turnstile.config.replaced import with_reconnect_for
from turnstile.config.section import File, Names, Section
from turnstile.protocol.upstreams import KindName

SIMULATOR = "simulator:"
OPENAI_URL = "wss://api.openai.com/v1/realtime"
# Query parameters by which gateways take a key; in the address it would appear in logs.
KEY_PARAMETERS = frozenset({"api-key", "api_key", "apikey", "key", "token", "access_token"})
_KEY: Final = re.compile(r"[!-~]+")


class UpstreamSection(Section):
    """The Realtime API behind the proxy."""

    url: str = Field(
        "",
        description='WebSocket address. "simulator:" is the simulator in this process; "" means that, too, if api_key '
        f"is not set, and {OPENAI_URL} otherwise.",
    )
    kind: KindName = Field(
        "openai",
        description="Kind of API: its address, its way to pass the key, and its event names. See the example files.",
    )
    api_key: SecretStr | None = Field(None, description="API key. Set it in the environment rather than in a file.")
    model: str = Field("gpt-realtime", min_length=1, description="Model (Azure: deployment) of clients that name none.")
    models: Names = Field(
        ("gpt-realtime*", "*realtime*"),
        description="Patterns of models that clients may name; for any other the client gets a warning and `model`.",
    )
    organization: str = Field("", description="OpenAI-Organization header.")
    project: str = Field("", description="OpenAI-Project header.")
    connect_timeout: float = Field(
        10.0, gt=0, description="Seconds for the opening of a link: name, TCP, proxy, TLS and handshake together."
    )
    max_connects: int = Field(
        64, ge=1, description="Links that are being opened at the same time; more wait, as long as one may take."
    )
    reconnect_for: float = Field(
        30.0,
        ge=0,
        description="Seconds for which a lost link is to be replaced before the session ends. 0: it ends at once.",
    )
    session_lifetime: float = Field(
        0.0,
        ge=0,
        description="Seconds that an upstream session may last, whose link is replaced before. Its `expires_at` counts "
        "where that is sooner. 0: that alone.",
    )
    ca_file: File = Field(None, description="Certificates (PEM) to trust instead of the system's.")

    @model_validator(mode="before")
    @classmethod
    def _replaces_reconnects(cls, values: Any) -> Any:
        return with_reconnect_for(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _address_is_of_its_kind(self) -> UpstreamSection:
        has_version = any(name == "api-version" for name, _ in parse_qsl(urlsplit(self.url).query))
        if self.kind == "azure" and has_version:
            raise ValueError('url: has an api-version, as on the preview path; use kind = "azure-preview"')
        if self.kind == "azure-preview" and self.url not in {"", SIMULATOR} and not has_version:
            raise ValueError('url: has no api-version in its query; add one, or use kind = "azure"')
        if self.kind not in {"openai", "openai-beta"} and self.api_key is not None and not self.url:
            raise ValueError(f'url: is needed for kind = "{self.kind}"')
        return self

    @field_validator("api_key", mode="before")
    @classmethod
    def _has_no_space_around(cls, value: Any) -> Any:
        """Remove the line end that a key from a file may have; an empty key is none."""
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("api_key")
    @classmethod
    def _fits_in_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _KEY.fullmatch(value.get_secret_value()):
            raise ValueError("may have no spaces, and no characters beyond ASCII; copy it anew")
        return value

    @field_validator("url")
    @classmethod
    def _is_websocket(cls, value: str) -> str:
        if value in {"", SIMULATOR}:
            return value
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:  # whose words repeat a part of it, which may be of a password
            raise ValueError(
                "has a host or a port that is none; use wss://host/path, or wss://host:port/path"
            ) from None
        if parts.scheme in {"http", "https"}:
            raise ValueError(f"use {'wss' if parts.scheme == 'https' else 'ws'}:// instead of {parts.scheme}://")
        if parts.scheme not in {"ws", "wss"} or not parts.hostname:
            raise ValueError('is not a WebSocket address; use wss://host/path, or "simulator:"')
        if port == 0:
            raise ValueError("has port 0; name the port, or leave it out")
        asked = {name.lower() for name, _ in parse_qsl(parts.query)}
        if parts.username or parts.password or asked & KEY_PARAMETERS:
            raise ValueError("contains credentials; put them into api_key")
        return value
