"""Both ends of a run, the load generator and the stub upstream: in C where that compiles, else in Python."""

from __future__ import annotations

from native import KINDS, Native, NoCompilerError, build
from subjects import Generator, Upstream


class Harness:
    """Puts the load on, and answers what the subjects send upstream.

    What needs no speed (starts, sessions at rest, the mixed load) is put on by the generator in Python anyway.

    Args:
        cores: Who runs where.
        in_python: Leave the compiler alone.
    """

    def __init__(self, cores, *, in_python=False):
        self._native = None
        self.language = "in Python"
        """What the load generator is written in, and why not in C."""
        if not in_python:
            try:
                self._native = Native(cores, build())
                self.language = "in C"
            except NoCompilerError as error:
                self.language = f"in Python, since {error}"
        self.upstream = self._native or Upstream(cores)
        self._generator = Generator(cores)

    def pids(self):
        """Return the processes by what they do."""
        return {"load": [self._generator.pid], "upstream": [self.upstream.pid]}

    def run(self, job, on_the_way=None):
        """Have a job done, and return its figures; reports on the way go to `on_the_way`.

        Raises:
            BenchError: It failed.
        """
        if self._native and job["kind"] in KINDS:
            return self._native.run(job)
        return self._generator.run(job, on_the_way)

    def end(self):
        """End both."""
        self._generator.end()
        self.upstream.end()
