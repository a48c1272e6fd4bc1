"""What sessions at rest cost: ``python tests/integration/idle.py [SESSIONS]`` opens them in one process and measures.

The process is the proxy with the simulator inside it; its memory and threads are read from the system.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import websocket

ROOT = Path(__file__).parents[2]
REST = 10.0


class Cost:
    """Of a process, as the system counts it."""

    def __init__(self, pid: int) -> None:
        status = Path(f"/proc/{pid}/status").read_text()
        self.threads = int(re.search(r"Threads:\s+(\d+)", status)[1])
        self.resident_mb = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        self.cpu_seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class AtRest(NamedTuple):
    """What was measured.

    Args:
        threads: Threads of the process, all sessions open.
        resident_mb: Its memory.
        kb_a_session: What each session added to it.
        cpu_seconds: What `seconds` of rest cost.
        seconds: How long it rested.
    """

    threads: int
    resident_mb: float
    kb_a_session: float
    cpu_seconds: float
    seconds: float


def measure(sessions: int, rest) -> AtRest:
    """Open the sessions, configure each, and let them rest while `rest()` runs; it returns how long that took."""
    command = [sys.executable, str(ROOT / "proxy_main.py"), "serve", "--port", "0", "--upstream", "simulator:"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "COVERAGE_"))}
    clean["TURNSTILE_OPS__PORT"] = "0"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=clean) as process:
        try:
            url = next(word for word in process.stdout.readline().split() if word.startswith("ws://"))
            url = f"{url.rsplit('/v1', 1)[0]}/openai"
            with ExitStack() as stack:
                stack.callback(_open(url).close)
                before = Cost(process.pid)
                for _ in range(sessions - 1):
                    stack.callback(_open(url).shutdown)
                full = Cost(process.pid)
                seconds = rest()
                rested = Cost(process.pid)
        finally:
            process.terminate()
    added = (full.resident_mb - before.resident_mb) * 1024 / (sessions - 1)
    return AtRest(full.threads, full.resident_mb, added, rested.cpu_seconds - full.cpu_seconds, seconds)


def _open(url: str) -> websocket.WebSocket:
    link = websocket.create_connection(url, timeout=30)
    link.send(json.dumps({"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}))
    while json.loads(link.recv())["type"] != "SettingsApplied":
        pass
    return link


def main() -> int:
    """Print the figures for the number of sessions that is asked for."""
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 500

    def rest() -> float:
        threading.Event().wait(REST)
        return REST

    result = measure(sessions, rest)
    sys.stdout.write(
        f"{sessions} sessions at rest: {result.threads} threads, {result.resident_mb:.0f} MB, "
        f"{result.kb_a_session:.0f} KB a session, {result.cpu_seconds:.2f} s CPU in {result.seconds:.0f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
