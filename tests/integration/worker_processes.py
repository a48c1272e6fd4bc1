"""A process that keeps workers, and its clients."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from actors import ScriptedSession
from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LOG_LEVEL"))}
CLEAN["TURNSTILE_OPS__PORT"] = "0"  # one port of this machine, which all processes would want

# Of those that other tests, or others on this machine, may have.
NO_PORT = ("--port", "0", "--set", "ops.port=0")


class Serving:
    """A process that keeps workers, and what it and they have said.

    Args:
        options: Of its command line.
        environment: Variables of it, besides this process's own.
    """

    def __init__(self, *options, environment=None):
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "proxy_main.py"), "serve", *NO_PORT, "--workers", "2", *options],
            env={**CLEAN, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self._said = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._said.put(line)

    def until(self, pattern, count=1):
        """Wait until so many lines fit; returns the last match."""
        found = []
        for line in self.lines:
            found += re.findall(pattern, line)
        while len(found) < count:
            try:
                self.lines.append(self._said.get(timeout=patience()))
            except queue.Empty:
                pytest.fail(f"{pattern} was not said: {''.join(self.lines)}")
            found += re.findall(pattern, self.lines[-1])
        return found[count - 1]

    def hear(self):
        """Take what has been said up to now."""
        while not self._said.empty():
            self.lines.append(self._said.get())

    @property
    def url(self):
        return self.until(r"(ws://[^/]+)/") + "/openai"

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(patience())
        self._reader.join(patience())
        self.hear()
        return code


def configured(url):
    """A session whose settings are in force."""
    with ExitStack() as unless_configured:
        session = unless_configured.enter_context(ScriptedSession(url, timeout=patience()))
        session.configure(text_only=True)
        unless_configured.pop_all()
    return session
