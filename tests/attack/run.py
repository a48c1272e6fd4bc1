"""Attacks the proxy on this machine, and prints what came of it: ``make attack``.

    python tests/attack/run.py [--only WORDS ...] [--list]

Exits with 1 when a row is above its target. Loopback only; every attack is bounded in count and time.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

import false_addresses  # noqa: E402 - found by the path above
import from_upstream  # noqa: E402
import listener_rows  # noqa: E402
import log_and_output  # noqa: E402
import memory  # noqa: E402
import one_message  # noqa: E402
import past_quotas  # noqa: E402
import remote_checks  # noqa: E402
import signals_and_workers  # noqa: E402
import token_requests  # noqa: E402
import trouble  # noqa: E402
import wrong_keys  # noqa: E402
from companions import Beside  # noqa: E402
from measuring import measure  # noqa: E402
from served import NotStartedError, has_proc, pause  # noqa: E402
from stand import Attack  # noqa: E402
from table import Row, heading, is_late, line, measured_again, misses  # noqa: E402

_WITHIN = 420.0


def _nothing(_: object) -> str:
    pause(0.6)
    return "no attack"


NOTHING = Attack("nothing", _nothing)
_SECTIONS = (
    one_message,
    memory,
    from_upstream,
    trouble,
    log_and_output,
    signals_and_workers,
    wrong_keys,
    remote_checks,
    listener_rows,
    past_quotas,
    false_addresses,
    token_requests,
)
ATTACKS: tuple[Attack, ...] = tuple(one for section in _SECTIONS for one in section.ATTACKS)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the attacks that are asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=f"{__doc__}".splitlines()[0])
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="WORDS", help="attacks whose names contain one of these"
    )
    parser.add_argument("--list", action="store_true", help="print the attacks' names")
    options = parser.parse_args()
    chosen = [one for one in ATTACKS if not options.only or any(words in one.name for words in options.only)]
    if options.list or not chosen:
        _say("\n".join(one.name for one in ATTACKS))
        return 0 if options.list else 2
    if not has_proc():
        _say("The memory of processes is read from /proc, which this machine does not have.")
        return 2
    # Its processes end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    return _run(chosen)


def _run(chosen: list[Attack]) -> int:
    began, beside = time.monotonic(), Beside()
    _say(heading())
    red = noise = 0.0
    try:
        for number, attack in enumerate((NOTHING, *chosen)):
            if time.monotonic() - began > _WITHIN:
                _say(f"RED Time is up: {len(chosen) + 1 - number} attacks were not run.")
                return 1
            try:
                row = measure(attack, beside)
                if attack is not NOTHING and is_late(row, noise):
                    row = measured_again(row, measure(attack, beside))
            except NotStartedError as error:
                beside.end()
                beside, row = Beside(), Row(attack.name, 0.0, held=0, faults=[str(error)])
            noise = row.wait if attack is NOTHING else noise
            missed = misses(row, noise if attack is not NOTHING else 0.0)
            red += bool(missed)
            _say(line(row, missed))
    finally:
        beside.end()
    _say(f"{len(chosen)} attacks in {time.monotonic() - began:.0f} s; {red:.0f} rows are above their targets.")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
