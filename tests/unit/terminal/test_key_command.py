import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from turnstile.auth.client_keys import NAME_RULE, KnownKeys
from turnstile.auth.key_file import read_keys
from turnstile.errors import ConfigError
from turnstile.terminal.arguments import ArgumentParser
from turnstile.terminal.key_command import add_key_commands
from turnstile.testing import patience

ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.txt"


@pytest.fixture
def key_command(file, capsys):
    """Run the command on the file; return its exit code and its output."""

    def run(*arguments, options=("--file", str(file)), configured=None):
        parser = ArgumentParser()
        add_key_commands(parser, [], lambda _: configured)
        given = parser.parse_args([*arguments, *options])
        return given.command(given), capsys.readouterr().out

    return run


@pytest.fixture
def key_process(file):
    """Run the program on the file, in a process of its own."""

    def run(*arguments, **options):
        program = [sys.executable, str(ROOT / "proxy_main.py"), "key", *arguments]
        environment = {**os.environ, "TURNSTILE_AUTH__KEYS_FILE": str(file)}
        return subprocess.run(program, env=environment, text=True, check=False, timeout=patience(30), **options)

    return run


def test_add_prints_the_key_and_nothing_else(key_command, file):
    code, out = key_command("add", "web")
    assert code == 0
    assert re.fullmatch(r"ts_[\w-]{43}\n", out)
    assert KnownKeys(read_keys(file)).name_of(out.strip()) == "web"


def test_list_shows_whose_keys_there_are_and_no_key(key_command, file):
    key = key_command("add", "web")[1].strip()
    key_command("add", "app")
    code, out = key_command("list")
    rows = [line.split() for line in out.splitlines()]
    assert (code, [row[0] for row in rows]) == (0, ["app", "web"])
    assert [row[1:] for row in rows] == [[entry.id, entry.added] for entry in reversed(read_keys(file))]
    assert key not in out


def test_list_has_columns_as_wide_as_the_longest_name(key_command):
    for name in ("web", "the-shop-of-a-customer@example.com"):
        key_command("add", name)
    shop, web = key_command("list")[1].splitlines()
    assert shop.split()[1:] == [shop[36:48], shop[50:]]
    assert web[:36].rstrip() == "web"
    assert web.split()[1:] == [web[36:48], web[50:]]


def test_list_of_a_file_without_keys_is_empty(key_command, file):
    file.touch()
    assert key_command("list") == (0, "")


def test_remove_revokes_all_keys_of_a_name_or_one(key_command, file):
    for name in ("web", "web", "app"):
        key_command("add", name)
    first, second, other = read_keys(file)
    code, out = key_command("remove", "web", "--id", first.id)
    assert (code, out) == (0, f"Removed {first.id} of web; a running proxy refuses it from its next SIGHUP on.\n")
    assert read_keys(file) == [second, other]
    assert key_command("remove", "web")[0] == 0
    assert read_keys(file) == [other]


@pytest.mark.parametrize("command", [["list"], ["remove", "web"]])
def test_a_file_that_is_not_there_is_named_with_the_fix(key_command, command):
    with pytest.raises(ConfigError, match=r"keys.txt: cannot be read: .*; `turnstile key add NAME` makes it."):
        key_command(*command)


def test_the_file_is_the_configurations_when_none_is_named(key_command, file):
    assert key_command("add", "web", options=(), configured=file)[0] == 0
    assert [entry.name for entry in read_keys(file)] == ["web"]


def test_a_file_must_be_named(key_command):
    with pytest.raises(
        ConfigError, match=r"auth.keys_file: is not set: name the file of keys there, or by --file FILE"
    ):
        key_command("list", options=())


def test_a_shell_may_take_the_key(key_process, file):
    done = key_process("add", "web", capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert KnownKeys(read_keys(file)).name_of(done.stdout.removesuffix("\n")) == "web"


def test_what_cannot_be_done_is_a_line_of_its_own_and_the_exit_code_2(key_process):
    done = key_process("add", "a b", capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"turnstile: {NAME_RULE}\n")


def test_a_key_that_could_not_be_shown_is_not_kept(key_process, file):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = key_process("add", "web", stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (
        1,
        "turnstile: standard output cannot be written: No space left on device.\n",
    )
    assert read_keys(file) == []
