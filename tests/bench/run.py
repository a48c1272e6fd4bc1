"""Measures the proxy beside three yardsticks, in one run: ``make bench``.

    python tests/bench/run.py [--quick] [--only SCENARIO ...] [--json FILE]

Prints tables in Markdown; what it is at is told on standard error. Exits with 1, and prints no figure, when anything in
the run failed: a session that did not start, a process that died, a frame that was lost. A target that is not met is a
figure like any other.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from harness import Harness
from report import document, machine, markdown
from scenarios import SCENARIOS, Run
from subjects import Cores, raise_file_limit
from wire import BenchError


def _arguments():
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a short run: one round, and short ones")
    parser.add_argument("--only", action="append", choices=names, metavar="SCENARIO", help=f"one of {', '.join(names)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    return parser.parse_args()


def _say(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main():
    """Measure what was asked for."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the processes first
    limit, cores = raise_file_limit(), Cores.of_this_machine()
    if not cores.are_apart:
        _say("There is one core only: the harness takes its time from what it measures, and no figure means much.")
    begun, figures, workers = time.monotonic(), {}, []
    try:
        workers.append(harness := Harness(cores))
        workers.append(run := Run(cores, harness, is_quick=arguments.quick, say=_say))
        for scenario in SCENARIOS:
            if not arguments.only or scenario.name in arguments.only:
                figures[scenario.name] = run.measure(scenario)
    except BenchError as error:
        _say(f"The run failed, and there are no figures: {error}")
        return 1
    finally:
        for worker in reversed(workers):
            worker.end()
    told = document(
        figures, machine(cores, limit, harness.language), time.monotonic() - begun, is_quick=arguments.quick
    )
    sys.stdout.write(markdown(told))
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
