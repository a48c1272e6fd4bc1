"""Two serving processes with the simulator, as the configuration files of the front ends expect them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from front_ends import HOSTS, LONG, Output

ROOT = Path(__file__).parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LOG_LEVEL"))}


def settings_of(number, port, ops_port):
    """Return the settings of one of the two by their names."""
    host = HOSTS[number]
    own = {"server.host": host, "server.port": str(port), "ops.host": host, "ops.port": str(ops_port)}
    return {**own, "server.trusted_proxies": "127.0.0.1", "upstream.url": "simulator:"}


class ServedProxy:
    """One of the two, which may be ended and started again.

    Args:
        number: 0 or 1: which address.
        port: For its clients.
        ops_port: For operators.
        options: More of its command line.
    """

    def __init__(self, number, port, ops_port, *options):
        settings = settings_of(number, port, ops_port)
        sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
        self._command = [sys.executable, str(ROOT / "proxy_main.py"), "serve", *sets, *options]
        self.start()

    def start(self):
        """Start it; return when it listens."""
        process = subprocess.Popen(
            self._command,
            env={**CLEAN, "TURNSTILE_OPS__TOKEN": "made-up-for-this-test"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        self.output = Output(process)
        self.output.until("Ops: ")

    def end(self):
        """Ask it to end; return its exit code when its sessions have ended, and it has."""
        self.output.process.send_signal(signal.SIGTERM)
        code = self.output.process.wait(LONG)
        self.output.close()
        return code

    def kill(self):
        """End it as a crash does."""
        self.output.close()
