import json

import pytest

from turnstile.observability.memory_journal import Entry
from turnstile.terminal.timeline import render


def frame(wire, direction, kind, **fields):
    return Entry(10.0, "s-1", wire, direction, kind, json.dumps({"type": kind, **fields}))


def note(kind, detail=""):
    return Entry(10.0, "s-1", "session", "note", kind, detail)


def line(entry):
    (_, _, only) = render([entry])
    return only


def text(entry):
    """A line's words, without the columns."""
    return line(entry).removeprefix("     0").strip().removeprefix("|").removesuffix("|").strip()


def test_an_empty_journal_has_a_head_of_two_columns():
    head, rule = render([])
    assert head.split() == ["ms", "client", "|", "upstream"]
    assert head.index("|") == rule.index("|")


def test_moments_are_milliseconds_since_the_first_entry():
    entries = [note("one")._replace(at=10.0), note("two")._replace(at=10.0304), note("three")._replace(at=12.5)]
    assert [line[:6] for line in render(entries)][2:] == ["     0", "    30", "  2500"]


def test_each_wire_has_its_column_and_each_direction_its_arrow():
    head, _, *lines = render(
        [
            frame("client", "in", "KeepAlive"),
            frame("client", "out", "AgentThinking"),
            frame("upstream", "out", "response.cancel"),
            frame("upstream", "in", "session.created"),
        ]
    )
    column = head.index("|")
    assert [line[column] for line in lines] == ["|", "|", "|", "|"]
    assert lines[0].startswith("     0  --> KeepAlive ")
    assert lines[1].startswith("     0  <-- AgentThinking ")
    assert lines[2][column:] == "| --> response.cancel"
    assert lines[3][column:] == "| <-- session.created"


def test_a_long_line_of_the_client_is_cut_so_that_the_columns_stay():
    head, _, cut = render([frame("client", "in", "InjectUserMessage", content="long " * 20)])
    assert cut.endswith("... |")
    assert cut.index("|") == head.index("|")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (note("held", "#2 response resp_Kzja0007"), "= request #2 is held: response ...0007"),
        (note("held", "#2 #3 capacity"), "= requests #2, #3 are held: capacity"),
        (note("released", "#2"), "= request #2 may go"),
        (note("merged", "ts_5 #1 #2"), "= one session.update for #1, #2"),
        (note("collided", "ts_5 try 1"), "= ts_5 collided (try 1)"),
        (note("ended", "upstream_lost"), "= ended upstream_lost"),
        (Entry(10.0, "s-1", "upstream", "note", "handed back", "ts_7"), "= handed back ts_7"),
        (Entry(10.0, "s-1", "client", "in", "closed", "1000 bye"), "--> closed 1000 bye"),
    ],
)
def test_a_note_is_put_in_words(entry, words):
    assert text(entry) == words


@pytest.mark.parametrize(
    ("entry", "essence"),
    [
        (frame("client", "in", "InjectUserMessage", content="Two\nlines"), '"Two lines"'),
        (frame("client", "out", "ConversationText", role="assistant", content="Hello"), '"Hello"'),
        (frame("client", "in", "UpdatePrompt", prompt="Be kind."), '"Be kind."'),
        (frame("client", "out", "Error", code="voice_locked", description="..."), "voice_locked"),
        (frame("client", "out", "Warning", code="slow", description="..."), "slow"),
        (frame("upstream", "out", "response.create", event_id="ts_9"), "ts_9"),
        (frame("upstream", "in", "response.created", response={"id": "resp_abcd1234"}), "...1234"),
        (
            frame("upstream", "in", "response.done", response={"id": "resp_abcd1234", "status": "cancelled"}),
            "...1234 cancelled",
        ),
        (frame("upstream", "in", "error", error={"code": "voice_locked"}), "voice_locked"),
        (
            frame("upstream", "out", "session.update", session={"type": "realtime", "audio": {"output": {"speed": 1}}}),
            "speed",
        ),
        (
            frame("upstream", "out", "session.update", session={"a": 1, "b": {"c": 2}, "d": 3, "e": 4, "f": 5}),
            "a, b, d, e, ...",
        ),
        (frame("upstream", "in", "session.updated", session={}), ""),
    ],
)
def test_a_frame_shows_its_one_thing(entry, essence):
    assert text(entry).split(entry.kind)[1].strip() == essence


@pytest.mark.parametrize(
    "detail", ["no json", '{"type": "response.done"}', '{"response": 5}', '{"response": {"id": 7}}', "[]"]
)
def test_a_frame_that_is_not_as_it_should_be_shows_its_kind_alone(detail):
    assert text(Entry(10.0, "s-1", "upstream", "in", "response.done", detail)) == "<-- response.done"


def test_events_that_only_repeat_others_are_left_out():
    lines = list(render([frame("upstream", "in", "rate_limits.updated"), note("held", "#1 idle")]))
    assert len(lines) == 3
    assert "held" in lines[2]
