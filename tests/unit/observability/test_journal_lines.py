"""The lines of a journal: what each level shows of a session, and what none does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from turnstile.errors import Problem
from turnstile.observability.journal_entries import AudioEntry, DecisionEntry, FrameEntry, NoteEntry
from turnstile.observability.journal_lines import JournalLines, Level, head, shortened
from turnstile.observability.recorded_values import decode
from turnstile.observability.session_counts import SessionCounts
from turnstile.observability.session_facts import Client, Ending, SessionFacts
from turnstile.protocol.frames import Closed
from turnstile.session.client_requests import ConfigRequested, EventGiven, UserMessageGiven
from turnstile.session.data import Data
from turnstile.session.deadlines import Deadline
from turnstile.session.effects import Answered, CallsCancelled, EndSession, SendUpdate, SetDeadlines
from turnstile.session.events import FunctionCalled, Refused, ResponseFinished
from turnstile.session.journal_notes import Held
from turnstile.session.link_events import LinkLost, OfStandby
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.session.waits import Reason, Waits

LEVELS: tuple[Level, ...] = ("events", "text", "all")
KEY = "sk-proj-0123456789abcdefghij"
BEGAN = datetime(2026, 11, 26, 12, 0, 0, 125_000, UTC)
DONE = b'{"type":"response.done","event_id":"event_1","response":{"id":"resp_1","status":"completed","output":[]}}'


def frame(data: bytes | dict[str, Any], at: float = 10.5, wire: Any = "upstream", way: Any = "in") -> FrameEntry:
    raw = data if isinstance(data, bytes) else orjson.dumps(data)
    return FrameEntry(at, wire, way, raw, 2 if wire == "upstream" else 0)


def facts(policy: Policy | None = None, path: str = "/v1/realtime?token=hunter22") -> SessionFacts:
    client = Client("web", "192.0.2.7", path)
    return SessionFacts("s_1", "realtime", client, "gpt-realtime", policy or Policy(), State(configured=True), Data())


def written(lines: object) -> bytes:
    return orjson.dumps(lines)


def test_the_head_says_what_the_session_began_with() -> None:
    found = head(facts(Policy(max_held=3, restore_note="Be brief.")), "text", BEGAN)

    assert found == {
        "turnstile": found["turnstile"], "format": 1, "session": "s_1", "dialect": "realtime", "level": "text",
        "began": "2026-11-26T12:00:00.125Z", "model": "gpt-realtime", "id_prefix": "ts_",
        "client": {"identity": "web", "address": "192.0.2.7", "path": "/v1/realtime"},
        "policy": {"max_held": 3, "restore_note": "Be brief."}, "state": {"configured": True}, "data": {},
    }  # fmt: skip


def test_the_head_holds_no_prompt_at_events() -> None:
    found = head(facts(Policy(max_held=3, restore_note="Be brief.")), "events", BEGAN)

    assert (found["policy"], found["state"]) == ({"max_held": 3}, {})


def test_a_head_of_no_model_says_so() -> None:
    found = SessionFacts("s_1", "component", Client(), None, Policy(), State(), Data())

    assert head(found, "events", BEGAN)["model"] is None


@pytest.mark.parametrize("level", LEVELS)
def test_a_frame_shows_its_type_size_and_ids(level: Level) -> None:
    (line,) = JournalLines(level, began_at=10.0).lines(frame(DONE))

    content = line.pop("frame", None)
    assert line == {
        "at": 0.5, "wire": "upstream", "way": "in", "link": 2, "type": "response.done", "size": len(DONE),
        "ids": {"event_id": "event_1", "response_id": "resp_1", "status": "completed"},
    }  # fmt: skip
    assert content == (None if level == "events" else orjson.loads(DONE))


@pytest.mark.parametrize(
    ("event", "ids"),
    [
        ({"type": "error", "error": {"code": "c", "type": "t", "message": "Said", "param": "p", "event_id": "ts_1"}},
         {"code": "c", "error_type": "t", "param": "p", "about": "ts_1"}),
        ({"type": "conversation.item.added", "previous_item_id": None, "item": {"id": "item_1", "role": "user"}},
         {"item_id": "item_1", "role": "user"}),
        ({"type": "response.done", "response": {"id": "r", "status_details": {"type": "failed", "reason": "why"}}},
         {"response_id": "r", "status": "failed", "reason": "why"}),
        ({"type": "response.output_text.done", "text": "Said", "output_index": 1, "item_id": "i" * 200},
         {"output_index": 1}),
        ({"type": 5, "name": ["Said"]}, {}),
        ({"type": "x", "event_id": "Said by me", "item": {"id": "Said too"}, "code": "a_1"}, {"code": "a_1"}),
        ({"type": "Said as a type", "event_id": "Said\nby\nlines", "item": {"name": "Saidこんにちは"}}, {}),
    ],
)  # fmt: skip
def test_ids_are_short_and_no_text(event: dict[str, Any], ids: dict[str, Any]) -> None:
    (line,) = JournalLines("events").lines(frame(event))

    assert b"Said" not in written(line)
    assert line["ids"].items() >= ids.items()
    assert all(len(str(value)) <= 128 for value in line["ids"].values())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("data", [b"no JSON", b'["a"]', b"[" * 200 + b"]" * 200])
def test_a_frame_that_is_no_object_has_no_type(level: Level, data: bytes) -> None:
    (line,) = JournalLines(level).lines(frame(data, wire="client"))

    assert line == {"at": 10.5, "wire": "client", "way": "in", "type": "?", "size": len(data), "ids": {}}


@pytest.mark.parametrize("level", LEVELS)
def test_no_level_shows_credentials(level: Level) -> None:
    endpoint = {"url": "https://host/?token=hunter22", "headers": {"x": "hunter22"}}
    update = ConfigRequested(1, {"instructions": f"Use {KEY}", "tools": [{"authorization": "hunter22"}]})
    lines = JournalLines(level)
    shown = [
        *lines.lines(frame({"type": "Settings", "agent": {"think": {"endpoint": endpoint, "prompt": f"Use {KEY}"}}})),
        *lines.lines(frame({"type": "error", "event_id": KEY, "error": {"code": KEY, "message": f"No {KEY}"}})),
        *lines.lines(DecisionEntry(1.0, update, [SendUpdate("ts_1", update.patch, 0)], 0)),
        *lines.lines(DecisionEntry(1.0, Refused(None, KEY, f"Incorrect API key provided: {KEY}"), [], 0)),
        *lines.lines(NoteEntry(1.0, "upstream", "closed", f"1008 key provided: {KEY}", 1)),
        *lines.end(2.0, Ending(1008, f"Bearer {KEY}", "upstream"), SessionCounts()),
    ]

    assert KEY.encode() not in written(shown)
    assert b"hunter22" not in written(shown)


def test_a_decision_shows_no_content_at_events() -> None:
    said = "what somebody said"
    request = ConfigRequested(1, {"instructions": said}, added_prompt=said, message="UpdatePrompt")
    answered = Answered(1, Problem("voice_locked", said, "voice"), shortfalls=(Problem("a", said),))
    effects = (
        answered,
        Held((1, 2), Reason(Waits.RESPONSE, "resp_1")),
        SetDeadlines((Deadline("update", "ts_1", 10.0),)),
        EndSession(Problem("x", said), Closed(1008, said)),
    )
    lines = JournalLines("events")
    found = [
        *lines.lines(DecisionEntry(1.0, request, effects, 0)),
        *lines.lines(DecisionEntry(1.0, FunctionCalled("resp_1", 0, "call_1", "look_up", said), (), 5)),
        *lines.lines(DecisionEntry(1.0, OfStandby(1, Refused("ts_1", "c", said, event={"message": said})), (), 5)),
        *lines.lines(DecisionEntry(1.0, ResponseFinished("resp_1", "failed", None, ({"text": said},)), (), 5)),
        *lines.lines(DecisionEntry(1.0, UserMessageGiven(1, {"content": said}, "InjectUserMessage"), (), 5)),
    ]

    found += lines.lines(DecisionEntry(1.0, EventGiven(b"{}", event_id=said), (CallsCancelled((said,)),), 5))
    found += lines.lines(DecisionEntry(1.0, Refused("ts_1", said, said, param=said), (), 5))
    found += lines.lines(DecisionEntry(1.0, FunctionCalled("resp_1", 0, said, said, item_id=said), (), 5))
    found += lines.lines(DecisionEntry(1.0, UserMessageGiven(1, {}, said), (LinkLost(said, said),), 5))  # type: ignore[arg-type]
    assert said.encode() not in written(found)
    assert found[0]["event"] == {"!": "ConfigRequested", "ref": 1, "message": "UpdatePrompt", "size": request.size}
    assert found[0]["effects"] == [
        {"!": "Answered", "ref": 1, "problem": {"!": "Problem", "code": "voice_locked", "param": "voice"},
         "shortfalls": [{"!": "Problem", "code": "a"}]},
        {"!": "Held", "refs": [1, 2], "reason": {"!": "Reason", "waits": "response", "which": "resp_1"}},
        {"!": "SetDeadlines", "deadlines": [{"!": "Deadline", "name": "update", "token": "ts_1", "delay": 10.0}]},
        {"!": "EndSession", "problem": {"!": "Problem", "code": "x"}, "closing": {"!": "Closed", "code": 1008}},
    ]  # fmt: skip
    assert found[1]["event"] == {
        "!": "FunctionCalled", "response_id": "resp_1", "output_index": 0, "call_id": "call_1", "name": "look_up"
    }  # fmt: skip
    assert found[2]["event"]["fact"] == {"!": "Refused", "event_id": "ts_1", "code": "c"}


@pytest.mark.parametrize("level", ["text", "all"])
def test_a_decision_decodes_to_what_it_was_from_text_on(level: Level) -> None:
    event, effects = UserMessageGiven(1, {"content": "Hello"}), (Answered(1), SetDeadlines(()))
    (line,) = JournalLines(level).lines(DecisionEntry(1.0, event, effects, 0))

    assert decode(line["event"]) == event
    assert tuple(decode(line["effects"])) == effects


def test_what_is_held_elsewhere_is_shown_where_it_has_changed() -> None:
    lines = JournalLines("events")
    event = Answered(1)
    found = [lines.lines(DecisionEntry(1.0, event, (), held))[0].get("elsewhere") for held in (0, 5, 5, 0)]  # type: ignore[arg-type]

    assert found == [None, 5, None, 0]


@pytest.mark.parametrize("level", ["events", "text"])
def test_audio_without_a_pause_is_one_line_below_all(level: Level) -> None:
    lines = JournalLines(level, began_at=1.0)
    assert lines.lines(AudioEntry(1.0, "client", "in", [b"\0" * 10, b"\0" * 10])) == []
    assert lines.lines(AudioEntry(1.2, "client", "in", [b"\0" * 10])) == []
    assert lines.lines(AudioEntry(1.2, "upstream", "in", ["AAAA", "AA=="], 3)) == []
    first = lines.lines(AudioEntry(1.6, "client", "in", [b"\0"]))
    (second, note) = lines.lines(NoteEntry(2.0, "client", "closed", "1000"))

    assert first == [{"at": 0.0, "until": 0.2, "wire": "client", "way": "in", "audio": 30, "frames": 3}]
    assert second == {"at": 0.6, "until": 0.6, "wire": "client", "way": "in", "audio": 1, "frames": 1}
    assert note == {"at": 1.0, "wire": "client", "note": "closed", "detail": "1000"}
    assert lines.rest() == [
        {"at": 0.2, "until": 0.2, "wire": "upstream", "way": "in", "link": 3, "audio": 4, "frames": 2}
    ]
    assert lines.rest() == []


def test_audio_of_another_link_is_another_line() -> None:
    lines = JournalLines("events")
    lines.lines(AudioEntry(1.0, "upstream", "out", ["AAAA"], 1))

    (line,) = lines.lines(AudioEntry(1.0, "upstream", "out", ["AAAA"], 2))

    assert line["link"] == 1


def test_a_frame_of_the_same_way_and_a_decision_with_effects_end_a_line_of_audio() -> None:
    lines = JournalLines("events")
    audio = AudioEntry(1.0, "client", "in", [b"\0"])
    lines.lines(audio)
    assert len(lines.lines(frame(DONE))) == 1
    assert len(lines.lines(frame(DONE, wire="client"))) == 2
    lines.lines(audio)
    assert len(lines.lines(DecisionEntry(1.0, Answered(1), (), 0))) == 1  # type: ignore[arg-type]
    assert len(lines.lines(DecisionEntry(1.0, Answered(1), (Answered(1),), 0))) == 2  # type: ignore[arg-type]


def test_audio_has_its_pieces_at_all() -> None:
    (line,) = JournalLines("all").lines(AudioEntry(1.0, "client", "in", [b"\0\0\0", "AAAA"]))

    assert line == {
        "at": 1.0, "until": 1.0, "wire": "client", "way": "in", "audio": 6, "frames": 2, "pieces": ["AAAA", "AAAA"]
    }  # fmt: skip


def test_deltas_in_a_row_are_one_line_at_events_and_each_its_own_at_text() -> None:
    delta = {"type": "response.output_audio_transcript.delta", "response_id": "resp_1", "delta": "Said "}
    frames = [frame(delta, at) for at in (1.0, 1.1, 1.2)]
    lines, text = JournalLines("events"), JournalLines("text")

    found = [line for one in frames for line in lines.lines(one)] + lines.lines(frame(DONE, 1.3))

    assert found[0] == {
        "at": 1.0, "until": 1.2, "wire": "upstream", "way": "in", "link": 2, "frames": 3,
        "type": "response.output_audio_transcript.delta", "size": 3 * len(orjson.dumps(delta)),
        "ids": {"response_id": "resp_1"},
    }  # fmt: skip
    assert found[1]["type"] == "response.done"
    assert [line["frame"] for one in frames for line in text.lines(one)] == [delta] * 3


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({"type": "input_audio_buffer.append", "audio": "AAAAAA=="}, {"audio": {"bytes": 4}}),
        ({"type": "response.output_audio.delta", "delta": "AAAA"}, {"delta": {"bytes": 3}}),
        ({"type": "x", "item": {"content": [{"audio": "AAAA"}]}}, {"item": {"content": [{"audio": {"bytes": 3}}]}}),
        ({"type": "x", "url": "data:" + "A" * 2000}, {"url": "data:(2000 characters)"}),
        ({"type": "x", "n": None, "audio": {"input": True}}, {"n": None, "audio": {"input": True}}),
    ],
)
def test_audio_and_images_are_counted_at_text_and_kept_at_all(event: dict[str, Any], shown: dict[str, Any]) -> None:
    (text,) = JournalLines("text").lines(frame(event))
    (kept,) = JournalLines("all").lines(frame(event))

    assert text["frame"] == {"type": event["type"], **shown}
    assert kept["frame"] == event


@pytest.mark.parametrize("level", LEVELS)
def test_of_a_large_frame_only_its_beginning_is_kept_below_all(level: Level) -> None:
    event = {"type": "conversation.item.create", "event_id": "e_1", "item": {"x": "A" * 300_000}}
    entry = frame(event, wire="client")

    kept = shortened(level)(entry)
    (line,) = JournalLines(level).lines(kept)

    assert line["type"] == "conversation.item.create"
    assert line["size"] == len(orjson.dumps(event))
    assert line["ids"] == {"event_id": "e_1"}
    assert isinstance(kept, FrameEntry)
    assert (len(kept.data) <= 1024) == (level != "all") == ("frame" not in line)


@pytest.mark.parametrize("level", LEVELS)
def test_a_small_frame_is_kept_whole(level: Level) -> None:
    assert shortened(level)(frame(DONE)) == frame(DONE)


def test_a_large_frame_that_begins_with_something_else_has_no_type() -> None:
    data = orjson.dumps({"item": {"x": "A" * 100_000}, "type": "x"})

    (line,) = JournalLines("events").lines(frame(data))

    assert (line["type"], line["ids"]) == ("?", {})


def test_large_deltas_are_counted_whole() -> None:
    delta = frame({"type": "input_audio_buffer.append", "audio": "A" * 100_000}, wire="client")
    lines = JournalLines("events")

    lines.lines(shortened("events")(delta))

    assert lines.rest()[0]["size"] == len(delta.data)


def test_the_end_says_who_ended_it_and_what_was_counted() -> None:
    counts = SessionCounts()
    counts.collisions = 2
    lines = JournalLines("events", began_at=1.0)
    lines.lines(AudioEntry(1.0, "client", "in", [b"\0"]))

    (audio, end) = lines.end(3.0, Ending(1000, "bye", "client"), counts)

    assert audio["audio"] == 1
    assert (end["at"], end["end"]) == (2.0, {"code": 1000, "reason": "bye", "by": "client"})
    assert end["counts"]["collisions"] == 2


def test_lost_entries_are_told() -> None:
    assert JournalLines("events", began_at=1.0).lost(3.0, 5) == {"at": 2.0, "lost": 5}
