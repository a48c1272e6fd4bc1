"""A web application in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from turnstile.testing import patience

ROOT = Path(__file__).parents[2]


class Host:
    """One running host.

    Args:
        command: Its process.
        folder: Where its application is.
        port: Where it listens.
        log: Where its output goes; by default into `folder`.
    """

    def __init__(self, command: list[str], folder: Path, port: int, log: Path | None = None) -> None:
        self.port = port
        names = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}  # without coverage, which tests/unit/embed counts
        self.log = (log or folder / "log").open("w+")
        self.process = subprocess.Popen(command, cwd=folder, env=names, stdout=self.log, stderr=self.log)

    def wait_until_it_answers(self) -> None:
        """Wait for its port."""
        self.process.poll()
        for _ in range(int(patience() / 0.05)):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=patience()).close()
            except ConnectionRefusedError:
                with pytest.raises(subprocess.TimeoutExpired):
                    self.process.wait(0.05)
            else:
                return
        pytest.fail(f"the host does not listen: {self.output()}")

    def url(self, user: str = "ada") -> str:
        return f"ws://127.0.0.1:{self.port}/agent?user={user}"

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to end; returns its exit code."""
        self.process.send_signal(how)
        return self.process.wait(patience())

    def output(self) -> str:
        self.log.seek(0)
        return self.log.read()
