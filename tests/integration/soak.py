"""Random sessions over real sockets: clients, the proxy, and the simulator with jitter and voice activity detection.

``python tests/integration/soak.py [SESSIONS]`` plays them (1,000 by default) on links that last, and as many whose
links are lost three times and renewed; judges each by what the simulator saw and what its client heard, and prints the
figures. Each is recorded, and its recording must come to the same effects.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [path for path in (str(Path(__file__).parents[2]), str(Path(__file__).parent)) if path not in sys.path]

from random_client import RandomClient  # noqa: E402 - the path is made for the command above
from random_realtime_client import RandomRealtimeClient  # noqa: E402
from seeded_client import PATIENCE, Profile  # noqa: E402

from actors.simulator_system import SimulatorSystem  # noqa: E402
from actors.system import ProxySystem  # noqa: E402
from actors.timers import TimerThread  # noqa: E402
from turnstile.config import load_config  # noqa: E402
from turnstile.observability.recording_file import read_recording  # noqa: E402
from turnstile.observability.replaying import verify  # noqa: E402
from turnstile.simulator.faults import Pace  # noqa: E402
from turnstile.simulator.simulator import Simulator  # noqa: E402


@dataclass
class Soak:
    """What became of all sessions.

    Args:
        sessions: How many there were.
        seconds: How long they took.
        faults: What was wrong with each that had a fault.
        counts: What was counted.
        unlike: What was wrong with each recording that does not replay to the same effects.
    """

    sessions: int
    seconds: float
    faults: dict[int, list[str]]
    counts: Counter
    unlike: list[str]

    def __str__(self) -> str:
        lines = [f"{self.sessions} sessions in {self.seconds:.0f} s, {len(self.faults)} with a fault"]
        lines += [f"  {count:7} {what}" for what, count in sorted(self.counts.items())]
        lines += [f"  session {number}: {fault}" for number, faults in self.faults.items() for fault in faults]
        lines += [f"  recording {fault}" for fault in self.unlike]
        return "\n".join(lines)


CLIENTS = {"voice agent": RandomClient, "realtime": RandomRealtimeClient}


def soak(sessions: int, profile: Profile, at_once: int = 8) -> Soak:
    """Play `sessions` random sessions, `at_once` of them at the same time, and replay their recordings."""
    with tempfile.TemporaryDirectory() as directory:
        result = play_sessions(sessions, profile, at_once, Path(directory))
        for file in Path(directory).iterdir():
            _replay(file, result)
    return result


def _replay(file: Path, result: Soak) -> None:
    with file.open("rb") as lines:
        verdict = verify(read_recording(lines))
    result.counts["recorded events"] += verdict.events
    if verdict.difference:
        result.unlike.append(f"{file.name}: {verdict.difference}")
    elif verdict.unverified:
        result.unlike.append(f"{file.name}: {verdict.unverified}")
    else:
        result.counts["recordings that replay to the same effects"] += 1


def play_sessions(sessions: int, profile: Profile, at_once: int, directory: Path) -> Soak:
    """Play them, and leave their recordings in a directory."""
    timers = TimerThread()
    pace = Pace(answer=0.001, first=0.004, step=0.001, jitter=0.9)
    simulator = Simulator(
        clock=time.monotonic,
        timers=timers,
        seed=profile.first,
        pace=pace,
        lifetime=profile.lifetime,
        keep=sessions * 20,
        keep_bytes=2**30,
    )
    upstream = SimulatorSystem(load_config(flags={"simulator.port": "0"}), simulator=simulator)
    upstream.start()
    host, port = upstream.address
    flags = {
        "server.port": "0",
        "upstream.url": f"ws://{host}:{port}/v1/realtime",
        "upstream.kind": "compatible",
        "session.turns": profile.turns,
        "journal.directory": str(directory),
        "journal.level": "text",
    }
    began = time.monotonic()
    try:
        with ProxySystem(load_config(flags=flags)) as proxy, ThreadPoolExecutor(at_once) as pool:
            host, port = proxy.address
            url = f"ws://{host}:{port}/openai"
            make = CLIENTS[profile.dialect]
            numbers = range(profile.first, profile.first + sessions)
            clients = [make(number, url, simulator, profile) for number in numbers]
            verdicts = list(pool.map(lambda client: client.play(), clients))
    finally:
        upstream.stop()
        timers.stop(PATIENCE)
    faults = {profile.first + number: verdict.faults for number, verdict in enumerate(verdicts) if verdict.faults}
    counts = sum((verdict.counts for verdict in verdicts), Counter())
    return Soak(sessions, time.monotonic() - began, faults, counts, [])


LOSING = {"losses": 3, "lifetime": 2.0}
"""Three losses and a renewal at least in each session."""
PROFILES = (
    Profile(),
    Profile(turns="proxy", first=1_000_000),
    Profile(first=2_000_000, **LOSING),
    Profile(turns="proxy", first=3_000_000, **LOSING),
    Profile(dialect="realtime", first=4_000_000, **LOSING),
)


def main() -> int:
    """Play the number of sessions that is asked for on links that last, and as many on links that do not."""
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    results = []
    for profile in PROFILES:
        share = 3 if profile.losses else 2
        results.append(soak(-(-sessions // share), profile, at_once=16 if profile.losses else 8))
        sys.stdout.write(f"{profile}: {results[-1]}\n")
    left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    sys.stdout.write(f"threads left: {left or 'none'}\n")
    return 1 if left or any(result.faults or result.unlike for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
