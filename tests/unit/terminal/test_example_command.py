import tomllib
from pathlib import Path

import pytest

import proxy_main
from turnstile.errors import ConfigError
from turnstile.terminal.command_line import command_line
from turnstile.terminal.example_files import example, examples

ROOT = Path(__file__).parents[3]


def run(*words):
    arguments = command_line(proxy_main.COMMANDS).parse(["example", *words])
    return arguments.command(arguments)


def test_the_examples_are_listed_with_what_they_are(capsys):
    assert run() == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert len(rows) == len([file for file in (ROOT / "config").rglob("*") if file.is_file()])
    assert (rows["azure"], rows["production"]) == ("configuration", "configuration")
    assert (rows["alerts"], rows["dashboard"]) == ("rules for Prometheus", "dashboard for Grafana")
    assert rows["deploy/turnstile.service"] == "unit for systemd"


def test_an_example_is_printed_as_it_stands(capsys):
    assert run("azure") == 0
    out = capsys.readouterr().out
    assert out == (ROOT / "config" / "azure.toml").read_text()
    assert tomllib.loads(out)["upstream"]["kind"] == "azure"


def test_an_unknown_example_is_answered_with_the_known_ones():
    with pytest.raises(
        ConfigError,
        match=r"there is no example 'aws': choose one of alerts, .*, simulator, deploy/.*turnstile\.service\.",
    ):
        run("aws")


def test_an_installed_package_has_them_beside_its_modules(tmp_path):
    package = tmp_path / "turnstile"
    (package / "examples" / "deploy").mkdir(parents=True)
    (package / "examples" / "mine.toml").write_text("# mine\n")
    (package / "examples" / "deploy" / "mine.yaml").write_text("# deployed\n")
    assert list(examples(package)) == ["mine", "deploy/mine.yaml"]
    assert example("mine", package) == "# mine\n"
    assert example("deploy/mine.yaml", package) == "# deployed\n"
