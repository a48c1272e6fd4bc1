"""Installs each client in an environment of its own under `build/interop`, by the pins that are kept here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clients import NODE, PYTHON

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "interop"
_PINS = HERE / "pins"
_PACKAGES = HERE / "node"
_NODE_FILES = ("package.json", "package-lock.json")
_AT_ONCE = 3
# What is installed reads these, and would call home or go around the proxy.
_FORGOTTEN = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "DEEPGRAM_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY")
_SILENT = {"OPENAI_AGENTS_DISABLE_TRACING": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"}


class NotInstallableError(Exception):
    """An environment cannot be had here; says why."""


def install(names: set[str], *, newest: bool) -> dict[str, str | None]:
    """Install environments, several at once.

    Args:
        names: Which.
        newest: Take what the registries have now, and write that down as the pins.

    Returns:
        By name None, or why it cannot be had here.
    """

    def one(name: str) -> str | None:
        try:
            if name == NODE:
                _install_node(newest=newest)
            else:
                _install_python(name, newest=newest)
        except NotInstallableError as error:
            return str(error)
        return None

    ordered = sorted(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(ordered, pool.map(one, ordered), strict=True))


def python_of(name: str) -> Path:
    """Return the interpreter of an environment."""
    return BUILD / name / "bin" / "python"


def variables() -> dict[str, str]:
    """Return the environment variables for what is installed: it stays on this machine, and has no key."""
    return {name: value for name, value in os.environ.items() if name not in _FORGOTTEN} | _SILENT


def last_line(said: bytes) -> str:
    """Return the last line of what a command wrote, which says why it failed."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it says nothing"


def version(name: str, package: str) -> str:
    """Return the version of a package that is pinned for an environment."""
    if name == NODE:
        return str(json.loads((_PACKAGES / "package.json").read_text())["dependencies"][package])
    pins = dict(line.split("==") for line in (_PINS / f"{name}.txt").read_text().splitlines() if "==" in line)
    return pins[package]


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
    if done.returncode:
        raise NotInstallableError(f"`{' '.join(map(str, command))[:300]}` failed: {last_line(done.stderr)}")
    return done.stdout.decode()


def _install_python(name: str, *, newest: bool) -> None:
    place, pins, mark = BUILD / name, _PINS / f"{name}.txt", BUILD / name / "installed.txt"
    if not newest and mark.exists() and mark.read_text() == pins.read_text():
        return
    shutil.rmtree(place, ignore_errors=True)
    _run(sys.executable, "-m", "venv", "--without-pip", place)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python_of(name))
    install = (*pip, "install", "--quiet", "--no-compile", "--prefer-binary")
    if newest:
        _run(*install, *PYTHON[name].requirements)
        pins.write_text(_run(*pip, "freeze"))
    else:
        # The pins hold all that is needed, so that nothing has to be worked out.
        _run(*install, "--no-deps", "--requirement", pins)
    mark.write_text(pins.read_text())


def _install_node(*, newest: bool) -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        raise NotInstallableError("there is no Node here")
    place, mark = BUILD / NODE, BUILD / NODE / "installed.json"
    lock = _PACKAGES / "package-lock.json"
    if not newest and mark.exists() and mark.read_text() == lock.read_text():
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in _NODE_FILES:
        shutil.copy(_PACKAGES / name, place)
    if newest:
        packages = json.loads((_PACKAGES / "package.json").read_text())["dependencies"]
        _run("npm", "install", "--silent", "--save-exact", *(f"{package}@latest" for package in packages), cwd=place)
        for name in _NODE_FILES:
            shutil.copy(place / name, _PACKAGES)
    else:
        _run("npm", "ci", "--silent", cwd=place)
    mark.write_text(lock.read_text())
