"""The operator's configuration: every setting, its default, and the sources of its value.

The sources, the later overriding the earlier: defaults in the code, configuration files (TOML), the environment, flags.
``python -m turnstile.config`` prints ``config/default.toml``.
"""

from turnstile.config.auth_checks import ANY_AUDIENCE, is_address
from turnstile.config.auth_section import AuthSection, QuotasSection
from turnstile.config.exposure import allowed_origins, require_mode
from turnstile.config.loading import LEGACY_ENV, Config, env_name, load_config, settings
from turnstile.config.observing_sections import JournalSection, OpsSection
from turnstile.config.reloading import taken_over
from turnstile.config.replaced import replaced_notices
from turnstile.config.secret_settings import hand_on
from turnstile.config.section import Section
from turnstile.config.sections import (
    DispatcherSection,
    FunctionsSection,
    LimitsSection,
    LogSection,
    ServerSection,
    SimulatorSection,
)
from turnstile.config.session_section import SessionSection
from turnstile.config.target import require_key, upstream_target
from turnstile.config.texts import default_toml, explain, notices, upstream_notices
from turnstile.config.upstream_section import OPENAI_URL, SIMULATOR, UpstreamSection

__all__ = [
    "ANY_AUDIENCE",
    "LEGACY_ENV",
    "OPENAI_URL",
    "SIMULATOR",
    "AuthSection",
    "Config",
    "DispatcherSection",
    "FunctionsSection",
    "JournalSection",
    "LimitsSection",
    "LogSection",
    "OpsSection",
    "QuotasSection",
    "Section",
    "ServerSection",
    "SessionSection",
    "SimulatorSection",
    "UpstreamSection",
    "allowed_origins",
    "default_toml",
    "env_name",
    "explain",
    "hand_on",
    "is_address",
    "load_config",
    "notices",
    "replaced_notices",
    "require_key",
    "require_mode",
    "settings",
    "taken_over",
    "upstream_notices",
    "upstream_target",
]
