"""What the page's timeline draws of real sessions, recorded ones and random ones, is what their journals say."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from journal_oracle import faults
from seeded_client import Profile
from soak import LOSING, PROFILES, play_sessions

from actors import ProxySystem
from turnstile.config import load_config
from turnstile.observability.kept_lines import LinesJournal
from turnstile.session.waits import Reason, Waits
from turnstile.simulator.faults import Faults, RefusedEvent
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience

HERE = Path(__file__).parent
RECORDINGS = HERE.parent / "recordings"
WORDS = {str(waits): Reason(waits).in_words for waits in Waits}
COLLISION = "conversation_already_has_active_response"
# Upstream loses answers, refuses without a name, says that a response runs where none does, and one never ends.
FAULTS = Faults(
    hung=frozenset({2}),
    lost_updated=frozenset({3}),
    refused=(
        RefusedEvent("session.update", 2, echoes=False),
        RefusedEvent("response.create", 1, COLLISION, "invalid_request_error"),
    ),
)
SHORT = {"session.update_timeout": "0.05", "session.response_stall": "0.1", "session.cancel_timeout": "0.05"}


@pytest.fixture(scope="module")
def faults_of(run_node):
    """Return a function that returns what is wrong with the timelines of recordings, by their names."""

    def compare(*files: Path) -> dict[str, list[str]]:
        names = [str(file) for file in files]
        ran = run_node((HERE / "units" / "drawn.mjs").read_text(), names)
        assert ran.returncode == 0, ran.stderr[-2000:]
        drawn = orjson.loads(ran.stdout)
        wrong = {}
        for file in files:
            lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
            if found := faults(lines, drawn[str(file)], WORDS):
                wrong[file.name] = found
        return wrong

    return compare


def test_every_recorded_race_is_drawn_as_it_was(faults_of):
    files = sorted(RECORDINGS.glob("*.jsonl"))
    assert len(files) > 10
    assert faults_of(*files) == {}


def test_random_sessions_whose_links_are_lost_and_renewed_are_drawn_as_they_were(faults_of, tmp_path):
    play_sessions(4, Profile(turns="proxy", first=5_000_000, **LOSING), 4, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 4
    assert faults_of(*files) == {}


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES, ids=str)
def test_many_random_sessions_are_drawn_as_they_were(faults_of, tmp_path, profile):
    play_sessions(40, profile, 8, tmp_path)
    assert faults_of(*sorted(tmp_path.iterdir())) == {}


def steered(level_of, directory):
    """Hold a conversation that an operator steers, with an upstream that has faults; write its lines at each level."""
    config = load_config(flags={"server.port": "0", "upstream.url": "simulator:", **SHORT})
    journal = LinesJournal(time.monotonic)
    with ProxySystem(config, journal=journal) as proxy:
        proxy.simulator.faults = FAULTS
        host, port = proxy.address
        with TerminalClient(f"ws://{host}:{port}{config.server.component_path}", timeout=patience()) as client:
            client.send("Settings", agent={"think": {"prompt": "Be brief."}})
            client.wait_for("SettingsApplied")
            (session,) = proxy.view.sessions()
            for number in range(4):
                client.send("InjectUserMessage", content="What is two and two?")
                given = {"type": "UpdatePrompt", "prompt": f"Rule {number}."}
                operator = threading.Thread(target=proxy.view.give, args=(session["id"], given, patience()))
                operator.start()
                client.send("UpdatePrompt", prompt=f"Rule {number}a.")
                operator.join(patience())
    for level in level_of:
        (lines,) = journal.sessions(level).values()
        (directory / f"{level}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))


def test_a_steered_session_is_drawn_as_it_was_at_each_level_where_upstream_has_faults(faults_of, tmp_path):
    steered(("events", "text", "all"), tmp_path)
    files = sorted(tmp_path.iterdir())
    assert faults_of(*files) == {}
    assert b"update_stalled" in files[0].read_bytes()
