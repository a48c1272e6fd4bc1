"""Settings that another one has replaced; for one release the old name is accepted, with a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.config.loading import Config

REPLACED: Final = {"upstream.reconnects": "upstream.reconnect_for"}
"""The settings that replace others, by the old name."""


def with_reconnect_for(values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of ``upstream`` with `reconnect_for` in place of `reconnects`, where that was given.

    No lost link in a row was replaced: none is tried for. Any other number: as long as by default.

    Raises:
        ValueError: `reconnects` is no whole number, or less than 0.
    """
    given = values.get("reconnects")
    if given is None:
        return values
    others = {name: value for name, value in values.items() if name != "reconnects"}
    if not str(given).strip().isdecimal():
        raise ValueError("reconnects: is not a whole number of at least 0; use reconnect_for, in seconds")
    return others if int(given) else {"reconnect_for": 0.0, **others}


def origin(config: Config, path: str) -> str:
    """Return where the value of a setting came from, for people."""
    given_by = config.origins
    old = next((old for old, new in REPLACED.items() if new == path and old in given_by), None)
    return given_by.get(path) or (f"{given_by[old]}, as {old}" if old else "code")


def replaced_notices(config: Config) -> Iterator[str]:
    """Yield a warning for each setting that was given by its old name."""
    for old, new in REPLACED.items():
        if old not in config.origins:
            continue
        where = f"{old} (from {config.origins[old]})"
        if new in config.origins:
            yield f"{where} has no effect: {new} (from {config.origins[new]}) has replaced it"
            continue
        section, name = new.split(".")
        value = getattr(getattr(config, section), name)
        yield f"{where} goes with the next release, and counts as {new} = {value:g} until then: set that, in seconds"
