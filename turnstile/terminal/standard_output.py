"""Standard output: lines about the process, which nobody needs to read, and lines that are a command's result."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Final, TextIO

from turnstile.observability.line_writer import LineWriter, write_to

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds that a line about the process is waited for.
_PROMPTLY: Final = 1.0


class OutputError(Exception):
    """The result of a command could not be written; its text says why, and is empty where its reader has left."""


def prepare_standard_streams() -> None:
    """Occupy the descriptors of closed standard streams, which a socket would take: Python writes its errors to 2.

    Nothing can be read from those or written to them. What an encoding lacks is written as an escape.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class _Notices:
    """Prints lines that nobody needs to read; where nothing takes them within a second, none is waited for again."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = LineWriter(write_to(stream), "turnstile-output", lambda _: b"")
        self._is_stuck = False

    def print(self, text: str) -> None:
        self._writer.write(f"{text}\n".encode(errors="backslashreplace"))
        self._is_stuck = not self._writer.flush(0.0 if self._is_stuck else _PROMPTLY)


@cache
def _output() -> _Notices:
    return _Notices(sys.stdout)


@cache
def _errors() -> _Notices:
    return _Notices(sys.stderr)


def announce(text: str) -> None:
    """Print a line about the process to standard output, also where that is closed, full or read by nobody."""
    _output().print(text)


def complain(text: str) -> None:
    """Print why a command fails to standard error, also where that is closed, full or read by nobody."""
    _errors().print(f"turnstile: {text}")


def show(text: str) -> None:
    """Print a line of a command's result.

    Raises:
        OutputError: It could not be written.
    """
    with writing_results():
        # In one write: a log line of another thread's must not come between a line and its end.
        sys.stdout.write(f"{text}\n")


@contextlib.contextmanager
def writing_results() -> Iterator[None]:
    """Write a command's result to standard output within this.

    Raises:
        OutputError: It could not be written.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        _discard_output()
        reason = "" if isinstance(error, BrokenPipeError) else f"standard output cannot be written: {error.strerror}."
        raise OutputError(reason) from error


def _discard_output() -> None:
    """Let the end of the process flush the rest to nowhere, instead of failing once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
