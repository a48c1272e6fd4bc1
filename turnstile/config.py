"""Every setting: its default, its bounds, its meaning; and where a value may come from.

Defaults here, then configuration files (TOML), then the environment, then flags: the later wins.
``python -m turnstile.config`` prints ``config/default.toml``.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from turnstile.errors import ConfigError
from turnstile.ports import UpstreamTarget

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

Nested = dict[str, Any]

ENV_PREFIX = "TURNSTILE_"
# Read by the test suite, not by the process.
_TEST_ENV = "TURNSTILE_TEST_"
# The original's variables, so that a host which starts the original's process can start this one instead.
LEGACY_ENV = {
    "OPENAI_API_KEY": "upstream.api_key",
    "OPENAI_REALTIME_URL": "upstream.url",
    "OPENAI_PROXY_PORT": "server.port",
    "LOG_LEVEL": "log.level",
    "OPENAI_PROXY_TLS_KEY_PATH": "server.tls_key_file",
    "OPENAI_PROXY_TLS_CERT_PATH": "server.tls_cert_file",
    "OPENAI_PROXY_CLIENT_JSON_PASSTHROUGH": "server.client_json_passthrough",
}
MIB = 1024 * 1024
SIMULATOR = "simulator:"
OPENAI_URL = "wss://api.openai.com/v1/realtime"


class Section(BaseModel):
    """One group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ServerSection(Section):
    """Where clients connect."""

    host: str = Field("127.0.0.1", description="Name or address to listen on; 0.0.0.0 for all.")
    port: int = Field(8080, ge=0, le=65_535, description="TCP port; 0 takes any free one.")
    voice_agent_path: str = Field("/v1/agent/converse", description="Path for Deepgram Voice Agent clients.")
    component_path: str = Field("/openai", description="Path for the React component and its hosts.")
    client_json_passthrough: bool = Field(
        default=False,
        description="Taken from hosts of the original and without effect: clients speak Voice Agent messages only.",
    )
    tls_cert_file: Path | None = Field(None, description="Certificate (PEM) to serve wss:// with.")
    tls_key_file: Path | None = Field(None, description="Its private key (PEM).")
    max_sessions: int = Field(1_000, ge=1, description="Sessions at once; one more is answered 503.")
    handshake_timeout: float = Field(10.0, gt=0, description="Seconds a client may take to get in.")
    max_handshakes: int = Field(100, ge=1, description="Clients at the door at once.")
    drain_timeout: float = Field(10.0, ge=0, description="Seconds that open sessions get to end at a shutdown.")

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
    kind: Literal["openai", "azure", "compatible"] = Field(
        "openai", description="How to authenticate: a bearer token, or for azure the api-key header."
    )
    api_key: SecretStr | None = Field(None, description="The key. Better in the environment than in a file.")
    model: str = Field("gpt-realtime", min_length=1, description="Model (Azure: deployment) where a client names none.")
    models: tuple[str, ...] = Field(
        ("gpt-realtime*", "*realtime*"),
        description="Patterns of models that clients may name; any other is answered by a warning and `model`.",
    )
    organization: str = Field("", description="OpenAI-Organization header.")
    project: str = Field("", description="OpenAI-Project header.")
    connect_timeout: float = Field(10.0, gt=0, description="Seconds for TCP, TLS and the answer, each.")
    reconnects: int = Field(2, ge=0, description="Lost links in a row that are replaced before the session ends.")
    ca_file: Path | None = Field(None, description="Certificates (PEM) to trust instead of the system's.")

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
        if parts.username or parts.password:
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
    create_tries: int = Field(4, ge=1, description="How often one response.create is tried in all.")
    max_held: int = Field(256, ge=1, description="Requests of a client that may wait for their turn.")
    max_open_calls: int = Field(64, ge=1, description="Function calls open at once.")
    prompt_limit: int = Field(25_000, ge=1, description="Characters of a prompt that was added to.")
    commit_pause: float = Field(0.4, gt=0, description="Without turn detection: commit this long after the last audio.")
    commit_enough: float = Field(0.6, gt=0, description="The same while audio keeps coming, from when it is enough.")
    commit_minimum: float = Field(100.0, ge=100, description="Milliseconds of audio that are enough.")
    commit_first: float = Field(1000.0, ge=100, description="The same for the first commit of a session.")


