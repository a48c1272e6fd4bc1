"""Defines the settings of clients' credentials, and of what each of them may use."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from turnstile.config.auth_checks import (
    check_headers,
    check_http_address,
    check_jwt_keys,
    check_mode,
    check_token_secret,
)
from turnstile.config.section import File, Names, Section, listed


class AuthSection(Section):
    """How clients prove who they are."""

    mode: Literal["none", "keys", "jwt", "ask"] | None = Field(
        None,
        description="none: everybody may connect. keys: the keys of `keys_file`. jwt: JSON web tokens. ask: whom the "
        "service at `ask_url` admits. Unset means none, where only this machine can connect.",
    )
    keys_file: File = Field(None, description="Names and hashed keys, as `turnstile key add NAME` writes them.")
    jwt_algorithms: Annotated[tuple[Literal["HS256", "RS256", "ES256"], ...], NoDecode, BeforeValidator(listed)] = (
        Field(("RS256",), description="Signatures that are accepted.")
    )
    jwt_secret: SecretStr | None = Field(
        None, description="Key of HS256, at least 32 bytes. Set it in the environment."
    )
    jwt_keys: str = Field(
        "", description="Public keys (JWKS) of RS256 and ES256: a file, or an https:// address that is fetched anew."
    )
    jwt_audience: str = Field("", description='The `aud` that a token must have; "*" for any.')
    jwt_issuer: str = Field("", description='The `iss` that a token must have; "" for any.')
    jwt_identity: str = Field("sub", min_length=1, description="The claim that names the client.")
    ask_url: str = Field("", description="HTTP address of the service that decides about each client.")
    ask_token: SecretStr | None = Field(
        None, description="Sent to it as `Authorization: Bearer`. Set it in the environment."
    )
    ask_headers: Names = Field(
        ("authorization",),
        description="Headers of the client's request that it is shown. `authorization` shows it the client's key, too, "
        "wherever the client sent that.",
    )
    ask_timeout: float = Field(2.0, gt=0, description="Seconds for its answer; without one: 503.")
    ask_concurrent: int = Field(16, ge=1, description="Clients that may wait for its answer; one more: 503.")
    ca_file: File = Field(
        None, description="Certificates (PEM) to trust instead of the system's, for jwt_keys and ask_url."
    )
    token_secret: SecretStr | None = Field(
        None,
        description="Key that signs the tokens for browsers (POST /v1/realtime/client_secrets), the same for all "
        "workers and machines, of at least 32 characters; without it there are none. Set it in the environment.",
    )

    @field_validator("jwt_secret", "ask_token", "token_secret", mode="before")
    @classmethod
    def _has_no_space_around(cls, value: Any) -> Any:
        """Remove the line end that a secret from a file may have; an empty one is none."""
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("token_secret")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_token_secret(value.get_secret_value())
        return value

    @field_validator("jwt_keys")
    @classmethod
    def _is_trustworthy(cls, value: str) -> str:
        return check_jwt_keys(value)

    @field_validator("ask_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value:
            check_http_address(value, "put them into ask_token")
        return value

    @field_validator("ask_headers")
    @classmethod
    def _are_headers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return check_headers(value)

    @model_validator(mode="after")
    def _fits_mode(self) -> AuthSection:
        check_mode(self)
        return self


class QuotasSection(Section):
    """What one client may use, counted for all workers together; 0 for as much as it likes. One more session: 429."""

    identity_sessions: int = Field(0, ge=0, description="Sessions of one identity at once, from all its addresses.")
    identity_starts: int = Field(
        0, ge=0, le=10_000, description="Sessions that one identity may start within any minute."
    )
    address_sessions: int = Field(
        0, ge=0, description="Sessions from one address (of IPv6 a /64) at once, of all its identities."
    )
    address_starts: int = Field(
        0, ge=0, le=10_000, description="Sessions that may start from one address within any minute."
    )
    session_minutes: float = Field(0, ge=0, description="Minutes that a session may last, as `session.max_duration`.")
