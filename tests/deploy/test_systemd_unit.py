"""The unit: systemd can use it, and what it says of the program is true."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from configparser import ConfigParser

import pytest

import proxy_main
from turnstile.server.exit_codes import USAGE_ERROR
from turnstile.terminal.command_line import command_line
from turnstile.testing import patience

PROGRAM = "/opt/turnstile/bin/turnstile"


@pytest.fixture(scope="module")
def unit(deploy):
    """The values of its section [Service], several of one name as lines."""
    parser = ConfigParser(strict=False, interpolation=None, delimiters="=", dict_type=Lines)
    parser.optionxform = str
    parser.read(deploy / "turnstile.service")
    return parser["Service"]


class Lines(dict):
    """Keeps all values of one name: ConfigParser gives each as a list of its lines."""

    def __setitem__(self, name, value):
        if isinstance(value, list) and name in self:
            self[name].extend(value)
        else:
            super().__setitem__(name, value)


@pytest.fixture
def analyzed(required, deploy, tmp_path):
    """Return a function of systemd-analyze's arguments: runs it on the unit, with a program that is there."""
    program = required("systemd-analyze")
    unit = tmp_path / "turnstile.service"
    unit.write_text((deploy / "turnstile.service").read_text().replace(PROGRAM, sys.executable))

    def analyze(*arguments):
        command = [program, *arguments, str(unit)]
        return subprocess.run(command, capture_output=True, text=True, timeout=patience(), check=False)

    return analyze


def test_systemd_finds_no_fault_in_the_unit(analyzed):
    done = analyzed("verify", "--man=no")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_finds_what_is_left_exposed_small(analyzed):
    done = analyzed("security", "--offline=true", "--threshold=20")
    assert done.returncode == 0, done.stdout


def test_the_program_takes_its_command_line(unit):
    program, *words = shlex.split(unit["ExecStart"])
    assert program == PROGRAM
    arguments = command_line(proxy_main.COMMANDS).parse(words)
    assert [str(file) for file in arguments.config] == ["/etc/turnstile/turnstile.toml", "%d/secrets.toml"]
    assert unit["LoadCredential"] == "secrets.toml:/etc/turnstile/secrets.toml"


def test_its_environment_is_of_settings_and_the_token_is_in_its_own_directory(unit, variables):
    environment = dict(line.split("=", 1) for line in unit["Environment"].split("\n"))
    assert environment.keys() <= variables
    assert environment["TURNSTILE_OPS__TOKEN_FILE"] == f"%t/{unit['RuntimeDirectory']}/ops.token"


def test_it_waits_ten_seconds_longer_than_the_drain(unit, loaded):
    environment = dict(line.split("=", 1) for line in unit["Environment"].split("\n"))
    drain = loaded(environment).server.drain_timeout
    assert int(re.fullmatch(r"(\d+)s", unit["TimeoutStopSec"])[1]) == drain + 10


def test_it_does_not_start_again_what_cannot_be_configured(unit):
    assert int(unit["RestartPreventExitStatus"]) == USAGE_ERROR
