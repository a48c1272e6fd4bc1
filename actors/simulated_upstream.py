"""The simulator of the configuration, and its links; all of the simulator is imported when it is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnstile.config import Config
    from turnstile.ports import Clock, Timers
    from turnstile.protocol.upstreams import KindName
    from turnstile.simulator.scenario import Scenario
    from turnstile.simulator.simulator import Simulator, SimulatorConnector


def make_simulator(
    config: Config, kind: KindName, clock: Clock, timers: Timers, scenario: Scenario | None = None
) -> Simulator:
    """Return the simulator that the configuration describes, or one that plays another scenario.

    Raises:
        ConfigError: The scenario does not exist, or its file cannot be used.
    """
    from turnstile.simulator.scenario_files import bundled_scenario, load_scenario  # noqa: PLC0415
    from turnstile.simulator.simulator import Simulator  # noqa: PLC0415

    name = config.simulator.scenario
    if scenario is None:
        scenario = load_scenario(Path(name)) if name.endswith(".toml") else bundled_scenario(name)
    return Simulator(scenario, kind=kind, clock=clock, timers=timers, seed=config.simulator.seed)


def simulator_connector(simulator: Simulator) -> SimulatorConnector:
    """Return what opens links to a simulator in this process."""
    from turnstile.simulator.simulator import SimulatorConnector  # noqa: PLC0415

    return SimulatorConnector(simulator)
