"""What the recording of sessions costs a turn, in one run: ``make bench-recording``.

    python tests/bench/recording.py [--level LEVEL] [--rounds N] [UNIT ...]

Two proxies run in this process, on real sockets, with a session each: one records, the other does not. They take turns
every few units, so that whatever else the machine does hits both. CPU time is that of the I/O thread and of the
journal's: the least of all rounds, and how much more it is in the pairs of rounds that ran one after the other, the
median with the quartiles, for a machine that others use as well. Latency is how long the two peers wait for a unit, on
the wall's clock, the median.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from functools import partial
from itertools import pairwise
from pathlib import Path

from conversation import UNITS, WITHIN, Conversation

sys.path.insert(0, str(Path(__file__).parents[2]))

from actors.system import ProxySystem
from turnstile.config import load_config

_IN_A_ROW = 10
_LONG_IN_A_ROW = 2


def _spoken_turn(talk):
    """Speech of two seconds in frames of 20 ms, each with as much of an answer, and what a turn has besides."""
    for _ in range(100):
        talk.frames(1)
    talk.turn()


_SPOKEN = "spoken turn"
_UNITS = {**UNITS, _SPOKEN: (_spoken_turn, 1)}


class Subject:
    """A proxy with a session.

    Args:
        stack: Ends both.
        directory: Where the session is recorded; "" for nowhere.
        level: What is recorded of the content.
    """

    def __init__(self, stack, directory, level):
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.settimeout(WITHIN)
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/realtime"
        flags = {"upstream.url": url, "upstream.api_key": "none", "server.port": "0", "server.host": "127.0.0.1"}
        flags |= {"journal.directory": directory, "journal.level": level}
        before = {*threading.enumerate()}
        self._system = stack.enter_context(ProxySystem(load_config(flags=flags)))
        self.talk = stack.enter_context(closing(Conversation(self._system.address[1], listener)))
        self.talk.client.settle()
        self._threads = [thread for thread in threading.enumerate() if thread not in before]
        self._clocks = [time.pthread_getcpuclockid(thread.ident) for thread in self._threads]

    def cpu(self):
        """Return the CPU seconds of its threads so far, when all is written."""
        thread = self._system._parts.adapters.journaling._thread
        if thread is not None:
            thread.flush(WITHIN)
        return sum(map(time.clock_gettime, self._clocks))


def measure(name, level, rounds):
    """Return the CPU seconds of a unit in each round, and then its latencies: without recording, and with it.

    Args:
        name: Of the unit.
        level: What is recorded of the content.
        rounds: How often each subject has its turn.
    """
    unit, size = _UNITS[name]
    in_a_row = _LONG_IN_A_ROW if name == _SPOKEN else _IN_A_ROW
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        subjects = [Subject(stack, "", level), Subject(stack, directory, level)]
        spent, waited = ([], []), ([], [])
        for number in range(rounds + 1):
            for place, subject in enumerate(subjects):
                do, begun = partial(unit, subject.talk), subject.cpu()
                moments = [time.perf_counter()]
                for _ in range(in_a_row):
                    do()
                    moments.append(time.perf_counter())
                if number:  # what is made once is made
                    spent[place].append((subject.cpu() - begun) / in_a_row / size)
                    waits = [after - before for before, after in pairwise(moments)]
                    waited[place].append(statistics.median(waits) / size)
    return spent, waited


def main():
    """Print a row for each unit."""
    parser = argparse.ArgumentParser(prog="recording.py", description=__doc__.splitlines()[0])
    parser.add_argument("units", nargs="*", metavar="UNIT", help=f"some of {', '.join(_UNITS)}; all by default")
    parser.add_argument("--level", default="events", choices=("events", "text", "all"))
    parser.add_argument("--rounds", type=int, default=40, help="how often each proxy has its turn")
    arguments = parser.parse_args()
    sys.stdout.write(
        "| unit | CPU, µs: off | on | more | in pairs | latency, µs: off | on | more |\n|" + " --- |" * 8 + "\n"
    )
    for name in arguments.units or list(_UNITS):
        spent, waited = measure(name, arguments.level, arguments.rounds)
        cells = [name, *_figures(*map(min, spent)), _spread(*spent), *_figures(*map(statistics.median, waited))]
        sys.stdout.write(f"| {' | '.join(cells)} |\n")
        sys.stdout.flush()


def _figures(off, on):
    return f"{off * 1e6:,.1f}", f"{on * 1e6:,.1f}", f"{on / off - 1:+.1%}"


def _spread(off, on):
    """Return how much more it is with recording in the pairs: the median, and the quartiles."""
    low, middle, high = statistics.quantiles([after / before - 1 for before, after in zip(off, on, strict=True)], n=4)
    return f"{middle:+.1%} ({low:+.1%} to {high:+.1%})"


if __name__ == "__main__":
    main()
