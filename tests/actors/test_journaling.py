"""Recordings and streams of a whole proxy: real sockets, and the simulator in the process."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from actors.commands.startup_checks import startup_faults
from actors.system import ProxySystem
from turnstile.config import load_config
from turnstile.errors import ConfigError
from turnstile.observability import watching
from turnstile.observability.memory_journal import MemoryJournal
from turnstile.observability.recorded_values import decode
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import RecordingInbox, patience

PROMPT = "You sell tulips."


@pytest.fixture
def directory(tmp_path):
    found = tmp_path / "recordings"
    found.mkdir()
    return found


def config(directory, **flags):
    named = {name.replace("__", "."): value for name, value in flags.items()}
    defaults = {"server.port": "0", "upstream.url": "simulator:", "limits.close_timeout": "0.1"}
    return load_config(flags=defaults | {"journal.directory": str(directory or "")} | named)


def converse(system):
    host, port = system.address
    with TerminalClient(f"ws://{host}:{port}/openai", timeout=patience()) as client:
        client.send("Settings", agent={"think": {"prompt": PROMPT}})
        assert client.wait_for("SettingsApplied")
        client.send("InjectUserMessage", content="Tell me a long story about a long journey.")
        assert client.wait_for("AgentStartedSpeaking")
        client.send("UpdatePrompt", prompt=PROMPT + " Sing.")
        assert client.wait_for("PromptUpdated")


def recordings(directory):
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in sorted(directory.iterdir())]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_conversation_is_recorded_with_both_wires_and_the_gate(directory, workers):
    with ProxySystem(config(directory, journal__level="text", dispatcher__workers=workers)) as system:
        converse(system)

    ((head, *lines, end),) = recordings(directory)
    assert (head["dialect"], head["level"]) == ("component", "text")
    assert {(line["wire"], line["way"]) for line in lines if "type" in line} == {
        ("client", "in"), ("client", "out"), ("upstream", "in"), ("upstream", "out")
    }  # fmt: skip
    effects = [effect for line in lines if "effects" in line for effect in line["effects"]]
    assert {"Held", "Noted", "SetDeadlines", "SendUpdate"} <= {effect["!"] for effect in effects}
    assert [decode(effect) for effect in effects]
    assert end["end"]["by"] == "client"


def test_events_hold_no_content(directory):
    with ProxySystem(config(directory)) as system:
        converse(system)

    (path,) = directory.iterdir()
    text = path.read_text()
    assert '"level":"events"' in text
    assert "tulips" not in text
    assert "journey" not in text
    assert '"InjectUserMessage"' in text


def test_what_is_too_old_goes_also_where_no_session_begins(directory):
    old, new = (directory / f"20250101T000000.000Z-{name}.jsonl" for name in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    with ProxySystem(config(directory, journal__max_age="3600")):
        pass

    assert [*directory.iterdir()] == [new]


def test_an_embedded_session_is_recorded_too(directory):
    system = ProxySystem(config(directory), listens=False)
    inbox = RecordingInbox()
    connection, _ = system.connect(inbox)
    connection.close(1000, "")
    system.stop(patience())

    ((head, *_, end),) = recordings(directory)
    assert head["client"] == {"identity": "", "address": "", "path": ""}
    assert "end" in end


def test_a_proxy_that_records_nothing_starts_no_thread_for_it():
    with ProxySystem(config(None)) as system:
        converse(system)
        assert "turnstile-journal" not in {thread.name for thread in threading.enumerate()}


def test_a_hosts_own_journal_is_not_recorded(directory):
    with ProxySystem(config(directory), journal=MemoryJournal(lambda: 0.0)) as system:
        converse(system)

    assert recordings(directory) == []


def test_a_directory_that_cannot_be_used_is_said_at_start_and_by_check(tmp_path):
    settings = config(tmp_path / "gone")

    with pytest.raises(ConfigError, match=r"journal\.directory"):
        ProxySystem(settings)

    assert any("journal.directory" in fault for fault in startup_faults(settings))
    assert not any("journal" in fault for fault in startup_faults(config(tmp_path)))


def test_new_sessions_are_recorded_by_the_settings_that_were_read_anew(directory, tmp_path, caplog):
    with ProxySystem(config(directory)) as system:
        system.reload(config(tmp_path, journal__level="text"))
        converse(system)

    ((head, *_),) = recordings(directory)
    assert head["level"] == "text"
    assert "need a restart: journal.directory" in caplog.text


def test_streams_that_begin_at_once_share_one_thread_and_end_with_the_proxy(monkeypatch):
    both = threading.Barrier(2)

    class Slow(watching.Watchers):
        def __init__(self, *arguments):
            with suppress(threading.BrokenBarrierError):
                both.wait(0.2)  # until the other has come here too, where it may
            super().__init__(*arguments)

    monkeypatch.setattr(watching, "Watchers", Slow)
    with ProxySystem(config(None)) as system, ThreadPoolExecutor(2) as watchers:
        streams = [*watchers.map(lambda _: system.watch(), range(2))]

    assert [next(iter(stream), "ended") for stream in streams] == ["ended", "ended"]


def test_a_stream_shows_a_running_session_and_ends_with_the_proxy():
    with ProxySystem(config(None)) as system:
        everything = system.watch()
        converse(system)
        lines = []
        for line in everything:
            lines.append(json.loads(line or b"{}"))
            if "end" in lines[-1]:
                break
        assert system.watch("gone") is None
        assert system.view.events("gone") is None
        inbox = RecordingInbox()
        system.connect(inbox)
        ((session_id, _),) = system.inspect(patience()).items()
        stream = system.view.events(session_id)

    assert {line["session"] for line in lines if line} == {lines[0]["session"]}
    assert json.loads(next(line for line in stream if line))["session"] == session_id
    assert b'"end"' in [*everything][-1]
