"""The Dockerfile: what it copies is there, what it installs is locked, what it says is true.

`make deploy-check` runs its steps.
"""

from __future__ import annotations

import json
import re
import shlex
from fnmatch import fnmatch

import pytest
from dockerfile import instructions, left_out, let_through

import proxy_main
from turnstile.terminal.command_line import command_line


@pytest.fixture(scope="module")
def steps(deploy):
    return instructions((deploy / "Dockerfile").read_text())


def arguments_of(steps, name):
    return [words for instruction, words in steps if instruction == name]


def test_what_it_copies_is_in_the_tree_and_let_through(steps, deploy):
    root = deploy.parents[1]
    sources = [
        source
        for words in arguments_of(steps, "COPY")
        if not words.startswith("--from")
        for source in shlex.split(words)[:-1]
    ]
    assert all((root / source).exists() for source in sources)
    passed = let_through((deploy / "Dockerfile.dockerignore").read_text())
    assert {source.split("/")[0] for source in sources} == passed


def test_the_secrets_that_compose_reads_from_a_file_beside_its_own_get_into_no_layer(deploy):
    assert "a file .env beside this one" in (deploy / "compose.yaml").read_text()
    patterns = left_out((deploy / "Dockerfile.dockerignore").read_text())
    assert any(fnmatch(".env", pattern) for pattern in patterns)


def test_its_environment_is_of_settings_and_serves_others_only_once_somebody_may_connect(steps, variables, loaded):
    environment = dict(word.split("=", 1) for words in arguments_of(steps, "ENV") for word in shlex.split(words))
    ours = {name: value for name, value in environment.items() if name.startswith("TURNSTILE_")}
    assert ours.keys() <= variables
    config = loaded(ours)
    assert {config.server.host, config.ops.host} == {"0.0.0.0"}  # noqa: S104 - of a container
    assert config.auth.mode is None
    assert arguments_of(steps, "EXPOSE") == [f"{config.server.port} {config.ops.port}"]


def test_it_runs_the_program_itself_so_that_sigterm_reaches_it(steps):
    (program,), (words,) = (json.loads(arguments_of(steps, name)[0]) for name in ("ENTRYPOINT", "CMD"))
    assert program == "turnstile"
    assert command_line(proxy_main.COMMANDS).parse([words])
    assert arguments_of(steps, "STOPSIGNAL") == ["SIGTERM"]


def locked(file):
    """The pins of a lock file, each with its hashes."""
    found = re.findall(r"^(\S+==.*?)(?=^\S|\Z)", file.read_text(), re.MULTILINE | re.DOTALL)
    pins = (re.sub(r"^ *#.*\n", "", pin, flags=re.MULTILINE) for pin in found)
    return {pin.split()[0]: frozenset(re.findall(r"sha256:\w+", pin)) for pin in pins}


@pytest.mark.parametrize("name", ["requirements.lock", "build.lock"])
def test_what_is_installed_has_the_versions_and_the_hashes_that_the_tests_run_with(deploy, name):
    known = locked(deploy.parents[1] / "requirements.lock")
    installed = locked(deploy / name)
    assert installed
    assert all(known[pin] == hashes for pin, hashes in installed.items())
