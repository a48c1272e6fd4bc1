"""Defines the settings of what operators see: the journal of sessions, and the ops listener."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, field_validator

from turnstile.config.section import File, Names, Section
from turnstile.inspector.token_file import SHORTEST

_MIB = 1024 * 1024
_HOST: Final = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(?::\d{1,5})?")
_BEARER: Final = re.compile(r"[!-~]+")


class JournalSection(Section):
    """What is shown and recorded of each session. Credentials never are."""

    level: Literal["events", "text", "all"] = Field(
        "events",
        description="Content in recordings, traces and event streams: events: none; text: what is said, prompts and "
        "function calls; all: audio, too.",
    )
    directory: File = Field(None, description="Directory for recordings, one file a session. Unset: none.")
    max_session_bytes: int = Field(
        64 * _MIB, ge=64 * 1024, description="Largest recording; a session's later entries are left out."
    )
    max_bytes: int = Field(
        4096 * _MIB, ge=_MIB, description="Bytes of all recordings in the directory; beyond it the oldest go."
    )
    max_age: float = Field(
        7 * 24 * 3600.0, ge=0, description="Seconds after which a recording is deleted. 0: when there is no room."
    )


class OpsSection(Section):
    """The ops listener of `serve`: health, metrics, sessions, and their steering, apart from clients."""

    host: str = Field("127.0.0.1", description="Host name or IP address to listen on.")
    port: int = Field(8081, ge=0, le=65_535, description="TCP port; 0: no ops listener.")
    hosts: Names = Field(
        (),
        description="Names, besides the address itself and those of loopback, that a request's Host may have: with the "
        "token.",
    )
    token: SecretStr | None = Field(
        None,
        description="Token for steering, and for all but health where others than this machine can connect. Set it in "
        "the environment. Unset: one is made at each start, in `token_file`.",
    )
    token_file: File = Field(
        None, description="Where that is written, for this user alone; unset: a file in this user's runtime directory."
    )

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _HOST.fullmatch(name):
                raise ValueError(f"{name!r} is not what a Host header has; write a name, with or without a port")
        return value

    @field_validator("token", mode="before")
    @classmethod
    def _has_no_space_around(cls, value: Any) -> Any:
        """Remove the line end that a token from a file may have; an empty one is none."""
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("token")
    @classmethod
    def _cannot_be_guessed(cls, value: SecretStr | None) -> SecretStr | None:
        token = value.get_secret_value() if value else None
        if token is not None and not _BEARER.fullmatch(token):
            raise ValueError("may have no spaces, and no characters beyond ASCII")
        if token is not None and len(token) < SHORTEST:
            raise ValueError(
                f"has {len(token)} characters, and could be guessed: use at least {SHORTEST}, such as `openssl rand "
                "-hex 32` prints"
            )
        return value