class LimitsSection(Section):
    """What a session may cost; sizes in bytes, times in seconds."""

    client_message_bytes: int = Field(MIB, ge=1024, description="Largest message of a client; past it: close 1009.")
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


class DispatcherSection(Section):
    """The threads that run the actors."""

    workers: int = Field(1, ge=1, le=32, description="How many; one is fastest.")


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

    scenario: str = Field("default", description="Name of a scenario, or the path of a TOML file.")
    seed: int = Field(1, description="Of its jitter.")
    host: str = Field("127.0.0.1", description="Where `simulate` listens.")
    port: int = Field(8090, ge=0, le=65_535, description="Where `simulate` listens; 0 takes any free port.")


class Config(BaseSettings):
    """All settings of the process."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__", validate_default=True
    )
    files: ClassVar[Nested] = {}

    server: ServerSection = ServerSection.model_validate({})
    upstream: UpstreamSection = UpstreamSection.model_validate({})
    session: SessionSection = SessionSection.model_validate({})
    limits: LimitsSection = LimitsSection.model_validate({})
    dispatcher: DispatcherSection = DispatcherSection.model_validate({})
    log: LogSection = LogSection.model_validate({})
    simulator: SimulatorSection = SimulatorSection.model_validate({})

    @property
    def upstream_url(self) -> str:
        """The upstream's address in effect."""
        return self.upstream.url or (OPENAI_URL if self.upstream.api_key else SIMULATOR)

    def serves_model(self, model: str) -> bool:
        """Tell whether a client may name this model."""
        return model == self.upstream.model or any(fnmatchcase(model, pattern) for pattern in self.upstream.models)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: flags, the environment, the original's environment, the files."""
        del dotenv_settings, file_secret_settings
        legacy = {path: os.environ[name] for name, path in LEGACY_ENV.items() if os.environ.get(name)}
        return (
            init_settings,
            env_settings,
            InitSettingsSource(settings_cls, _nested(legacy)),
            InitSettingsSource(settings_cls, cls.files),
        )


def load_config(files: Sequence[Path] = (), flags: Mapping[str, str] | None = None) -> Config:
    """Put the configuration together.

    Args:
        files: TOML files; a later one wins over an earlier one.
        flags: Values by path, such as ``{"server.port": "9000"}``; they win over everything.

    Raises:
        ConfigError: Something cannot be used; one line that names the setting and the fix.
    """
    values: Nested = {}
    for file in files:
        _lay_over(values, _read(file))
    _refuse_unknown_environment()

    class Loaded(Config):
        """The configuration with these files under it."""

        files = values

    try:
        loaded = Loaded(**_nested(dict(flags or {})))
    except ValidationError as error:
        raise ConfigError("invalid_config", _describe(error)) from None
    return loaded


def _nested(values: Mapping[str, str]) -> Nested:
    result: Nested = {}
    for path, value in values.items():
        *sections, name = path.split(".")
        place = result
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return result


def _lay_over(base: Nested, other: Nested) -> None:
    for name, value in other.items():
        if isinstance(value, dict) and isinstance(base.get(name), dict):
            _lay_over(base[name], value)
        else:
            base[name] = value


def _read(file: Path) -> Nested:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise ConfigError("unreadable_config", f"{file}: cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("invalid_config", f"{file}: is no TOML: {error}.") from None


def _refuse_unknown_environment() -> None:
    for name in os.environ:
        section = name.removeprefix(ENV_PREFIX).split("__")[0].lower()
        if name.startswith(ENV_PREFIX) and not name.startswith(_TEST_ENV) and section not in Config.model_fields:
            raise ConfigError("invalid_config", f"{name}: is no setting{_nearest(section, list(Config.model_fields))}.")


def _describe(error: ValidationError) -> str:
    first, *more = error.errors(include_url=False, include_context=False)
    path = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
    rest = f" ({len(more)} more)" if more else ""
    return f"{path}: {_what(path, first)}.{rest}"


def _what(path: str, first: ErrorDetails) -> str:
    if first["type"] == "extra_forbidden":
        return f"is no setting{_nearest(path, [known for known, *_ in settings()])}"
    words = first["msg"].removeprefix("Value error, ")
    words = words[:1].lower() + words[1:]
    shown = "" if "key" in path or first["type"] == "value_error" else f", not {first['input']!r}"
    return f"{words}{shown}"


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}" if near else ""


