"""Loads the configuration from its sources, and reports an error in them in one line."""

from __future__ import annotations

import difflib
import os
import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from turnstile.config.auth_section import AuthSection, QuotasSection
from turnstile.config.observing_sections import JournalSection, OpsSection
from turnstile.config.replaced import REPLACED
from turnstile.config.sections import (
    DispatcherSection,
    FunctionsSection,
    LimitsSection,
    LogSection,
    ServerSection,
    SimulatorSection,
)
from turnstile.config.session_section import SessionSection
from turnstile.config.upstream_section import OPENAI_URL, SIMULATOR, UpstreamSection
from turnstile.errors import ConfigError
from turnstile.protocol.safe_text import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from turnstile.config.section import Section

Nested = dict[str, Any]

ENV_PREFIX = "TURNSTILE_"
ON_COMMAND_LINE = "the command line"
"""The source of the settings that flags give."""
# Read by the test suite, and by `turnstile talk`.
_TEST_ENV = "TURNSTILE_TEST_"
_CLIENT_ENV = "TURNSTILE_KEY"
# How many characters of a refused value are repeated.
_SHOWN = 80
# The variables of the original (the proxy of `dg_react_agent`), so that its hosts can start this process instead.
LEGACY_ENV = {
    "OPENAI_API_KEY": "upstream.api_key",
    "OPENAI_REALTIME_URL": "upstream.url",
    "OPENAI_PROXY_PORT": "server.port",
    "LOG_LEVEL": "log.level",
    "OPENAI_PROXY_TLS_KEY_PATH": "server.tls_key_file",
    "OPENAI_PROXY_TLS_CERT_PATH": "server.tls_cert_file",
    "OPENAI_PROXY_CLIENT_JSON_PASSTHROUGH": "server.client_json_passthrough",
}


class Config(BaseSettings):
    """All settings of the process."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__", validate_default=True
    )
    files: ClassVar[Nested] = {}
    origins: ClassVar[Mapping[str, str]] = {}

    server: ServerSection = ServerSection.model_validate({})
    upstream: UpstreamSection = UpstreamSection.model_validate({})
    auth: AuthSection = AuthSection.model_validate({})
    quotas: QuotasSection = QuotasSection.model_validate({})
    session: SessionSection = SessionSection.model_validate({})
    limits: LimitsSection = LimitsSection.model_validate({})
    functions: FunctionsSection = FunctionsSection.model_validate({})
    dispatcher: DispatcherSection = DispatcherSection.model_validate({})
    log: LogSection = LogSection.model_validate({})
    journal: JournalSection = JournalSection.model_validate({})
    ops: OpsSection = OpsSection.model_validate({})
    simulator: SimulatorSection = SimulatorSection.model_validate({})

    @property
    def upstream_url(self) -> str:
        """The upstream's address in effect."""
        return self.upstream.url or (OPENAI_URL if self.upstream.api_key else SIMULATOR)

    def serves_model(self, model: str) -> bool:
        """Return whether a client may name this model."""
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
    """Load the configuration.

    Args:
        files: TOML files; a later one overrides an earlier one.
        flags: Values by path, such as ``{"server.port": "9000"}``; they override all other sources.

    Raises:
        ConfigError: A value is invalid; one line that names the setting and the fix.
    """
    flags = flags or {}
    values: Nested = {}
    given_by: dict[str, str] = {}
    for file in files:
        content = _read(file)
        _merge(values, content)
        given_by |= dict.fromkeys(_paths(content), str(file))
    given_by |= {path: name for name, path in LEGACY_ENV.items() if os.environ.get(name)}
    given_by |= _environment()
    given_by |= dict.fromkeys(flags, ON_COMMAND_LINE)

    class Loaded(Config):
        """The configuration with these files under it."""

        files = values
        origins = given_by

    try:
        return Loaded(**_nested(flags))
    except ValidationError as error:
        raise ConfigError("invalid_config", _describe(error, given_by)) from None


def sections() -> Iterator[tuple[str, type[Section]]]:
    """Yield every section and its name."""
    for name, field in Config.model_fields.items():
        section: Any = field.annotation
        yield name, section


def settings() -> Iterator[tuple[str, str, Any]]:
    """Yield every setting: its path, its description, its default."""
    for name, section in sections():
        for setting, field in section.model_fields.items():
            yield f"{name}.{setting}", field.description or "", field.default


def env_name(path: str) -> str:
    """Return the environment variable of a setting."""
    return ENV_PREFIX + path.upper().replace(".", "__")


def _environment() -> dict[str, str]:
    """Return the settings that the environment gives, with the variable of each; raise for an unknown variable."""
    known = {env_name(path): path for path in (*(path for path, *_ in settings()), *REPLACED)}
    given: dict[str, str] = {}
    for name in os.environ:
        upper = name.upper()
        if not upper.startswith(ENV_PREFIX) or upper.startswith(_TEST_ENV) or upper == _CLIENT_ENV:
            continue
        if upper not in known:
            meant = _nearest(upper, [env_name(path) for path, *_ in settings()])
            raise ConfigError("invalid_config", f"{name}: is not a setting{meant}.")
        given[known[upper]] = name
    return given


def _nested(values: Mapping[str, str]) -> Nested:
    result: Nested = {}
    for path, value in values.items():
        section, _, name = path.partition(".")
        result.setdefault(section, {})[name] = value
    return result


def _paths(content: Nested) -> Iterator[str]:
    for section, values in content.items():
        if isinstance(values, dict):
            yield from (f"{section}.{name}" for name in values)


def _merge(base: Nested, other: Nested) -> None:
    for name, value in other.items():
        if isinstance(value, dict) and isinstance(base.get(name), dict):
            _merge(base[name], value)
        else:
            base[name] = value


def _read(file: Path) -> Nested:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise ConfigError("unreadable_config", f"{file}: cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("invalid_config", f"{file}: is not valid TOML: {error}.") from None
    except RecursionError:
        raise ConfigError("invalid_config", f"{file}: is nested too deeply: write at most 3 levels.") from None


def _describe(error: ValidationError, origins: Mapping[str, str]) -> str:
    first, *more = error.errors(include_url=False, include_context=False)
    path = ".".join(str(part) for part in first["loc"][:2])
    origin = f" ({origins[path]})" if path in origins else ""
    rest = f" {len(more)} more." if more else ""
    return f"{path}{origin}: {_fault(path, first)}.{rest}"


def _fault(path: str, first: ErrorDetails) -> str:
    if first["type"] == "extra_forbidden":
        return f"is not a setting{_nearest(path, [known for known, *_ in settings()])}"
    if first["type"] == "model_type":
        return f"is a section; write [{path}] and its settings below"
    words = first["msg"].removeprefix("Value error, ")
    words = words[:1].lower() + words[1:]
    value = first["input"]
    is_secret = any(word in path for word in ("key", "secret", "token", "url"))
    if is_secret or first["type"] == "value_error" or not isinstance(value, str | int | float):
        return words
    shown = without_secrets(repr(value))
    return f"{words}, not {shown if len(shown) <= _SHOWN else f'{shown[:_SHOWN]}...'}"


def _nearest(name: str, known: Sequence[str]) -> str:
    # Several sections have a setting of the same name: the first is the one that most people mean.
    same = [one for one in known if one.rpartition(".")[2] == name]
    near = same or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}" if near else "; python -m turnstile.config prints all"
