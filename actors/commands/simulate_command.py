"""The command `turnstile simulate`: runs the simulated Realtime API alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.commands.config_options import add_config_options, configured
from actors.simulator_system import SimulatorSystem
from turnstile.observability.logs import log_uncaught_errors, set_up_logging
from turnstile.server.addresses import peer_of
from turnstile.server.exit_codes import OK
from turnstile.server.shutdown import end_process, stop_in_time
from turnstile.server.signals import ProcessSignals
from turnstile.terminal.standard_output import announce

if TYPE_CHECKING:
    import argparse

    from turnstile.terminal.arguments import ArgumentParser

# Seconds that it has to close its connections.
_STOP: Final = 2.0


def define_simulate(parser: ArgumentParser) -> None:
    """Define its options and its help."""
    parser.describe(
        "Run the simulated Realtime API alone, for clients and proxies that are to be tested without a key.",
        "simulate --port 9001 --scenario barge_in",
        "simulate --host 0.0.0.0 --seed 7",
    )
    add_config_options(parser)
    parser.add_argument("--host", dest="simulator.host", metavar="HOST", help="name or address to listen on")
    parser.add_argument("--port", dest="simulator.port", metavar="PORT", help="TCP port; 0 takes any free one")
    parser.add_argument("--scenario", dest="simulator.scenario", metavar="NAME", help="name, or path of a TOML file")
    parser.add_argument("--seed", dest="simulator.seed", metavar="N", help="of the jitter")
    parser.set_defaults(command=_simulate)


def _simulate(arguments: argparse.Namespace) -> int:
    config = configured(arguments)
    set_up_logging(config.log.level, config.log.format)
    log_uncaught_errors()
    system = SimulatorSystem(config)
    with ProcessSignals() as signals:
        system.start()
        address = peer_of(*system.address)
        announce(f"The simulated Realtime API listens on ws://{address}/v1/realtime. Ctrl-C ends it.")
        signals.drain.wait()
        stop_in_time(system.stop, signals, _STOP)
        signals.ignore()
    end_process(OK)
    return OK
