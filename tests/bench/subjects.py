"""The processes of a run: who they are, on which core they run, and what they cost."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wire import BenchError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_WORD_WITHIN = 20.0
_END_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where.

    Args:
        subject: The core of what is measured, and of nothing else of ours.
        upstream: The core of the stub upstream.
        load: The core of the load generator; the same one where there are two.
    """

    subject: int
    upstream: int
    load: int

    @classmethod
    def of_this_machine(cls):
        """Share out the cores that this process may use."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(cores[0], cores[1 % len(cores)], cores[2 % len(cores)] if len(cores) > 2 else cores[1 % len(cores)])

    @property
    def are_apart(self):
        """Whether the subject has its core to itself."""
        return self.subject not in {self.upstream, self.load}


def raise_file_limit():
    """Let this process and those that it starts open as many files as the system lets them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


@contextmanager
def _on(core):
    """What is started meanwhile runs on that core, all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Worker:
    """A process of the run.

    Args:
        name: For errors.
        command: What to run with this Python, or with `program`.
        core: Where.
        program: What runs it.
    """

    def __init__(self, name, command, core, program=sys.executable):
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("COVERAGE_", "OPENAI_", "TURNSTILE_"))
        }
        clean["TURNSTILE_OPS__PORT"] = "0"  # not of what is measured
        with _on(core):
            self.process = subprocess.Popen(
                [program, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=clean,
            )

    @property
    def pid(self):
        """Its number."""
        return self.process.pid

    def pids(self):
        """Return its number and those of its children."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def read_line(self, timeout=_WORD_WITHIN):
        """Return the next line that it prints.

        Raises:
            BenchError: None came in time, or it has ended.
        """
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            raise BenchError(f"{self.name} {'has ended' if ready else f'was silent for {timeout:g} s'}{self._words()}")
        return line.decode()

    def write_line(self, text):
        """Give it a line."""
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def require_life(self):
        """Raise `BenchError` if it has ended."""
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} has ended with {self.process.returncode}{self._words()}")

    def complaints(self):
        """Return what it wrote to standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()

    def _words(self):
        words = self.complaints()
        return f":\n{words[-2000:]}" if words else ""

    def status(self):
        """Return its resident memory in KB and its threads."""
        words = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", words)[1]), int(re.search(r"Threads:\s+(\d+)", words)[1])

    def end(self):
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self._errors):
            pipe.close()


class Upstream(Worker):
    """The stub upstream."""

    def __init__(self, cores):
        super().__init__("the stub upstream", [str(HERE / "upstream.py")], cores.upstream)
        self.port = int(self.read_line())

    def url(self, path):
        """Return where the subjects find it."""
        return f"ws://127.0.0.1:{self.port}{path}"

    def counters(self):
        """Return what it has counted."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counters", timeout=_WORD_WITHIN) as answer:
            return json.load(answer)


class Generator(Worker):
    """The load generator."""

    def __init__(self, cores):
        super().__init__("the load generator", [str(HERE / "load.py")], cores.load)

    def run(self, job, on_the_way=None):
        """Have a job done, and return its figures; reports on the way go to `on_the_way`.

        Raises:
            BenchError: It failed.
        """
        self.write_line(json.dumps(job))
        patience = _WORD_WITHIN + 60 + job.get("seconds", 0)
        while True:
            told = json.loads(self.read_line(patience))
            if "error" in told:
                raise BenchError(told["error"])
            if "figures" in told:
                return told["figures"]
            on_the_way(told)


class Subject(Worker):
    """What is measured.

    Args:
        name: In the table.
        speaker: Who talks to it, by the load generator's name.
        command: What to run; none when the stub upstream itself is measured, to show what the harness can do.
        cores: Who runs where.
        upstream: Where it leads.
    """

    def __init__(self, name, speaker, command, cores, upstream):
        self.speaker = speaker
        self.is_harness = command is None
        if command is None:
            self.name, self.process, self.port = name, upstream.process, upstream.port
            return
        super().__init__(name, command, cores.subject)
        # The last number of the line: the proxy prints its address in words, a yardstick its port.
        self.port = int(re.findall(r"\d{2,}", self.read_line().split("/v1")[0])[-1])

    def end(self):
        """End it, unless it is the harness."""
        if not self.is_harness:
            super().end()


TWO = "proxy, two workers"
PROXY, BARE, AUDIO = "proxy", "bare relay", "audio relay"
PICOWS, PICOWS_JOINS = "picows relay", "picows relay, joining"
ALONE, ALONE_BARE = "harness alone", "harness alone, bare"


def start_subject(name, cores, upstream):
    """Start a subject by its name in the table."""
    relay = str(HERE / "relays.py")
    if name in {PROXY, TWO}:
        command = [
            str(ROOT / "proxy_main.py"), "serve", "--port", "0", "--upstream", upstream.url("/v1/realtime"),
            "--set", "upstream.kind=compatible", "--set", "server.max_sessions=100000",
            "--workers", "2" if name == TWO else "1",
        ]  # fmt: skip
        return Subject(name, "voice agent", command, cores, upstream)
    if name == BARE:
        return Subject(name, "relayed", [relay, "bare", upstream.url("/bare")], cores, upstream)
    if name in {PICOWS, PICOWS_JOINS}:
        options = ["--joins"] if name == PICOWS_JOINS else []
        command = [str(HERE / "picows_relay.py"), upstream.url("/v1/realtime"), *options]
        return Subject(name, "voice agent", command, cores, upstream)
    if name == AUDIO:
        return Subject(name, "audio relayed", [relay, "audio", upstream.url("/v1/realtime")], cores, upstream)
    return Subject(name, "direct" if name == ALONE else "relayed", None, cores, upstream)
