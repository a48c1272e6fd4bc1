"""Defines every setting but the upstream's: its default, its bounds, its description."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_address, ip_network
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from turnstile.config.section import File, Names, Section
from turnstile.errors import ConfigError
from turnstile.protocol.upstreams import KindName
from turnstile.server.origins import Origins

MIB = 1024 * 1024
_MAPPED_BITS = 96  # of an IPv6 address, before the one of IPv4 in it


class ServerSection(Section):
    """The address that clients connect to, and how many may."""

    host: str = Field("127.0.0.1", description="Host name or IP address to listen on; 0.0.0.0 for all interfaces.")
    port: int = Field(8080, ge=0, le=65_535, description="TCP port; 0 takes any free port.")
    voice_agent_path: str = Field("/v1/agent/converse", description="Path for Deepgram Voice Agent clients.")
    component_path: str = Field("/openai", description="Path for the React component dg_react_agent and its hosts.")
    realtime_paths: Names = Field(
        ("/v1/realtime", "/realtime"), description="Paths for clients of OpenAI's Realtime API."
    )
    client_json_passthrough: bool = Field(
        default=False,
        description="Without effect; accepted because dg_react_agent's own proxy has it. Use realtime_paths.",
    )
    tls_cert_file: File = Field(None, description="Certificate (PEM) to serve wss:// with.")
    tls_key_file: File = Field(None, description="Its private key (PEM).")
    workers: int = Field(1, ge=1, le=128, description="Worker processes on the one port; about one per core.")
    max_sessions: int = Field(
        1_000, ge=1, description="Concurrent sessions of all workers together; one more is answered 503."
    )
    handshake_timeout: float = Field(10.0, gt=0, description="Seconds for a client's TLS and WebSocket handshakes.")
    max_handshakes: int = Field(
        0,
        ge=0,
        description="Concurrent handshakes of a process. Where one more begins, the oldest of the address that has "
        "most goes. 0 for a quarter of the limit of open files, at most 1,000.",
    )
    max_handshakes_per_address: int = Field(
        0,
        ge=0,
        description="Those of one address, of IPv6 one /64, whose oldest goes where one more begins. 0 for a quarter "
        "of `max_handshakes`.",
    )
    drain_timeout: float = Field(30.0, ge=0, description="Seconds that open sessions have to end at shutdown.")
    answer_while_draining: bool = Field(
        default=True,
        description="Whether new clients are answered 503 meanwhile. false: the port is closed at once, so that what "
        "passes connections on without reading them takes another proxy.",
    )
    origins: Names = Field(
        (),
        description="Web sites whose pages may connect besides the listener's own, with scheme and port, such as "
        "https://app.example.com; * for any.",
    )
    trusted_proxies: Names = Field(
        (),
        description="Proxies in front, as networks or addresses, such as 10.0.0.0/8, whose word on a client's address "
        "is believed: the PROXY protocol, Forwarded, X-Forwarded-For.",
    )
    heartbeat_timeout: float = Field(
        10.0, ge=1, description="Seconds without a sign of life after which a worker is killed and replaced."
    )

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            Origins(value)
        except ConfigError as error:
            raise ValueError(error.problem.description.removeprefix("origins: ").rstrip(".")) from None
        return value

    @field_validator("voice_agent_path", "component_path", "realtime_paths")
    @classmethod
    def _is_path(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for path in (value,) if isinstance(value, str) else value:
            if not path.startswith("/") or "?" in path or "#" in path:
                raise ValueError('is not a path; it must start with "/" and have no query')
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                network = ip_network(text, strict=False)
            except ValueError:
                words = f"{text!r} is no network and no address; write one such as 10.0.0.0/8, 10.0.0.5 or fd00::/8"
                raise ValueError(words) from None
            written = text.partition("/")[0]
            if network.num_addresses > 1 and ip_address(written) != network.network_address:
                raise ValueError(f"{text!r} is not the first address of its network; write {network} or {written}")
            mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
            if mapped is not None:  # clients' addresses are written as those of IPv4
                raise ValueError(
                    f"{text!r} is of IPv4, written as IPv6; write {mapped}/{network.prefixlen - _MAPPED_BITS}"
                )
        return value

    @model_validator(mode="after")
    def _paths_differ(self) -> ServerSection:
        if len({self.voice_agent_path, self.component_path, *self.realtime_paths}) < len(self.realtime_paths) + 2:
            names = "voice_agent_path, component_path and realtime_paths"
            raise ValueError(f"{names}: must differ, since the path selects the client's dialect")
        return self

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> ServerSection:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file: give both or none")
        return self


class LimitsSection(Section):
    """Limits of a session; sizes in bytes, times in seconds."""

    client_message_bytes: int = Field(
        MIB, ge=1024, description="Largest message of a client; a larger one: close 1009."
    )
    realtime_message_bytes: int = Field(
        22 * MIB,
        ge=1024,
        description="The same for clients of the Realtime API, whose appends may have 15 MiB of audio, in base64.",
    )
    message_values: int = Field(
        20_000, ge=100, description="Most JSON values in a message of a client; one with more is refused."
    )
    message_depth: int = Field(128, ge=8, le=200, description="Most levels of objects and lists in such a message.")
    invalid_messages: int = Field(
        100, ge=1, description="Invalid messages of a client within a minute; one more: close 1008."
    )
    total_bytes: int = Field(
        1024 * MIB,
        ge=16 * MIB,
        description="Bytes held for all sessions of a process. From three quarters of it new clients are answered 503; "
        "beyond it the address that holds most loses its largest session. Clients behind one NAT, or behind "
        "a proxy that is not in server.trusted_proxies, are one address.",
    )
    upstream_message_bytes: int = Field(32 * MIB, ge=MIB, description="Largest message of upstream.")
    client_unread_bytes: int = Field(
        8 * MIB, ge=1024, description="Bytes that a client may leave unread for as long as it likes."
    )
    upstream_unread_bytes: int = Field(32 * MIB, ge=MIB, description="The same for upstream.")
    unread_timeout: float = Field(
        20.0,
        gt=0,
        description="Time in which a peer with more unread must read something; otherwise: close 1008, or the link "
        "is lost. Also the time in which a session must make room for a message that waits; otherwise: close 1009.",
    )
    high_water_bytes: int = Field(
        256 * 1024, ge=1024, description="With more to write to upstream, its client is not read."
    )
    low_water_bytes: int = Field(64 * 1024, ge=0, description="With this or less to write it is read again.")
    held_audio_bytes: int = Field(
        MIB, ge=0, description="Input audio held until the session is ready; of more the oldest is dropped."
    )
    ping_interval: float = Field(20.0, ge=0, description="Time without data before a ping is sent; 0: never.")
    ping_timeout: float = Field(20.0, gt=0, description="Timeout of the answer to a ping.")
    close_timeout: float = Field(5.0, gt=0, description="Timeout of the answer to a close.")

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
        '"api.example.com:8443". By default none. Any other function is called by the client.',
    )
    allow_private_addresses: bool = Field(
        default=False, description="Whether an allowed host may be on this machine or a private network."
    )
    timeout: float = Field(10.0, gt=0, description="Seconds for a call; a host's include the wait for a thread.")
    max_result_bytes: int = Field(65_536, ge=1, description="Largest result; a larger one fails the call.")
    concurrent_calls: int = Field(
        16, ge=1, description="Concurrent calls; one session has at most half of what is free, more wait."
    )
    max_waiting_calls: int = Field(256, ge=0, description="Calls that may wait, shared likewise; one more fails.")


class DispatcherSection(Section):
    """The threads that run the actors."""

    workers: int = Field(
        0, ge=0, le=32, description="Number of threads; with 0 the I/O thread runs the actors, which is fastest by far."
    )


class LogSection(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level that is logged; conversation text is logged at debug only."
    )
    format: Literal["text", "json"] = Field("text", description="Text, or one JSON object per line.")

    @field_validator("level", mode="before")
    @classmethod
    def _lower_case(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        level = value.lower()
        return {"warn": "warning", "trace": "debug", "fatal": "error"}.get(level, level)


class SimulatorSection(Section):
    """The simulator of a Realtime API."""

    kind: KindName = Field(
        "openai", description="Kind of API that `simulate` simulates; inside the proxy it is upstream.kind."
    )
    scenario: str = Field("default", description="Name of a scenario, or the path of a TOML file.")
    seed: int = Field(1, description="Seed of its random ids and delays.")
    host: str = Field("127.0.0.1", description="Address that `simulate` listens on.")
    port: int = Field(8090, ge=0, le=65_535, description="Port that `simulate` listens on; 0 takes any free port.")
