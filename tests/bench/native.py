"""The load generator and the stub upstream in C, compiled from `native/` where there is a compiler.

Both are one process of one thread, so that they use one core and leave the other to what is measured. It does the jobs
of `KINDS` as `load.py` does them, and is the upstream of the rest; what it answers is what `upstream.py` answers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from functools import cache

from load import SPEAKERS, Course
from subjects import HERE, ROOT, Worker
from wire import BenchError

KINDS = frozenset({"turns", "live", "saturate", "paced"})
SOURCES = HERE / "native"
PROGRAM = ROOT / "build" / "bench-load"
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror")
_BUILD_WITHIN, _WORD_WITHIN = 60.0, 20.0
_COURSE_FRAMES = 4000  # how many of a session's frames are told in advance; after them, each is answered by one delta


class NoCompilerError(Exception):
    """There is nothing to compile the C load generator with, or not for this system."""


def build(program=PROGRAM, flags=FLAGS):
    """Compile the load generator, if it is not newer than its sources; returns where it is.

    Raises:
        NoCompilerError: It cannot be compiled here, with the reason.
    """
    sources = sorted(SOURCES.glob("*.c"))
    newest = max(source.stat().st_mtime for source in SOURCES.iterdir())
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise NoCompilerError("there is no C compiler (cc)")
    program.parent.mkdir(parents=True, exist_ok=True)
    half_done = program.with_name(f"{program.name}-{os.getpid()}")  # others may compile it at the same time
    command = [compiler, *flags, "-o", str(half_done), *map(str, sources), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_WITHIN, check=False)
    if done.returncode:
        raise NoCompilerError(f"it does not compile here: {done.stderr[-2000:]}")
    return half_done.replace(program)


@cache
def _course(*, translates):
    course = Course(translates=translates)
    course.reach(_COURSE_FRAMES)
    return course


class Native(Worker):
    """The load generator and the stub upstream: it has what `Generator` and `Upstream` have.

    Args:
        cores: Who runs where.
        program: What `build` returned.
    """

    def __init__(self, cores, program):
        super().__init__("the load generator in C", [], cores.load, program=str(program))
        self.port = int(self.read_line())

    def url(self, path):
        """Return where the subjects find the upstream."""
        return f"ws://127.0.0.1:{self.port}{path}"

    def counters(self):
        """Return what the upstream has counted.

        Raises:
            BenchError: The process has ended.
        """
        self.require_life()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counters", timeout=_WORD_WITHIN) as answer:
            return json.load(answer)

    def run(self, job):
        """Have a job of `KINDS` done, and return its figures.

        Raises:
            BenchError: It failed.
        """
        # It says itself if there is no such speaker.
        speaker = SPEAKERS.get(job["speaker"])
        course = _course(translates=speaker.translates).deltas if speaker else []
        pids = {name: pids for name, pids in job["pids"].items() if name != "upstream"}
        self.write_line(json.dumps({**job, "pids": {**pids, "load": [self.pid]}, "course": course}))
        told = json.loads(self.read_line(_WORD_WITHIN + 60 + job["seconds"]))
        if "error" in told:
            raise BenchError(told["error"])
        # The upstream's CPU time is the load's: they are one process.
        return {**told["figures"], "upstream_cpu": 0.0}
