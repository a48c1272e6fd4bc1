"""The settings that are secrets, which belong on no command line: every user of the machine can read those."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pydantic import SecretStr

from turnstile.config.loading import ON_COMMAND_LINE, env_name, sections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from turnstile.config.loading import Config


def secret_settings() -> Iterator[str]:
    """Yield the path of every setting that is a secret."""
    for section, kind in sections():
        for name, field in kind.model_fields.items():
            if SecretStr in get_args(field.annotation):
                yield f"{section}.{name}"


def shown_secrets(config: Config) -> Iterator[str]:
    """Yield the path of every secret that was given on the command line."""
    for path in secret_settings():
        section, name = path.split(".")
        if config.origins.get(path) == ON_COMMAND_LINE and getattr(getattr(config, section), name) is not None:
            yield path


def hand_on(flags: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and the environment that give the same settings to another process, without showing secrets.

    Args:
        flags: Values by path, from this process's command line.
    """
    secrets = set(secret_settings())
    arguments = [word for path, value in flags.items() if path not in secrets for word in ("--set", f"{path}={value}")]
    return arguments, {env_name(path): value for path, value in flags.items() if path in secrets}
