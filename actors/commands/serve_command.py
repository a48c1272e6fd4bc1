"""The command `turnstile serve`: runs the proxy."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from actors.commands.config_options import add_config_options, configured, flags
from actors.serving import serve_alone, serve_as_worker, serve_by_workers
from turnstile.config import hand_on, require_key, require_mode
from turnstile.observability.logs import log_uncaught_errors, set_up_logging
from turnstile.server.freed_memory import give_back_large_blocks
from turnstile.server.worker_process import WorkerOption

if TYPE_CHECKING:
    from pathlib import Path

    from turnstile.terminal.arguments import ArgumentParser


def define_serve(parser: ArgumentParser, program: Path) -> None:
    """Define its options and its help.

    Args:
        parser: Of the command.
        program: The file that Python runs to run a command; workers are started by it.
    """
    parser.describe(
        "Run the proxy: take clients, open a link to the Realtime API for each, and queue what would collide with a "
        "response in progress. SIGTERM or Ctrl-C ends it in order, SIGHUP reads the configuration anew.",
        "serve --upstream simulator: --port 9000",
        "serve --config mine.toml --host 0.0.0.0 --set auth.mode=keys --set auth.keys_file=keys.txt",
        "serve --workers 4 --log-level warning",
        "serve --upstream simulator: --trace --set journal.level=text",
    )
    add_config_options(parser)
    parser.add_argument("--host", dest="server.host", metavar="HOST", help="name or address to listen on")
    parser.add_argument("--port", dest="server.port", metavar="PORT", help="TCP port; 0 takes any free one")
    parser.add_argument("--upstream", dest="upstream.url", metavar="URL", help='wss://..., or "simulator:"')
    parser.add_argument("--model", dest="upstream.model", metavar="MODEL", help="model, where a client names none")
    parser.add_argument("--workers", dest="server.workers", metavar="N", help="processes that serve on the port")
    parser.add_argument(
        "--trace",
        nargs="?",
        const="",
        metavar="ID",
        help="show the timeline of the sessions on standard output as it happens: of all, or of those whose id begins "
        "with ID or whose client's identity it is; what is said, where journal.level is text",
    )
    # Given by the parent process to each of its workers.
    parser.add_argument("--worker", type=WorkerOption.parse, help=argparse.SUPPRESS)
    parser.set_defaults(command=partial(_serve, program=program))


def _serve(arguments: argparse.Namespace, program: Path) -> int:
    config = configured(arguments)
    require_key(config)
    require_mode(config)
    option: WorkerOption | None = arguments.worker
    set_up_logging(config.log.level, config.log.format, worker=option and option.number)
    log_uncaught_errors()
    give_back_large_blocks()
    read_config = partial(configured, arguments)
    if option is not None:
        return serve_as_worker(config, read_config, option, arguments.trace)
    if config.server.workers > 1:
        sets, secrets = hand_on(flags(arguments))
        files = [word for file in arguments.config for word in ("--config", str(file))]
        traced = [] if arguments.trace is None else [f"--trace={arguments.trace}"]
        return serve_by_workers(config, [sys.executable, str(program), "serve", *files, *sets, *traced], secrets)
    return serve_alone(config, read_config, arguments.trace)
