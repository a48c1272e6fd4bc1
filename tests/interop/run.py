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
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [path for path in (str(HERE.parents[1]),) if path not in sys.path]

from clients import CHECKS, CLIENTS, LITELLM, NODE, PYTHON, Client  # noqa: E402 - the path is made for the command above
from environments import BUILD, install, python_of, version  # noqa: E402
from upstreams import AUTHORITY, UPSTREAMS, WORKS, stage  # noqa: E402

from turnstile.testing import patience  # noqa: E402

_AT_ONCE = 2
_ROW_WITHIN = 120.0
# Clients read these, and would call home or go around the proxy.
_FORGOTTEN = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "DEEPGRAM_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY")
_SILENT = {"OPENAI_AGENTS_DISABLE_TRACING": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"}


@dataclass
class Row:
    """What came of one client.

    Args:
        client: Which.
        skipped: Why it was not run; "" when it was.
        holes: By check, why it failed.
        blind: Checks that found nothing wrong with an upstream that is broken, each with the upstream's name.
        refused: What the simulator without faults refused.
    """

    client: Client
    skipped: str = ""
    holes: dict[str, str] = field(default_factory=dict)
    blind: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All that is wrong, in words."""
        return [
            *(f"{name}: {why}" for name, why in self.holes.items()),
            *(f"{name}: passes though upstream is broken" for name in self.blind),
            *(f"upstream refused: {refusal}" for refusal in self.refused),
        ]

    def cells(self) -> list[str]:
        """Return the row of the table."""
        shown = LITELLM if self.client.litellm else self.client.environment
        title = f"{self.client.name} {version(shown, self.client.shows or PYTHON[shown].shows)}"
        if self.skipped:
            return [title, *("skipped" for _ in CHECKS), ""]
        blind = {name.partition(" (")[0] for name in self.blind}
        found = ["HOLE" if check in self.holes else "BLIND" if check in blind else "yes" for check in CHECKS]
        return [title, *found, "HOLE" if self.refused else "no"]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _command(client: Client) -> list[str | Path]:
    if client.environment != NODE:
        return [python_of(client.environment), HERE / "rows" / client.script]
    # Modules are looked for beside the script.
    copied = [shutil.copy(HERE / "rows" / name, BUILD / NODE) for name in ("row.mjs", client.script)]
    return ["node", Path(copied[-1])]


def _run(client: Client) -> Row:
    """Run one client's checks, against all upstreams."""
    row = Row(client)
    with stage(client) as running:
        environment = {name: value for name, value in os.environ.items() if name not in _FORGOTTEN}
        environment |= {**_SILENT, "INTEROP_PLAN": json.dumps(running.plan)}
        if client.has_tls:
            environment["NODE_EXTRA_CA_CERTS"] = str(AUTHORITY)
        try:
            done = subprocess.run(
                _command(client), env=environment, capture_output=True, timeout=patience(_ROW_WITHIN), check=False
            )
            told, said = done.stdout, done.stderr
        except subprocess.TimeoutExpired as error:
            told, said = error.stdout or b"", error.stderr or b""
        rules = [rule for log in running.working.logs for rule in log.broken]
    row.refused = [f"{rule.event_type}: {rule.code}: {rule.message}" for rule in rules]
    (BUILD / f"{client.name.replace('/', '-').replace(' ', '-')}.log").write_bytes(told + said)
    verdicts = [json.loads(line) for line in told.splitlines() if line.startswith(b'{"upstream"')]
    found = {(verdict["upstream"], verdict["check"]): verdict["hole"] for verdict in verdicts}
    for name, upstream in UPSTREAMS.items():
        for check in upstream.checks:
            hole = found.get((name, check), "it never ended")
            if name == WORKS and hole:
                row.holes[check] = hole
            elif name != WORKS and not hole:
                row.blind.append(f"{check} ({name})")
    return row


def _table(rows: list[Row]) -> str:
    lines = [["client", *CHECKS, "refused"], *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)


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
        return Row(client, skipped=why[0]) if why else _run(client)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        rows = list(pool.map(one, clients))
    _say(_table(rows))
    for row in rows:
        for fault in row.faults:
            _say(f"{row.client.name}: {fault}")
        if row.skipped:
            _say(f"{row.client.name}: skipped: {row.skipped}")
    skipped, failed = sum(bool(row.skipped) for row in rows), sum(bool(row.faults) for row in rows)
    _say(f"In {time.monotonic() - begun:.0f} s; what the clients wrote is in {BUILD.relative_to(HERE.parents[1])}.")
    _say(f"interop: {len(rows) - skipped - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or (skipped and os.environ.get("CI")) else 0


if __name__ == "__main__":
    sys.exit(main())
