"""Defines the settings of clients' credentials, and of what each of them may use."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from turnstile.config.section import File, Names, Section


class AuthSection(Section):
    """How clients prove who they are."""

    mode: Literal["none", "keys", "jwt", "ask"] | None = Field(
        None,
        description="none: everybody may connect. keys: the keys of `keys_file`. jwt: JSON web tokens. ask: whom the "
        "service at `ask_url` admits. Unset means none, where only this machine can connect.",
    )
    keys_file: File = Field(None, description="Names and hashed keys, as `turnstile key add NAME` writes them.")
    jwt_algorithms: tuple[Literal["HS256", "RS256", "ES256"], ...] = Field(
        ("RS256",), description="Signatures that are accepted."
    )
    jwt_secret: SecretStr | None = Field(None, description="Key of HS256. Set it in the environment.")
    jwt_keys: str = Field("", description="Public keys (JWKS): a file, or an https:// address.")
    jwt_audience: str = Field("", description="The `aud` that a token must have.")
    jwt_issuer: str = Field("", description='The `iss` that a token must have; "" for any.')
    jwt_identity: str = Field("sub", min_length=1, description="The claim that names the client.")
    ask_url: str = Field("", description="HTTP address that decides about each client.")
    ask_headers: Names = Field((), description="Headers of the client's request that the service is shown.")
    ask_timeout: float = Field(2.0, gt=0, description="Seconds for its answer; without one: 503.")
    ask_concurrent: int = Field(16, ge=1, description="Clients that may wait for its answer; one more: 503.")
    token_secret: SecretStr | None = Field(
        None,
        description="Key that signs the tokens for browsers (POST /v1/realtime/client_secrets), the same for all "
        "workers and machines; without it there are none. Set it in the environment.",
    )


class QuotasSection(Section):
    """What one client may use, counted for all workers together; 0 for as much as it likes. Past a quota: 429."""

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
    session_minutes: float = Field(0, ge=0, description="Minutes that a session may last.")
