"""Scenarios in TOML: a user's own files, and those that come with the package."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from turnstile.errors import ConfigError
from turnstile.simulator.echo import echo
from turnstile.simulator.quirks import NO_QUIRKS, Quirks
from turnstile.simulator.replies import Call, Ends, Kind, Reply
from turnstile.simulator.scenario import Expect, Scenario, Step

if TYPE_CHECKING:
    from pathlib import Path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _CallTable(_Strict):
    name: str
    arguments: dict[str, Any] | str = {}


class _EmitTable(_Strict):
    text: str | None = None
    calls: tuple[_CallTable, ...] = ()
    ends: Ends = "completed"
    reason: str | None = None
    retry_after: float | None = Field(default=None, ge=0)


class _ExpectTable(_Strict):
    on: Kind | None = None
    contains: str | None = None
    function: str | None = None


class _StepTable(_Strict):
    expect: _ExpectTable = _ExpectTable()
    emit: _EmitTable
    once: bool = False


class _ScenarioTable(_Strict):
    step: tuple[_StepTable, ...] = ()
    transcripts: tuple[str, ...] = ()
    interleaved: bool | None = None
    strict: bool = Field(default=False, description="Whether a turn that no step expects breaks a rule.")
    quirks: Quirks = NO_QUIRKS


def parse_scenario(text: str, name: str) -> Scenario:
    """Read a scenario from TOML.

    Args:
        text: The TOML.
        name: Its file or name, for the error.

    Raises:
        ConfigError: It is not TOML, or not a scenario.
    """
    try:
        table = _ScenarioTable.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("invalid_scenario", f"The scenario {name} is not TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(
            "invalid_scenario", f"The scenario {name} cannot be used: {where}: {first['msg']}."
        ) from error
    return Scenario(
        tuple(_step(step) for step in table.step),
        table.transcripts,
        None if table.strict else echo,
        table.interleaved,
        table.quirks,
    )


def _step(table: _StepTable) -> Step:
    emit = table.emit
    calls = tuple(Call(call.name, call.arguments) for call in emit.calls)
    expect = Expect(table.expect.on, table.expect.contains, table.expect.function)
    return Step(expect, Reply(emit.text, calls, emit.ends, emit.reason, emit.retry_after), table.once)


def load_scenario(path: Path) -> Scenario:
    """Read a scenario from a TOML file.

    Raises:
        ConfigError: It cannot be read, or is not a scenario.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError("unreadable_scenario", f"The scenario {path} cannot be read: {reason}.") from error
    return parse_scenario(text, str(path))


def bundled_scenario(name: str = "default") -> Scenario:
    """Return a scenario that comes with the package.

    Raises:
        ConfigError: There is none of this name.
    """
    file = resources.files("turnstile.simulator") / "scenarios" / f"{name}.toml"
    if not file.is_file():
        raise ConfigError("unknown_scenario", f"There is no bundled scenario {name!r}.")
    return parse_scenario(file.read_text(encoding="utf-8"), name)
