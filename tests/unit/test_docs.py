"""The documentation tells the truth: its links lead somewhere, its tests exist, its examples run."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import proxy_main
from actors.system import ProxySystem
from turnstile.config import SIMULATOR, Config, load_config, settings
from turnstile.protocol.voice_agent.client import MESSAGE_TYPES
from turnstile.simulator.scenario_files import parse_scenario
from turnstile.terminal.command_line import command_line
from turnstile.terminal.talk import talk
from turnstile.testing import patience
from turnstile.translate.event_table import SERVER_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"""(?:\]\(|\ssrc(?:set)?=")(?P<target>[^)\s"]+)[)"]""")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_TEST_NAME = re.compile(r"`(?P<name>test_\w+)`")
_SETTING = re.compile(rf"`(?P<path>(?:{'|'.join(Config.model_fields)})\.\w+)`")
_COMMAND = re.compile(r"`(?P<line>turnstile [a-z]+ [^`]*-[^`]+)`")
_FUNCTION = re.compile(r"^ *def (test_\w+)\(", re.MULTILINE)
_TEST_FILE = re.compile(r"\btests/[\w/]+\.py\b")


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def _examples(language: str) -> list[Any]:
    found: list[Any] = []
    for page in PAGES:
        for number, fence in enumerate(_FENCE.finditer(page.read_text())):
            words = fence["info"].split()
            if words[:1] == [language]:
                found.append(pytest.param(words[1:], fence["body"], id=f"{_id(page)}-{number}"))
    return found


def _anchors(page: Path) -> set[str]:
    """The names that a heading can be linked by: lower case, hyphens for spaces, no punctuation."""
    titles = (heading["title"] for heading in _HEADING.finditer(_prose(page)))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@cache
def _tests() -> frozenset[str]:
    return frozenset(name for path in (ROOT / "tests").rglob("*.py") for name in _FUNCTION.findall(path.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_a_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in _LINK.finditer(_prose(page)):
        path, _, anchor = link["target"].partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{_id(page)} links to {link['target']}, which does not exist"
        if anchor:
            assert anchor in _anchors(target), f"{_id(page)} links to {link['target']}, which has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_a_test_that_is_named_exists(page: Path) -> None:
    named = {match["name"] for match in _TEST_NAME.finditer(_prose(page))}
    assert sorted(named - _tests()) == []
    assert [path for path in _TEST_FILE.findall(page.read_text()) if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize(("words", "source"), _examples("python"))
def test_an_example_compiles_and_runs_where_it_says_so(words: list[str], source: str) -> None:
    code = compile(source, "example", "exec")
    if "run" in words:
        exec(code, {"__name__": "example"})  # noqa: S102 - our own pages


@pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")  # deepgram-sdk asks for old names
@pytest.mark.parametrize(
    "source", [example.values[1] for example in _examples("python") if example.values[0] == ["client"]]
)
def test_an_example_of_a_client_talks_to_a_proxy(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    with ProxySystem(load_config(flags={"server.port": "0", "upstream.url": SIMULATOR})) as proxy:
        here = f"127.0.0.1:{proxy.address[1]}"
        exec(source.replace("127.0.0.1:8080", here), {"__name__": "example"})  # noqa: S102 - our own pages
    printed = capsys.readouterr().out
    assert "You said: Hello" in printed


@pytest.mark.parametrize(
    "source", [example.values[1] for example in _examples("python") if example.values[0] == ["pytest"]]
)
def test_an_example_of_a_users_tests_passes_in_a_project_of_its_own(source: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["turnstile.testing.fixtures"]\n')
    (tmp_path / "test_example.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=patience(60), check=False)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.parametrize(
    "printed", [example.values[1] for example in _examples("text") if example.values[0] == ["talk"]]
)
def test_a_conversation_in_the_terminal_goes_as_printed(printed: str) -> None:
    typed = [line.removeprefix("> ") for line in printed.splitlines() if line.startswith("> ")]
    lines = iter(typed)
    out = io.StringIO()
    with ProxySystem(load_config(flags={"server.port": "0", "upstream.url": SIMULATOR})) as proxy:
        url = f"ws://127.0.0.1:{proxy.address[1]}/openai"
        assert talk(url, "You are a helpful assistant.", _one_after_the_other(lines, out), out, patience())
    told = [line for line in out.getvalue().splitlines() if line != "(SettingsApplied)" and "/help" not in line]
    assert told == [line for line in printed.splitlines() if not line.startswith("> ")]


def _one_after_the_other(lines: Iterator[str], out: io.StringIO) -> Iterator[str]:
    """Type each line when the one before it was answered, as a person does."""
    never = threading.Event()
    for line in lines:
        before = out.getvalue().count("agent:") + out.getvalue().count("PromptUpdated")
        yield line
        deadline = time.monotonic() + patience()
        while out.getvalue().count("agent:") + out.getvalue().count("PromptUpdated") == before:
            assert time.monotonic() < deadline
            never.wait(0.01)


@pytest.mark.parametrize(("words", "source"), _examples("toml"))
def test_an_example_of_a_configuration_or_a_scenario_can_be_loaded(
    words: list[str], source: str, tmp_path: Path
) -> None:
    if words == ["scenario"]:
        parse_scenario(source, "example")
        return
    file = tmp_path / "example.toml"
    file.write_text(source)
    load_config([file])


def _commands() -> list[Any]:
    """The command lines of Turnstile's that the pages show: lines of their examples, and words of their sentences."""
    shown: list[tuple[str, str]] = []
    for page in PAGES:
        for fence in _FENCE.finditer(page.read_text()):
            if fence["info"].strip() == "sh":
                shown += ((_id(page), line) for line in fence["body"].splitlines())
        shown += ((_id(page), match["line"]) for match in _COMMAND.finditer(_prose(page)))
    found = [(page, shlex.split(line, comments=True)) for page, line in shown if "turnstile " in line]
    return [pytest.param(words[1:], id=f"{page}-{' '.join(words)}") for page, words in found if words[0] == "turnstile"]


@pytest.mark.parametrize("words", _commands())
def test_a_command_line_that_is_shown_is_one_and_its_settings_exist(words: list[str]) -> None:
    arguments = command_line(proxy_main.COMMANDS).parse(words)
    for assignment in getattr(arguments, "set", ()):
        assert assignment.partition("=")[0] in {path for path, *_ in settings()}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_a_setting_that_is_named_exists(page: Path) -> None:
    named = {match["path"] for match in _SETTING.finditer(_prose(page))}
    wire = {*SERVER_EVENTS, "session.update"}  # events of the API that begin like a setting
    assert sorted(named - wire - {path for path, *_ in settings()}) == []


def test_the_protocol_page_has_a_row_for_every_message_and_event() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text()
    rows = "\n".join(line for line in page.splitlines() if line.startswith("| `"))
    assert [name for name in (*MESSAGE_TYPES, *SERVER_EVENTS) if f"`{name}`" not in rows] == []


def test_every_page_is_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = (link["target"].partition("#")[0] for link in _LINK.finditer(_prose(page)))
        waiting += [(page.parent / target).resolve() for target in targets if target and "://" not in target]
    assert sorted(map(_id, set(PAGES) - reached - {ROOT / "CHANGELOG.md"})) == []
