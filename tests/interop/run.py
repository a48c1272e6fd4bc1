"""Runs stock clients against Turnstile, and prints which of them can do what: ``make interop``.

    python tests/interop/run.py [--newest] [--only CLIENT ...]

Exits with 1 when a check fails, when a check passes against an upstream that is broken on purpose, or, with the
environment's CI set, when a row was skipped.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [path for path in (str(HERE.parents[1]),) if path not in sys.path]

from clients import CHECKS, CLIENTS, NODE, Client  # noqa: E402 - the path is made for the command above
from environments import BUILD, install, last_line, python_of, variables  # noqa: E402
from upstreams import AUTHORITY, NotStartedError, stage  # noqa: E402
from verdicts import Row, counts, exit_code, judged, table  # noqa: E402

from turnstile.testing import patience  # noqa: E402

_AT_ONCE = 2
_ROW_WITHIN = 120.0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _command(client: Client) -> list[str | Path]:
    if client.environment != NODE:
        return [python_of(client.environment), HERE / "rows" / client.script]
    # Modules are looked for beside the script.
    copied = [shutil.copy(HERE / "rows" / name, BUILD / NODE) for name in ("row.mjs", client.script)]
    return ["node", Path(copied[-1])]


def _environment(client: Client, plan: object) -> dict[str, str]:
    trusted = {"NODE_EXTRA_CA_CERTS": str(AUTHORITY)} if client.has_tls else {}
    return {**variables(), **trusted, "INTEROP_PLAN": json.dumps(plan)}


def _run(client: Client) -> Row:
    """Run one client's checks, against all upstreams."""
    with stage(client) as running:
        environment = _environment(client, running.plan)
        try:
            done = subprocess.run(
                _command(client), env=environment, capture_output=True, timeout=patience(_ROW_WITHIN), check=False
            )
            told, said = done.stdout, done.stderr
            ended = last_line(said) if done.returncode else ""
        except subprocess.TimeoutExpired as error:
            told, said, ended = error.stdout or b"", error.stderr or b"", ""
        rules = [rule for simulator in running.working for log in simulator.logs for rule in log.broken]
    (BUILD / f"{client.name.replace('/', '-').replace(' ', '-')}.log").write_bytes(told + said)
    verdicts = [json.loads(line) for line in told.splitlines() if line.startswith(b'{"upstream"')]
    return judged(
        client,
        {(verdict["upstream"], verdict["check"]): verdict["hole"] for verdict in verdicts},
        [f"{rule.event_type}: {rule.code}: {rule.message}" for rule in rules],
        unheard=f"its script ended: {ended}" if ended else "it never ended",
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--newest", action="store_true", help="move the pins to what the registries have now")
    names = [client.name for client in CLIENTS]
    parser.add_argument("--only", action="append", choices=names, metavar="CLIENT", help=f"one of {', '.join(names)}")
    return parser.parse_args()


def main() -> int:
    """Install, run, and print the table."""
    arguments = _arguments()
    begun = time.monotonic()
    BUILD.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=BUILD / "turnstile.log", filemode="w")
    clients = [client for client in CLIENTS if not arguments.only or client.name in arguments.only]
    missing = install({name for client in clients for name in client.environments}, newest=arguments.newest)
    _say(f"Installed in {time.monotonic() - begun:.0f} s.")

    def one(client: Client) -> Row:
        why = [reason for name in sorted(client.environments) if (reason := missing[name])]
        if why:
            return Row(client, skipped=why[0])
        try:
            return _run(client)
        except NotStartedError as error:
            return Row(client, holes=dict.fromkeys(CHECKS, str(error)))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        rows = list(pool.map(one, clients))
    _say(table(rows))
    for line in (line for row in rows for line in row.lines):
        _say(line)
    _say(f"In {time.monotonic() - begun:.0f} s; what the clients wrote is in {BUILD.relative_to(HERE.parents[1])}.")
    _say("interop: {} passed, {} failed, {} skipped".format(*counts(rows)))
    return exit_code(rows, is_ci=bool(os.environ.get("CI")))


if __name__ == "__main__":
    sys.exit(main())
