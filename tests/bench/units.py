"""What a turn, a delta and a frame cost the proxy, one at a time: ``make bench-units``.

    python tests/bench/units.py [--layers] [--profile FILE] [UNIT ...]

Calls of functions are the figure to steer by while the code changes: they hardly depend on the machine, or on what else
it does. CPU time is the I/O thread's, with its waking up for each message, as at a session alone; the least of many
tries is what it takes undisturbed. The proxy is a whole one, in this process, on real sockets, with one session; this
script is its client and its upstream, on another thread, and waits while the proxy works.

By layers, the time is that of a profile, which makes calls dearer than they are: it shows proportions. What a layer has
a C function do counts as the layer's; waiting, reading and writing are left out.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import socket
import statistics
import sys
import threading
import time
from collections import defaultdict
from contextlib import closing
from functools import partial
from pathlib import Path

from conversation import UNITS, WITHIN, Conversation
from subjects import ROOT

sys.path.insert(0, str(Path(__file__).parents[2]))

from actors.system import ProxySystem
from turnstile.config import load_config

_SYSTEM = ("'send'", "'recv'", "'recv_into'", "'poll'", "'select'")
_OTHERS = "libraries, and what is generated"


class Meter:
    """Measures the proxy's I/O thread, from outside.

    Args:
        call: Has a function called on that thread, soon.
    """

    def __init__(self, call):
        self._call = call
        self._clock = time.pthread_getcpuclockid(self.there(threading.get_ident))

    def there(self, function, *arguments):
        """Have a function called on the proxy's thread; returns what it returns."""
        found, done = [], threading.Event()
        self._call(lambda: (found.append(function(*arguments)), done.set()))
        done.wait(WITHIN)
        return found[0]

    def calls(self, do, times):
        """Return how many calls of Python functions, and of C ones, each time takes."""
        counted = dict.fromkeys(("call", "c_call"), 0)

        def see(_frame, event, _argument):
            if event in counted:
                counted[event] += 1

        self.there(sys.setprofile, see)
        for _ in range(times):
            do()
        self.there(sys.setprofile, None)
        return [number / times for number in counted.values()]

    def seconds(self, do, times, tries):
        """Return the CPU time that each time takes, in as many tries."""
        found = []
        for _ in range(tries):
            begun = time.clock_gettime(self._clock)
            for _ in range(times):
                do()
            found.append((time.clock_gettime(self._clock) - begun) / times)
        return found

    def profile(self, do, times):
        """Return what cProfile sees there meanwhile."""
        profile = cProfile.Profile()
        self.there(profile.enable)
        for _ in range(times):
            do()
        self.there(profile.disable)
        return profile


def by_layer(profile, times):
    """Return the Python calls of each layer for one of so many times, and its share of the time in the profile."""
    layers = defaultdict(lambda: [0, 0.0])
    for entry in profile.getstats():
        if isinstance(entry.code, str):  # of C: its callers have it
            continue
        layer = layers[_layer(entry.code.co_filename)]
        layer[0] += entry.callcount / times
        layer[1] += entry.inlinetime
        for called in entry.calls or ():
            if isinstance(called.code, str) and not any(word in called.code for word in _SYSTEM):
                layer[1] += called.inlinetime
    whole = sum(seconds for _, seconds in layers.values())
    found = {layer: (calls, seconds / whole) for layer, (calls, seconds) in layers.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1][1]))


def _layer(path):
    parts = Path(path).relative_to(ROOT).parts if Path(path).is_relative_to(ROOT) else ()
    if parts[:1] == ("turnstile",) and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0] if parts and parts[0] in {"actors", "turnstile"} else _OTHERS


def _arguments():
    parser = argparse.ArgumentParser(prog="units.py", description=__doc__.splitlines()[0])
    parser.add_argument("units", nargs="*", metavar="UNIT", help=f"some of {', '.join(UNITS)}; all by default")
    parser.add_argument("--times", type=int, default=100, help="how often each is done to count it")
    parser.add_argument("--layers", action="store_true", help="also tell in which layer of the code each is spent")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="also write a profile of each to FILE.UNIT")
    return parser.parse_args()


def measure(names, times, seen=None):
    """Return a row of figures for each unit: Python calls, C calls, least and median microseconds of CPU.

    Args:
        names: Of the units.
        times: How often each is done.
        seen: Is shown a profile of each, with the unit's name and how many units it is of.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(WITHIN)
    url = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/realtime"
    flags = {"upstream.url": url, "upstream.api_key": "none", "server.port": "0", "server.host": "127.0.0.1"}
    rows = {}
    with (
        listener,
        ProxySystem(load_config(flags=flags)) as system,
        closing(Conversation(system.address[1], listener)) as talk,
    ):
        meter = Meter(system._parts.loop.call_soon)
        for name in names:
            unit, size = UNITS[name]
            do = partial(unit, talk)
            meter.seconds(do, times, 1)  # what is made once is made
            gc.collect()
            spent = meter.seconds(do, 5, times)
            calls = meter.calls(do, times)
            least, median = min(spent) * 1e6, statistics.median(spent) * 1e6
            rows[name] = [figure / size for figure in (*calls, least, median)]
            if seen:
                seen(name, meter.profile(do, times), times * size)
    return rows


def _table(head, rows):
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    sys.stdout.write("\n".join(lines) + "\n\n")


def main():
    """Print a table, and one for each unit whose layers are asked for."""
    arguments, layers = _arguments(), {}

    def see(name, profile, units):
        if arguments.profile:
            profile.dump_stats(f"{arguments.profile}.{name.replace(' ', '-')}")
        layers[name] = by_layer(profile, units)

    is_seen = arguments.layers or arguments.profile
    rows = measure(arguments.units or list(UNITS), arguments.times, see if is_seen else None)
    figures = [(name, *(f"{figure:,.1f}" for figure in row)) for name, row in rows.items()]
    _table(("unit", "Python calls", "C calls", "CPU, µs: least", "median"), figures)
    for name, found in layers.items() if arguments.layers else ():
        rest = [(layer, f"{calls:.1f}", f"{share:.0%}") for layer, (calls, share) in found.items()]
        _table((name, "Python calls", "share of the time"), rest)


if __name__ == "__main__":
    main()
