"""What the program says of itself, and of each of its commands."""

import shlex
import sys

import pytest

import proxy_main
import turnstile
from turnstile.errors import ConfigError
from turnstile.terminal.arguments import ArgumentParser
from turnstile.terminal.command_line import Command, command_line

COMMANDS = {command.name: command for command in proxy_main.COMMANDS}


@pytest.fixture(params=COMMANDS)
def parser(request):
    """The parser of one command."""
    parser = ArgumentParser(prog=f"turnstile {request.param}", define=COMMANDS[request.param].define)
    parser.define()
    return parser


def help_of(capsys, *words):
    with pytest.raises(SystemExit) as end:
        command_line(proxy_main.COMMANDS).parse([*words, "--help"])
    assert end.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_says_what_the_program_is_and_what_its_exit_codes_mean(capsys):
    said = help_of(capsys)
    assert "a proxy between voice clients and OpenAI's Realtime API" in said
    assert "Exit codes: 0 done; 1 failed while running" in said
    assert all(f" {name} {command.summary} " in said for name, command in COMMANDS.items())


def test_help_of_a_command_says_what_it_does_and_shows_an_example(parser):
    said = parser.format_help()
    assert parser.description.split()[0] in said
    assert parser.examples
    assert all(f"\n  turnstile {example}\n" in said for example in parser.examples)
    assert {example.split()[0] for example in parser.examples} == {parser.prog.split()[1]}


def test_the_examples_of_a_command_can_be_typed_as_they_stand(parser):
    for example in parser.examples:
        assert callable(command_line(proxy_main.COMMANDS).parse(shlex.split(example)).command)


def test_a_long_text_of_the_help_is_filled_and_an_example_is_left_on_its_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    parser = ArgumentParser(prog="turnstile x")
    parser.describe("word " * 20, "x --with a --line that is --longer than --the width")
    lines = parser.format_help().splitlines()
    assert "  turnstile x --with a --line that is --longer than --the width" in lines
    assert max(len(line) for line in lines if "turnstile x --with" not in line) < 40


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        command_line(()).parse(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"turnstile {turnstile.__version__}\n"


def test_a_command_is_defined_once_and_only_when_it_is_chosen():
    defined = []

    def define(parser):
        defined.append(parser.prog)
        parser.set_defaults(command=len)

    commands = [Command(name, "do it", define) for name in ("one", "other")]
    parser = command_line(commands)
    assert defined == []
    assert parser.parse(["one"]).command is len
    parser.parse(["one"])
    assert defined == ["turnstile one"]


def test_the_program_as_a_module_is_the_command_line(monkeypatch):
    monkeypatch.setattr(proxy_main, "main", lambda: 7)
    monkeypatch.delitem(sys.modules, "turnstile.__main__", raising=False)
    with pytest.raises(SystemExit) as end:
        import turnstile.__main__  # noqa: F401, PLC0415 - running it is what is tested
    assert end.value.code == 7


def test_the_simulators_address_can_be_given_as_the_proxys_is():
    arguments = command_line(proxy_main.COMMANDS).parse(["simulate", "--host", "::1", "--port", "0"])
    assert (vars(arguments)["simulator.host"], vars(arguments)["simulator.port"]) == ("::1", "0")


def test_a_wrong_option_of_a_command_names_the_commands_help():
    with pytest.raises(ConfigError, match=r"see `turnstile talk --help`\."):
        command_line(proxy_main.COMMANDS).parse(["talk", "--save"])
