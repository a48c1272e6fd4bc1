"""Builds the wheel, installs it where nothing of this tree is, and uses it there as its users do.

The dependencies have the versions of requirements.lock.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "TURNSTILE_", "PYTHON"))}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command, which must succeed; return what it prints."""
    done = subprocess.run(command, cwd=cwd, env=CLEAN, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} has failed ({done.returncode}):\n{done.stdout}")
    return done.stdout


def build(directory: Path) -> Path:
    """Build the wheel of this tree."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", directory, ".", cwd=ROOT)
    (wheel,) = directory.glob("turnstile_realtime-*.whl")
    return wheel


def install(wheel: Path, directory: Path) -> Path:
    """Install the wheel, mypy and pytest into a new environment; return its programs' directory."""
    pins = re.findall(r"^(\w.*?) *\\?$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    constraints = directory / "constraints.txt"
    constraints.write_text("\n".join(pins))
    run(sys.executable, "-m", "venv", directory / "environment", cwd=directory)
    programs = directory / "environment" / "bin"
    pip = [programs / "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--constraint", constraints, wheel, "mypy", "pytest", cwd=directory)
    return programs


def check(programs: Path, directory: Path) -> None:
    """Use what is installed: its types, its commands, its library, its fixtures for tests of conversations."""
    shutil.copy(HERE / "embedded.py", directory)
    run(programs / "mypy", "--strict", "embedded.py", cwd=directory)
    version = run(programs / "turnstile", "--version", cwd=directory)
    demo = run(programs / "python", "-m", "turnstile", "demo", cwd=directory)
    if not demo.rstrip().endswith("0 collisions, 0 settings lost"):
        sys.exit(f"The demo does not end as it should:\n{demo}")
    example = directory / "mine.toml"
    example.write_text(run(programs / "turnstile", "example", "simulator", cwd=directory))
    anywhere = ("--set", "server.port=0", "--set", "ops.port=0")
    run(programs / "turnstile", "check", "--config", example, *anywhere, cwd=directory)
    embedded = run(programs / "python", "embedded.py", cwd=directory)
    shutil.copy(ROOT / "docs" / "examples" / "test_conversations.py", directory)
    tested = run(programs / "python", "-m", "pytest", "--quiet", "test_conversations.py", cwd=directory)
    sys.stdout.write(f"{version}{demo.splitlines()[-1]}\n{embedded}{tested.splitlines()[-1]}\n")


def check_files(programs: Path, directory: Path) -> None:
    """Compare the package's examples and files of the page with the tree's, and play the demo on its page."""
    listed = run(programs / "turnstile", "example", cwd=directory)
    for file in (ROOT / "config" / "deploy").iterdir():
        if f"deploy/{file.name} " not in listed:
            sys.exit(f"turnstile example does not list deploy/{file.name}:\n{listed}")
    command = [programs / "turnstile", "demo", "--page"]
    with subprocess.Popen(command, cwd=directory, env=CLEAN, stdout=subprocess.PIPE, text=True) as demo:
        try:
            said = demo.stdout.readline() if demo.stdout else ""
            address = said.partition("http://")[2].partition("/")[0]
            for file in (ROOT / "turnstile" / "inspector" / "page").glob("[!.]*.*"):
                if ask(f"http://{address}/page/{file.name}") != file.read_bytes():
                    sys.exit(f"{file.name} is another in the package")
            if b'"answers":4' not in ask(f"http://{address}/plays/gated/events"):
                sys.exit("The page does not play the demo")
        finally:
            demo.send_signal(signal.SIGINT)


def ask(url: str) -> bytes:
    """Return what is answered."""
    with urlopen(url, timeout=60) as answer:  # noqa: S310 - an address of this machine
        return bytes(answer.read())


def main() -> None:
    """Build, install, check; leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="turnstile-wheel-") as name:
        directory = Path(name)
        programs = install(build(directory), directory)
        check(programs, directory)
        check_files(programs, directory)


if __name__ == "__main__":
    main()