def settings() -> Iterator[tuple[str, str, Any]]:
    """Yield every setting: its path, its description, its default."""
    for section, group in Config.model_fields.items():
        for name, field in _section(group.annotation).model_fields.items():
            yield f"{section}.{name}", field.description or "", field.default


def _section(annotation: Any) -> type[Section]:
    section: type[Section] = annotation
    return section


def upstream_target(config: Config, model: str | None) -> UpstreamTarget:
    """Return where a session's link goes, for the model that its client asked for, or the configured one.

    OpenAI takes the model in the query. Azure takes the deployment there: as ``model`` on its current path, as
    ``deployment`` beside an ``api-version`` on its preview path.
    """
    parts = urlsplit(config.upstream_url)
    query = dict(parse_qsl(parts.query))
    name = "deployment" if "api-version" in query else "model"
    query[name] = model or query.get(name) or config.upstream.model
    url = urlunsplit(parts._replace(query=urlencode(query)))
    return UpstreamTarget(url, _headers(config.upstream))


def _headers(upstream: UpstreamSection) -> dict[str, str]:
    headers: dict[str, str] = {}
    if upstream.api_key is not None:
        key = upstream.api_key.get_secret_value()
        headers |= {"api-key": key} if upstream.kind == "azure" else {"Authorization": f"Bearer {key}"}
    if upstream.organization:
        headers["OpenAI-Organization"] = upstream.organization
    if upstream.project:
        headers["OpenAI-Project"] = upstream.project
    return headers


def explain(config: Config) -> str:
    """Say in words what the process would do with this configuration."""
    scheme = "wss" if config.server.tls_cert_file else "ws"
    where = f"{scheme}://{config.server.host}:{config.server.port}"
    lines = [
        f"Listens on {where}{config.server.voice_agent_path} (Deepgram Voice Agent clients)",
        f"       and {where}{config.server.component_path} (the React component)",
        (
            f"Connects to {config.upstream_url} ({config.upstream.kind}, model {config.upstream.model}, "
            f"{'with' if config.upstream.api_key else 'without'} a key)"
        ),
        f"Responses to spoken turns are begun by the {'API' if config.session.turns == 'server' else 'proxy'}",
    ]
    changed = [f"  {path} = {value}" for path, value in _changed(config)]
    lines += ["Set otherwise than the default:", *changed] if changed else ["All settings are the defaults"]
    return "\n".join([*lines, *(f"Warning: {notice}" for notice in notices(config))])


def _changed(config: Config) -> Iterator[tuple[str, str]]:
    for path, _, default in settings():
        section, name = path.split(".")
        value = getattr(getattr(config, section), name)
        if value != default:
            yield path, "(secret)" if isinstance(value, SecretStr) else _toml(value)


def notices(config: Config) -> Iterator[str]:
    """Yield what works, but hardly as it is meant."""
    if config.server.client_json_passthrough:
        yield "server.client_json_passthrough has no effect: clients speak Voice Agent messages only"
    if config.upstream_url != SIMULATOR and config.upstream.api_key is None:
        yield f"upstream.api_key is not set: {config.upstream_url} will hardly let the proxy in (set OPENAI_API_KEY)"
    if config.upstream_url == SIMULATOR and config.upstream.api_key is not None:
        yield "upstream.api_key is set, but the simulator answers; set upstream.url to connect"


def default_toml() -> str:
    """Return ``config/default.toml``: every setting with its description and its default."""
    lines = ["# Every setting with its default. Generated by: python -m turnstile.config > config/default.toml"]
    for section, group in Config.model_fields.items():
        kind = _section(group.annotation)
        lines += ["", f"# {kind.__doc__}", f"[{section}]"]
        for name, field in kind.model_fields.items():
            lines += ["", f"# {field.description}", f"# Environment: {ENV_PREFIX}{section.upper()}__{name.upper()}"]
            lines.append(f"# {name} =" if field.default is None else f"{name} = {_toml(field.default)}")
    return "\n".join([*lines, ""])


def _toml(value: Any) -> str:
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(list(value) if isinstance(value, tuple) else value)


if __name__ == "__main__":
    sys.stdout.write(default_toml())
