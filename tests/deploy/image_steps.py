"""Runs the steps of a Dockerfile as `docker build` would, each stage in a directory that is its root; as root."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import zlib
from typing import TYPE_CHECKING, NamedTuple

from dockerfile import instructions, left_out, let_through

if TYPE_CHECKING:
    from pathlib import Path

SUITE = "trixie"  # Debian's, whose Python is that of the image
MIRROR = "http://deb.debian.org/debian"
# As much as the image has that Python's begins with, whose packages are those that apt needs.
OPTIONS = ("--variant=apt", "--dpkgopt=force-unsafe-io", "--include=python3,python3-venv,ca-certificates")
_SEARCHED = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
# As `docker build` hands them on: how this machine reaches the registry.
_HANDED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_CERT", "PIP_INDEX_URL")


class Image(NamedTuple):
    """What a Dockerfile makes.

    Args:
        root: The directory that is its root.
        environment: Of its processes.
        user: Number of the user and of the group, with a colon between them.
        command: Its entry point and the words behind it.
        health: The command that asks for its health.
    """

    root: Path
    environment: dict[str, str]
    user: str
    command: list[str]
    health: list[str]


def make_base(folder: Path, program: str) -> Path:
    """Make the least Debian with apt and Python, unless it is there: the image that stages begin with.

    Args:
        folder: Keeps it, under a name that changes with what it is made of.
        program: The path of `mmdebstrap`.

    Returns:
        Its root.
    """
    directory = folder / f"{SUITE}-{zlib.crc32(' '.join(OPTIONS).encode()):08x}"
    if directory.exists():
        return directory
    made = directory.with_name(f"{directory.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    subprocess.run([program, "--quiet", *OPTIONS, SUITE, str(made), MIRROR], check=True)
    (made / "usr/local/bin/python").symlink_to("/usr/bin/python3")  # where images of Python have it
    return made.rename(directory)


def path_of(name: str) -> str:
    """Return the path of a program of this machine, which the environment of an image would not find."""
    return shutil.which(name, path=_SEARCHED) or name


class Stage:
    """A stage that is being built.

    Args:
        base: The root of the image that it begins with, which is copied.
        root: Becomes its root.
    """

    def __init__(self, base: Path, root: Path) -> None:
        subprocess.run([path_of("cp"), "--archive", "--reflink=auto", str(base), str(root)], check=True)
        self.root = root
        self.environment = {"PATH": _SEARCHED}
        self.directory = "/"
        self.user = "0:0"
        self.words: dict[str, list[str]] = {}

    def run(self, command: str) -> None:
        """Run a command of the shell's as the stage's user; of this machine it has but the way to the registry."""
        ways = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        for file in {"/etc/resolv.conf", ways.get("PIP_CERT", "/etc/resolv.conf")}:
            shutil.copy(file, self.root / file[1:])
        inside = f"cd {shlex.quote(self.directory)} && {command}"
        changed = [path_of("chroot"), f"--userspec={self.user}", str(self.root), "/bin/sh", "-c", inside]
        subprocess.run(changed, env=ways | self.environment, check=True)

    def take(self, sources: list[Path], target: str) -> None:
        """Copy files and the contents of directories; the target is a directory if it ends with a slash."""
        place = self.root / (target if target.startswith("/") else f"{self.directory}/{target}").lstrip("/")
        for source in sources:
            if source.is_dir():
                shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)


def build(dockerfile: Path, context: Path, base: Path, directory: Path) -> Image:
    """Run the steps; return what the last stage has become.

    Args:
        dockerfile: The file; beside it is one with what is let through.
        context: The tree that it copies from.
        base: The root of the image that stages begin with.
        directory: Gets the tree as far as it is let through, and the roots.
    """
    ignored = dockerfile.with_name(f"{dockerfile.name}.dockerignore").read_text()
    tree = directory / "context"
    for name in let_through(ignored):
        source = context / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns(*left_out(ignored)))
        else:
            tree.mkdir(exist_ok=True)
            shutil.copy(source, tree)
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for name, words in instructions(dockerfile.read_text()):
        if name == "FROM":
            _, _, given = words.partition(" AS ")
            key = given or str(len(stages))
            stage = stages[key] = Stage(base, directory / f"root-{key}")
        elif stage is not None:  # what is in front of the first stage chooses its image
            _step(stage, name, words, tree, stages)
    assert stage is not None
    return Image(
        stage.root,
        stage.environment,
        stage.user,
        stage.words["ENTRYPOINT"] + stage.words["CMD"],
        stage.words["HEALTHCHECK"],
    )


def _step(stage: Stage, name: str, words: str, tree: Path, stages: dict[str, Stage]) -> None:
    match name:
        case "ENV":
            stage.environment |= dict(word.split("=", 1) for word in shlex.split(words))
        case "WORKDIR":
            stage.directory = words
            (stage.root / words.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "RUN":
            stage.run(words)
        case "COPY":
            *sources, target = shlex.split(words)
            origin = tree
            if sources[0].startswith("--from="):
                origin = stages[sources.pop(0).removeprefix("--from=")].root
            stage.take([origin / source.lstrip("/") for source in sources], target)
        case "USER":
            stage.user = words
        case "ENTRYPOINT" | "CMD":
            stage.words[name] = json.loads(words)
        case "HEALTHCHECK":
            stage.words[name] = json.loads(re.sub(r"^.*?CMD ", "", words))
        case "EXPOSE" | "STOPSIGNAL":
            pass  # test_dockerfile.py compares them with the program
        case _:
            raise ValueError(f"{name}: is no instruction that is known here")
