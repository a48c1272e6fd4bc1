"""The operator's configuration: every setting and its default, and where a value may come from.

Defaults in the code, then configuration files (TOML), then the environment, then flags: the later wins.
``python -m turnstile.config`` prints ``config/default.toml``.
"""

from turnstile.config.loading import LEGACY_ENV, Config, env_name, load_config, settings
from turnstile.config.sections import (
    OPENAI_URL,
    SIMULATOR,
    DispatcherSection,
    FunctionsSection,
    LimitsSection,
    LogSection,
    Section,
    ServerSection,
    SessionSection,
    SimulatorSection,
    UpstreamSection,
)
from turnstile.config.target import upstream_target
from turnstile.config.texts import default_toml, explain, notices

__all__ = [
    "LEGACY_ENV",
    "OPENAI_URL",
    "SIMULATOR",
    "Config",
    "DispatcherSection",
    "FunctionsSection",
    "LimitsSection",
    "LogSection",
    "Section",
    "ServerSection",
    "SessionSection",
    "SimulatorSection",
    "UpstreamSection",
    "default_toml",
    "env_name",
    "explain",
    "load_config",
    "notices",
    "settings",
    "upstream_target",
]
