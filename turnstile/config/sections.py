"""Every setting: its default, its bounds, its meaning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from turnstile.protocol.upstreams import KindName

MIB = 1024 * 1024
SIMULATOR = "simulator:"
OPENAI_URL = "wss://api.openai.com/v1/realtime"
# Names that gateways take a key by in the query, where it would show up in logs.
_KEY_PARAMETERS = frozenset({"api-key", "api_key", "apikey", "key", "token", "access_token"})


class Section(BaseModel):
    """One group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def _listed(value: Any) -> Any:
    """Take a list from a file; from the environment and flags also JSON, or names with commas between."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        return json.loads(value)
    return [name.strip() for name in value.split(",") if name.strip()]


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
# No path is the folder that the process runs in, which nobody means.
File = Annotated[Path | None, BeforeValidator(lambda value: value or None)]


class ServerSection(Section):
    """Where clients connect."""

    host: str = Field("127.0.0.1", description="Name or address to listen on; 0.0.0.0 for all.")
    port: int = Field(8080, ge=0, le=65_535, description="TCP port; 0 takes any free one.")
    voice_agent_path: str = Field("/v1/agent/converse", description="Path for Deepgram Voice Agent clients.")
    component_path: str = Field("/openai", description="Path for the React component and its hosts.")
    realtime_paths: Names = Field(
        ("/v1/realtime", "/realtime"), description="Paths for clients that speak OpenAI's Realtime API themselves."
    )
    client_json_passthrough: bool = Field(
        default=False,
        description="Taken from hosts of the original and without effect: see realtime_paths.",
    )
    tls_cert_file: File = Field(None, description="Certificate (PEM) to serve wss:// with.")
    tls_key_file: File = Field(None, description="Its private key (PEM).")
    workers: int = Field(1, ge=1, le=128, description="Processes that serve on the port; about one a core.")
    max_sessions: int = Field(1_000, ge=1, description="Sessions at once in each process; one more is answered 503.")
    handshake_timeout: float = Field(10.0, gt=0, description="Seconds a client may take to get in.")
    max_handshakes: int = Field(100, ge=1, description="Clients at the door at once.")
    drain_timeout: float = Field(10.0, ge=0, description="Seconds that open sessions get to end at a shutdown.")

    @field_validator("voice_agent_path", "component_path", "realtime_paths")
    @classmethod
    def _is_path(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for path in (value,) if isinstance(value, str) else value:
            if not path.startswith("/") or "?" in path or "#" in path:
                raise ValueError('is no path; write it with a "/" in front, and without a query')
        return value

    @model_validator(mode="after")
    def _paths_differ(self) -> ServerSection:
        if len({self.voice_agent_path, self.component_path, *self.realtime_paths}) < len(self.realtime_paths) + 2:
            names = "voice_agent_path, component_path and realtime_paths"
            raise ValueError(f"{names}: must differ, the path tells the clients apart")
        return self

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> ServerSection:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file: give both or none")
        return self


class UpstreamSection(Section):
    """The Realtime API behind the proxy."""

    url: str = Field(
        "",
        description='WebSocket address. "simulator:" is the one in this process; "" is that one without an api_key '
        f"and {OPENAI_URL} with one.",
    )
    kind: KindName = Field(
        "openai",
        description="How the API is addressed, takes the key, and which words it speaks: see the example files.",
    )
    api_key: SecretStr | None = Field(None, description="The key. Better in the environment than in a file.")
    model: str = Field("gpt-realtime", min_length=1, description="Model (Azure: deployment) where a client names none.")
    models: Names = Field(
        ("gpt-realtime*", "*realtime*"),
        description="Patterns of models that clients may name; any other is answered by a warning and `model`.",
    )
    organization: str = Field("", description="OpenAI-Organization header.")
    project: str = Field("", description="OpenAI-Project header.")
    connect_timeout: float = Field(10.0, gt=0, description="Seconds for TCP, TLS and the answer, each.")
    reconnects: int = Field(2, ge=0, description="Lost links in a row that are replaced before the session ends.")
    ca_file: File = Field(None, description="Certificates (PEM) to trust instead of the system's.")

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
        """A line end that came along from a file is no part of a key, and nothing is none."""
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _is_websocket(cls, value: str) -> str:
        if value in {"", SIMULATOR}:
            return value
        parts = urlsplit(value)
        if parts.scheme in {"http", "https"}:
            raise ValueError(f"use {'wss' if parts.scheme == 'https' else 'ws'}:// instead of {parts.scheme}://")
        if parts.scheme not in {"ws", "wss"} or not parts.hostname:
            raise ValueError('is no WebSocket address; use wss://host/path, or "simulator:"')
        if parts.port == 0:
            raise ValueError("has port 0; name the port, or leave it out")
        asked = {name.lower() for name, _ in parse_qsl(parts.query)}
        if parts.username or parts.password or asked & _KEY_PARAMETERS:
            raise ValueError("holds credentials; put them into api_key")
        return value


class SessionSection(Section):
    """How a session keeps its turn; times in seconds, audio in milliseconds."""

    turns: Literal["server", "proxy"] = Field(
        "server", description="Who begins the response to a spoken turn: the API, or the proxy, which cannot race."
    )
    link_timeout: float = Field(20.0, gt=0, description="For a new upstream link to say that it is up.")
    update_timeout: float = Field(10.0, gt=0, description="For a session.update to be answered.")
    create_timeout: float = Field(10.0, gt=0, description="For a response.create to be answered.")
    expected_timeout: float = Field(5.0, gt=0, description="For the API to answer a spoken turn by itself.")
    response_stall: float = Field(30.0, gt=0, description="Silence after which a response counts as stalled.")
    cancel_timeout: float = Field(5.0, gt=0, description="For a cancelled response to end.")
    item_timeout: float = Field(10.0, gt=0, description="For a conversation item to be confirmed.")
    commit_timeout: float = Field(5.0, gt=0, description="For a commit to be answered.")
    retry_delay: float = Field(0.25, gt=0, description="Before the second repetition; doubles with each further one.")
    create_tries: int = Field(
        4, ge=1, description="How often one response.create, or one session.update that loses races, is tried in all."
    )
    max_held: int = Field(256, ge=1, description="Requests of a client that may wait for their turn.")
    max_held_bytes: int = Field(
        33_554_432,
        ge=1,
        description="Bytes of a Realtime client's events that may wait for their turn; each counts 1,024 besides.",
    )
    max_open_calls: int = Field(64, ge=1, description="Function calls open at once.")
    max_call_rounds: int = Field(
        10, ge=1, description="Responses in a row that may call functions within a turn; the next must do without."
    )
    prompt_limit: int = Field(25_000, ge=1, description="Characters of a prompt that was added to.")
    commit_pause: float = Field(0.4, gt=0, description="Without turn detection: commit this long after the last audio.")
    commit_enough: float = Field(0.6, gt=0, description="The same while audio keeps coming, from when it is enough.")
    commit_minimum: float = Field(100.0, ge=100, description="Milliseconds of audio that are enough.")
    commit_first: float = Field(1000.0, ge=100, description="The same for the first commit of a session.")


class LimitsSection(Section):
    """What a session may cost; sizes in bytes, times in seconds."""

    client_message_bytes: int = Field(MIB, ge=1024, description="Largest message of a client; past it: close 1009.")
    realtime_message_bytes: int = Field(
        24 * MIB,
        ge=1024,
        description="The same of a client of the Realtime API, which takes appends of 15 MiB, in base64 a third more.",
    )
    upstream_message_bytes: int = Field(32 * MIB, ge=MIB, description="Largest message of upstream.")
    client_unread_bytes: int = Field(8 * MIB, ge=1024, description="What a client may leave unread; past it: 1008.")
    upstream_unread_bytes: int = Field(32 * MIB, ge=MIB, description="The same for upstream.")
    high_water_bytes: int = Field(256 * 1024, ge=1024, description="More than this to write: its source is not read.")
    low_water_bytes: int = Field(64 * 1024, ge=0, description="Less than this: it is read again.")
    held_audio_bytes: int = Field(
        MIB, ge=0, description="Input audio that waits for the session; then the oldest goes."
    )
    ping_interval: float = Field(20.0, ge=0, description="Silence after which the other side is pinged; 0: never.")
    ping_timeout: float = Field(20.0, gt=0, description="For the answer to a ping.")
    close_timeout: float = Field(5.0, gt=0, description="For the answer to a close.")

    @model_validator(mode="after")
    def _low_is_under_high(self) -> LimitsSection:
        if self.low_water_bytes >= self.high_water_bytes:
            raise ValueError("low_water_bytes: must be less than high_water_bytes")
        return self


class FunctionsSection(Section):
    """Functions that the proxy calls: a client's over HTTP, and those of a host in this process."""

    allowed_hosts: Names = Field(
        (),
        description='Hosts whose functions may be called: "api.example.com", "*.example.com", or with a port, '
        '"api.example.com:8443". None by default: a function elsewhere is the client\'s to run.',
    )
    allow_private_addresses: bool = Field(
        default=False, description="Whether an allowed host may be on this machine or a private network."
    )
    timeout: float = Field(10.0, gt=0, description="Seconds a call may take; a host's, with its wait for a thread.")
    max_result_bytes: int = Field(65_536, ge=1, description="Largest result; past it the call has failed.")
    concurrent_calls: int = Field(16, ge=1, description="Calls at once; more wait for their turn.")
    max_waiting_calls: int = Field(256, ge=0, description="Calls that may wait; one more has failed.")


class DispatcherSection(Section):
    """The threads that run the actors."""

    workers: int = Field(
        0, ge=0, le=32, description="How many; with 0 the I/O thread runs them, which is fastest by far."
    )


class LogSection(Section):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="From which level on; what people say is logged at debug only."
    )
    format: Literal["text", "json"] = Field("text", description="For people, or a JSON object a line.")

    @field_validator("level", mode="before")
    @classmethod
    def _lower_case(cls, value: Any) -> Any:
        value = value.lower() if isinstance(value, str) else value
        return {"warn": "warning", "trace": "debug", "fatal": "error"}.get(value, value) if value else value


class SimulatorSection(Section):
    """The Realtime API of our own."""

    kind: KindName = Field(
        "openai", description="What kind of API `simulate` is; in the proxy's own process it is upstream.kind."
    )
    scenario: str = Field("default", description="Name of a scenario, or the path of a TOML file.")
    seed: int = Field(1, description="Of its jitter.")
    host: str = Field("127.0.0.1", description="Where `simulate` listens.")
    port: int = Field(8090, ge=0, le=65_535, description="Where `simulate` listens; 0 takes any free port.")
