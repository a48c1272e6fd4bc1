"""The proxy under attack: a process of its own, its memory, and what it has logged."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from loopback import require_loopback

from turnstile.testing import patience

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]

_START_WITHIN, _END_WITHIN = patience(15.0), patience(10.0)
_GLANCE = 0.02
_CLEAR_PEAK = "5"  # proc(5), clear_refs: reset the peak of the resident set
HELD = re.compile(r"\b([\d,]+) bytes held")
"""What it logs when its last session has ended."""
_LISTENS = re.compile(r"\w+ listens on wss?://([^:/]+):(\d+)/")


class NotStartedError(Exception):
    """The proxy did not start; the text has what it wrote."""


def pause(seconds: float) -> None:
    """Let time pass."""
    time.sleep(seconds)  # noqa: TID251 - an attack takes the time that it takes


def clean_environment() -> dict[str, str]:
    """Return the environment of a process of the harness: without settings and an ops listener, and not measured."""
    foreign = ("OPENAI_", "COVERAGE_", "TURNSTILE_", "LOG_LEVEL")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return clean | {"TURNSTILE_OPS__PORT": "0"}  # one port of this machine, which all processes would want


class Served:
    """A running `turnstile serve`.

    Args:
        settings: Settings by their path, such as "limits.total_bytes".
        stdout: Where its standard output goes: a pipe that is read for its address, if not given.
        stderr: Where its log goes: a file, if not given.
        prefix: A command that starts the command given behind it.
        port: The port; any free one by default, which only a standard output that is read can tell.

    Raises:
        NotStartedError: It ended or said nothing in time.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        stdout: int | None = None,
        stderr: int | None = None,
        prefix: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        self.log_file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        """Where its log goes, if not elsewhere."""
        options = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        command = [sys.executable, str(ROOT / "proxy_main.py"), "serve", "--port", str(port), *options]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [*prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=self._said if stdout is None else stdout,
            stderr=self.log_file if stderr is None else stderr,
            env=clean_environment(),
            cwd=ROOT,
        )
        self.address = ("127.0.0.1", port) if port else self._read_address()

    def _read_address(self) -> tuple[str, int]:
        until = time.monotonic() + _START_WITHIN
        while not (found := _LISTENS.search(_text(self._said))):
            if self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise NotStartedError(self.log[-2000:])
            pause(_GLANCE)
        return require_loopback(found[1]), int(found[2])

    def wait_until_it_listens(self) -> None:
        """Wait for the port to be served, where nothing is said.

        Raises:
            NotStartedError: It ended, or did not listen in time.
        """
        until = time.monotonic() + _START_WITHIN
        while True:
            try:
                socket.create_connection(self.address, 1.0).close()
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.kill()
                    raise NotStartedError(f"It does not listen. {self.log[-2000:]}") from None
                pause(_GLANCE)
            else:
                return

    def before_the_end(self) -> None:
        """Nothing; for a proxy whose log is read only then."""

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return _text(self.log_file)

    @property
    def said(self) -> str:
        """What it has written to its standard output."""
        return _text(self._said)

    def wait_for_log(self, pattern: str, timeout: float, count: int = 1) -> bool:
        """Wait until `count` places of the log fit the pattern; return whether they do."""
        until = time.monotonic() + timeout
        while len(re.findall(pattern, self.log)) < count:
            if time.monotonic() > until or self.process.poll() is not None:
                return False
            pause(_GLANCE)
        return True

    def bytes_held(self) -> int | None:
        """Return how many bytes it said to hold when its last session had ended; None if it said nothing."""
        found = HELD.findall(self.log)
        return int(found[-1].replace(",", "")) if found else None

    def is_alive(self) -> bool:
        """Return whether it runs."""
        return self.process.poll() is None

    def end(self, number: int = signal.SIGTERM, within: float = _END_WITHIN) -> int | None:
        """End it in order; return its exit code, or None when it did not end in time and was killed."""
        if self.is_alive():
            self.process.send_signal(number)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.kill()

    def close(self) -> None:
        """Kill it if it still runs, and forget what it wrote."""
        self.kill()
        self.log_file.close()
        self._said.close()

    def kill(self) -> None:
        """Kill it and its workers, if they still run."""
        for child in [*children(self.pid), self.pid] if self.is_alive() else []:
            os.kill(child, signal.SIGKILL)
        self.process.wait()


def _text(file: IO[bytes]) -> str:
    # Not by the file's own position, which the process shares.
    return os.pread(file.fileno(), 1 << 26, 0).decode(errors="replace")


def children(pid: int) -> list[int]:
    """Return the child processes of a process."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Usage:
    """What a process and its children use, as /proc tells it: resident memory, and what the machine keeps from them.

    Args:
        pid: The process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def now(self) -> int:
        """Return the memory that they have now, in bytes."""
        return sum(_field(pid, "VmRSS") for pid in self._all())

    def peak(self) -> int:
        """Return the most that they had since `forget_peak`, each by itself."""
        return sum(_field(pid, "VmHWM") for pid in self._all())

    def forget_peak(self) -> None:
        """Begin to measure the peak from now on."""
        for pid in self._all():
            Path(f"/proc/{pid}/clear_refs").write_text(_CLEAR_PEAK)

    def waits_for_cores(self) -> float:
        """Return for how many seconds their threads, together, were ready to run and had no core so far."""
        tasks = (task for pid in self._all() for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return sum(_nanoseconds_without_a_core(task) for task in tasks) / 1e9

    def _all(self) -> list[int]:
        return [self._pid, *children(self._pid)]


def _nanoseconds_without_a_core(schedstat: Path) -> int:
    try:
        return int(schedstat.read_text().split()[1])
    except OSError:  # the thread has ended
        return 0


def _field(pid: int, name: str) -> int:
    try:
        found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def has_proc() -> bool:
    """Return whether this machine tells the memory of its processes."""
    return Path("/proc/self/clear_refs").exists()
