"""Runs what an image has become, as a container would: as process 1, without root, on a read-only file system."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from image_steps import path_of

from turnstile.testing import patience

if TYPE_CHECKING:
    from image_steps import Image

# Of a root and the path of `mount`: the root of the new process is mounted read-only, with a /proc of its own.
_ENTER = """
"$1" --bind "$0" "$0" && "$1" -o remount,bind,ro "$0" && "$1" -t proc proc "$0/proc" && shift && exec "$@"
"""


class Container:
    """A started image.

    Args:
        image: What is run.
        given: Its environment, besides that of the image.
    """

    def __init__(self, image: Image, **given: str) -> None:
        self._image = image
        self._environment = image.environment | given
        apart = [path_of("unshare"), "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        enter = [path_of("sh"), "-c", _ENTER, str(image.root), path_of("mount")]
        self.process = subprocess.Popen(
            [*apart, *enter, *self._changed(), *image.command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""

    def __enter__(self) -> Self:
        """Return the container."""
        return self

    def __exit__(self, *error: object) -> None:
        """Kill what is left."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def until(self, words: str) -> str:
        """Return the first line with these words."""
        for line in self.process.stdout:
            self.said += line
            if words in line:
                return line
        return pytest.fail(f"{words!r} was not said: {self.said}")

    @property
    def pid(self) -> int:
        """The number of its process 1, as seen from here."""
        parent = self.process.pid
        return int(Path(f"/proc/{parent}/task/{parent}/children").read_text())

    def is_healthy(self) -> bool:
        """Return whether the command that asks for its health succeeds."""
        done = subprocess.run(
            [*self._changed(), *self._image.health],
            env=self._environment,
            capture_output=True,
            timeout=patience(),
            check=False,
        )
        return done.returncode == 0

    def end(self) -> tuple[int, str]:
        """Wait for its end; return the exit code, and all that it has said."""
        with suppress(ValueError):
            said, _ = self.process.communicate(timeout=patience())
            self.said += said
        return self.process.returncode, self.said

    def _changed(self) -> list[str]:
        """Return the words in front of a command of the image's that runs it there."""
        user, _, group = self._image.user.partition(":")
        return [path_of("chroot"), f"--userspec={user}:{group}", f"--groups={group}", str(self._image.root)]
