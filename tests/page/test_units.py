"""The page's modules without a browser: their tests run in Node, fed with the lines of real sessions."""

from __future__ import annotations

import time
from pathlib import Path
from shutil import copy

import orjson
import pytest

from actors import ProxySystem
from turnstile.config import load_config
from turnstile.observability.kept_lines import LinesJournal
from turnstile.session.machine import Session
from turnstile.session.waits import Reason, Waits
from turnstile.terminal.demo import hold_conversation
from turnstile.terminal.ungated_session import UngatedSession
from turnstile.testing import patience

UNITS = Path(__file__).parent / "units"
RECORDINGS = Path(__file__).parents[1] / "recordings"


def demo(make_session, timeout):
    """Return the journal of the demo's conversation."""
    config = load_config(flags={"server.port": "0", "upstream.url": "simulator:"})
    journal = LinesJournal(time.monotonic)
    with ProxySystem(config, journal=journal, make_session=make_session) as proxy:
        host, port = proxy.address
        hold_conversation(f"ws://{host}:{port}{config.server.component_path}", timeout)
    return journal


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """A directory with the lines of real sessions."""
    directory = tmp_path_factory.mktemp("lines")
    for name, journal in {"gated": demo(Session, patience()), "ungated": demo(UngatedSession, 0.5)}.items():
        for level in ("events", "text", "all"):
            (session,) = journal.sessions(level).values()
            (directory / f"{name}_{level}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, session)))
    for recording in RECORDINGS.glob("*.jsonl"):
        copy(recording, directory)
    (directory / "waits.json").write_bytes(orjson.dumps({str(waits): Reason(waits).in_words for waits in Waits}))
    return directory


def test_the_pages_modules_pass_their_tests_in_node(run_node, lines):
    files = [str(file) for file in sorted(UNITS.glob("*.test.mjs"))]
    ran = run_node("for (const file of process.argv.slice(1)) await import(file);", files, TURNSTILE_LINES=str(lines))
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "# fail 0" in ran.stdout
