"""What `turnstile replay` prints, and its exit code: of a recording that is whole, without content, or damaged."""

import json
import sys
from datetime import UTC, datetime

import pytest

import proxy_main
from turnstile.observability.journal_entries import DecisionEntry, FrameEntry
from turnstile.observability.journal_lines import JournalLines, head
from turnstile.observability.session_facts import Client, SessionFacts
from turnstile.session.client_requests import ConfigRequested
from turnstile.session.data import Data
from turnstile.session.events import ConfigAnswered, ResponseFinished, ResponseStarted
from turnstile.session.link_events import LinkOpened
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import State

EVENTS = (
    ConfigRequested(1, {"instructions": "Be brief."}, message="Settings"),
    LinkOpened(),
    ConfigAnswered({}),
    ResponseStarted("resp_abcd0007"),
    ConfigRequested(7, {"instructions": "Speak\nof Lisbon."}, message="UpdatePrompt"),
    ResponseFinished("resp_abcd0007"),
    ConfigAnswered({}),
)
SAID = b'{"type": "UpdatePrompt", "prompt": "Speak\\nof Lisbon."}'


def recorded(level="text"):
    facts = SessionFacts("s1", "component", Client(), None, Policy(), State(), Data())
    session, made = Session(), JournalLines(level)
    lines = [head(facts, level, datetime(2026, 1, 1, tzinfo=UTC))]
    for number, event in enumerate(EVENTS):
        if event.__class__ is ConfigRequested and event.ref == 7:
            lines += made.lines(FrameEntry(number / 10, "client", "in", SAID))
        lines += made.lines(DecisionEntry(number / 10, event, session.handle(event), 0))
    return [*lines, {"at": 9.0, "end": {"code": 1000, "reason": "", "by": "client"}, "counts": {}}]


@pytest.fixture
def replay(tmp_path, capsys):
    """Replay lines; return the exit code, what was printed, and what was complained of."""

    def replay(lines, *words):
        file = tmp_path / "recording.jsonl"
        written = [line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines]
        file.write_bytes(b"".join(written))
        code = proxy_main.main(["replay", str(file), *words])
        out, err = capsys.readouterr()
        return code, out, err

    return replay


@pytest.fixture(autouse=True)
def complaints(monkeypatch):
    """Complain to the standard error that the test reads."""
    for module in ("proxy_main", "turnstile.terminal.replay_command"):
        monkeypatch.setattr(f"{module}.complain", lambda text: sys.stderr.write(f"turnstile: {text}\n"))


def test_a_recording_is_shown_and_verified(replay):
    code, out, _ = replay(recorded())
    assert code == 0
    assert '   400  --> UpdatePrompt "Speak of Lisbon."' in out
    assert "   400                                                 = request #7 is held: response ...0007\n" in out
    assert out.endswith("\n7 events, all effects as recorded.\n")


def test_a_recording_without_content_is_shown_and_said_not_to_be_verified(replay):
    code, out, _ = replay(recorded("events"))
    assert code == 0
    assert "--> UpdatePrompt (55 bytes)" in out
    assert "= request #7 is held: response ...0007\n" in out
    assert "Lisbon" not in out
    assert "cannot be verified: it is of level" in out


def test_another_outcome_is_shown_and_fails(replay):
    lines = recorded()
    decisions = [line for line in lines if "event" in line]
    decisions[4]["effects"][0]["refs"] = [8]
    code, out, _ = replay(lines)
    assert code == 1
    *_, title, event, recorded_effect, now = out.splitlines()
    assert title.startswith("Event 5 at 0.400 s has other effects now than when it was recorded (by Turnstile ")
    assert event.startswith('  event:    ConfigRequested {"ref": 7')
    assert recorded_effect.startswith('  recorded: Held {"refs": [8]')
    assert now.startswith('  now:      Held {"refs": [7]')


def test_effects_in_another_order_are_told_apart(replay):
    lines = recorded()
    effects = [line["effects"] for line in lines if "event" in line][1]
    effects.reverse()
    code, out, _ = replay(lines)
    assert code == 1
    assert out.endswith("  the same effects come in another order\n")


def test_a_file_that_is_cut_is_shown_up_to_there_and_fails_with_the_line(replay):
    *whole, last = [json.dumps(line).encode() + b"\n" for line in recorded()]
    code, out, err = replay([*whole, last[:9]])
    assert code == 1
    assert "request #7 is held" in out
    assert "7 events, all effects as recorded; the rest of the recording cannot be verified: line 10 is not JSON" in err


def test_a_file_that_is_no_recording_fails_with_the_reason(replay):
    code, out, err = replay([b"hello\n"])
    assert (code, out) == (1, "")
    assert "recording.jsonl: line 1 is not JSON." in err


def test_a_file_of_another_format_is_shown_and_fails(replay):
    first, *rest = recorded()
    code, out, err = replay([first | {"format": 9}, *rest])
    assert code == 1
    assert "request #7 is held" in out
    assert "the recording cannot be verified: it is of format 9" in err


def test_a_recording_that_lacks_entries_is_shown_and_fails(replay):
    first, *rest = recorded()
    code, _, err = replay([first, {"at": 0.0, "lost": 2}, *rest])
    assert code == 1
    assert "2 entries are missing" in err


def test_a_file_that_is_not_there_is_misuse(capsys):
    assert proxy_main.main(["replay", "/nowhere/x.jsonl"]) == 2
    assert "/nowhere/x.jsonl: cannot be read: No such file or directory." in capsys.readouterr().err


@pytest.mark.parametrize("level", ["events", "text"])
@pytest.mark.parametrize("number", ["7", "#7"])
def test_the_story_of_a_request_is_told_at_each_level(replay, level, number):
    code, out, _ = replay(recorded(level), "--why", number)
    assert code == 0
    assert out.splitlines() == [
        "Request #7 is an update of the configuration (UpdatePrompt), the client's; it came at 0.400 s.",
        "It waited for response ...0007 to end, from 0.400 s to 0.500 s (100 ms).",
        "The end of response ...0007 (response.done, completed) let it go at 0.500 s.",
        "It went upstream as session.update ts_1 at 0.500 s.",
        (
            "It was answered at 0.600 s, 200 ms after it came: it is in force. "
            "The confirmation of the configuration (session.updated) answered it."
        ),
    ]


def test_an_unknown_request_fails_with_those_that_there_are(replay):
    code, _, err = replay(recorded(), "--why", "9")
    assert code == 1
    assert "there is no request #9; there are: #1, #7." in err


def test_a_transcript_is_written_without_what_was_said(replay):
    code, out, _ = replay(recorded(), "--as-test")
    assert code == 0
    assert "UpdatePrompt" in out
    assert "Lisbon" not in out
    assert "Lisbon" in replay(recorded(), "--as-test", "--keep-content")[1]


def test_no_transcript_is_written_of_a_recording_without_content(replay):
    code, out, err = replay(recorded("events"), "--as-test")
    assert (code, out) == (1, "")
    assert 'no transcript can be made of it: its level is "events"' in err
