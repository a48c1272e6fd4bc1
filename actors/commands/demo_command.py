"""The command `turnstile demo`: plays a conversation through the proxy, and shows both connections."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from actors.commands.config_options import add_config_options, configured
from actors.system import ProxySystem
from turnstile.config import SIMULATOR, replaced_notices
from turnstile.errors import ConfigError
from turnstile.observability.kept_lines import LinesJournal
from turnstile.observability.logs import set_up_logging
from turnstile.server.exit_codes import FAILED, OK
from turnstile.session.machine import Session
from turnstile.terminal.demo import PATIENCE, hold_conversation
from turnstile.terminal.demo_summary import summary
from turnstile.terminal.standard_output import announce, show
from turnstile.terminal.timeline import render
from turnstile.terminal.ungated_session import UngatedSession

if TYPE_CHECKING:
    import argparse

    from turnstile.terminal.arguments import ArgumentParser

# It uses none of the settings for a real upstream or real clients.
_OVERRIDES: Final = {
    "server.host": "127.0.0.1",
    "server.port": "0",
    "server.tls_cert_file": "",
    "server.tls_key_file": "",
    "upstream.url": SIMULATOR,
    "upstream.kind": "openai",
    "upstream.model": "gpt-realtime",
    "upstream.api_key": "",
    "auth.mode": "none",
    "journal.directory": "",
    "journal.level": "text",
}


def define_demo(parser: ArgumentParser) -> None:
    """Define its options and its help."""
    parser.describe(
        "Play a conversation through the proxy against the simulator, in this process, and show the frames of both "
        "connections: what waited for a response in progress, and why. Needs no key and no network.",
        "demo",
        "demo --without-gate",
        "demo --page",
    )
    add_config_options(parser)
    parser.add_argument("--without-gate", action="store_true", help="send everything at once, to compare")
    parser.add_argument("--page", action="store_true", help="play both side by side on a page, for a browser")
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    """Play a conversation against the simulator, and show what the gate did, or what is lost without it."""
    if arguments.page and arguments.without_gate:
        raise ConfigError("invalid_command", "--page shows both, with the gate and without: leave --without-gate out.")
    config = configured(arguments, **_OVERRIDES)
    set_up_logging("error", config.log.format)
    for notice in replaced_notices(config):
        announce(f"Warning: {notice}")
    if arguments.page:
        from actors.commands.demo_page import show_page  # noqa: PLC0415 - imports the HTTP server

        return show_page(config)
    journal = LinesJournal(time.monotonic)
    is_gated = not arguments.without_gate
    with ProxySystem(config, journal=journal, make_session=Session if is_gated else UngatedSession) as system:
        host, port = system.address
        outcome = hold_conversation(f"ws://{host}:{port}{config.server.component_path}", PATIENCE[is_gated])
        (lines,) = journal.sessions().values()
        log = system.simulator.logs[0]
    for row in render(lines):
        show(row)
    for fault in outcome.faults if is_gated else ():
        show(f"The client was told: {fault}")
    for line in ("", *summary(outcome, lines, log)):
        show(line)
    went_well = outcome.acknowledged == outcome.asked and outcome.answers == outcome.questions and not log.broken
    return OK if went_well or not is_gated else FAILED
