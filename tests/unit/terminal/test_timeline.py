import pytest

from turnstile.terminal.timeline import render


def frame(wire, way, kind, **fields):
    return {"at": 0.0, "wire": wire, "way": way, "type": kind, "size": 90, "ids": {}, "frame": {"type": kind, **fields}}


def bare(wire, way, kind, **ids):
    """A frame as it is recorded at the level `events`."""
    return {"at": 0.0, "wire": wire, "way": way, "type": kind, "size": 1234, "ids": ids}


def decided(*effects, event=None, at=0.0):
    return {"at": at, "event": event or {"!": "AgentSpoke"}, "effects": list(effects)}


def held(*refs, waits, which=""):
    reason = {"!": "Reason", "waits": {"!": "Waits", "of": waits}, "which": which}
    return decided({"!": "Held", "refs": list(refs), "reason": reason})


def noted(kind, detail):
    return decided({"!": "Noted", "kind": kind, "detail": detail})


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


def test_moments_are_milliseconds_since_the_session_began():
    entries = [{**noted("released", "#1"), "at": at} for at in (0.0, 0.0304, 2.5)]
    assert [line[:6] for line in render(entries)][2:] == ["     0", "    30", "  2500"]


def test_lines_are_in_the_order_of_their_times():
    late, early = bare("client", "in", "late") | {"at": 2.0}, bare("client", "in", "early") | {"at": 1.0}
    assert ["early" in line or "late" in line for line in render([late, early])][2:] == [True, True]
    assert "early" in list(render([late, early]))[2]


def test_each_wire_has_its_column_and_each_way_its_arrow():
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


def test_a_link_after_the_first_is_named():
    assert text(bare("upstream", "in", "session.created") | {"link": 2}).startswith("<-- link 2: session.created")
    assert text(bare("upstream", "in", "session.created") | {"link": 1}).startswith("<-- session.created")


def test_a_long_line_of_the_client_is_cut_so_that_the_columns_stay():
    head, _, cut = render([frame("client", "in", "InjectUserMessage", content="long " * 20)])
    assert cut.endswith("... |")
    assert cut.index("|") == head.index("|")


def test_what_stands_right_of_it_is_bounded():
    assert len(line(bare("upstream", "in", "x" * 5000))) < 200
    assert len(line(noted("collided", "x" * 5000))) < 200


@pytest.mark.parametrize("forged", ["\n     9  --> forged", "\x1b[2J", "a\u202eb", "\u2028"])
@pytest.mark.parametrize(
    "entry",
    [
        lambda forged: frame("client", "in", "InjectUserMessage", content=forged),
        lambda forged: bare("client", "in", forged),
        lambda forged: bare("upstream", "in", "error", code=forged),
        lambda forged: noted("merged", forged),
        lambda forged: {"at": 0.0, "wire": "client", "note": "closed", "detail": forged},
        lambda forged: {"at": 0.0, "end": {"code": 1000, "reason": forged, "by": "client"}},
    ],
)
def test_a_text_with_control_characters_stays_on_its_line(entry, forged):
    assert line(entry(forged)).isprintable()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (held(2, waits="response", which="resp_Kzja0007"), "= request #2 is held: response ...0007"),
        (held(2, 3, waits="capacity"), "= requests #2, #3 are held: capacity"),
        (noted("released", "#2"), "= request #2 may go"),
        (noted("merged", "ts_5 #1 #2"), "= one session.update for #1, #2"),
        (noted("collided", "ts_5 try 1"), "= ts_5 collided (try 1)"),
        (noted("other", "ts_5"), "= other ts_5"),
        (decided({"!": "CloseAtRest"}), "= the session is at rest, and ends"),
        (decided({"!": "OpenAudio"}, event={"!": "TimerFired", "name": "create"}), "= the time for create is over"),
        (
            decided({"!": "Answered", "ref": 7, "problem": {"!": "Problem", "code": "voice_locked"}}),
            "= request #7 is answered: voice_locked",
        ),
        (decided({"!": "Reported", "problem": {"code": "a", "description": "B."}}), "= reported: a: B."),
        (decided({"!": "EndSession", "problem": {"code": "a"}}), "= the session cannot go on: a"),
        (decided({"!": "EndSession"}), "= the session cannot go on: ?"),
        ({"at": 0.0, "wire": "upstream", "note": "handed back", "detail": "ts_7", "link": 1}, "= handed back ts_7"),
        ({"at": 0.0, "wire": "client", "note": "closed", "detail": "1000 bye"}, "--> closed 1000 bye"),
        ({"at": 0.0, "lost": 12}, "= 12 entries are missing here"),
        ({"at": 0.0, "end": {"code": 1000, "reason": "", "by": "client"}}, "= ended by client: 1000"),
        ({"at": 0.0, "wire": "client", "way": "in", "audio": 1920, "frames": 1}, "--> audio, 1,920 bytes"),
        (
            {"at": 0.0, "until": 1.25, "wire": "upstream", "way": "in", "link": 1, "audio": 48000, "frames": 25},
            "<-- audio, 48,000 bytes, up to 1250",
        ),
    ],
)
def test_a_note_is_put_in_words(entry, words):
    assert text(entry) == words


def test_a_decision_without_a_note_has_no_line():
    answered = {"!": "Answered", "ref": 7}
    assert len(list(render([decided(answered, {"!": "SendUpdate", "event_id": "ts_1"})]))) == 2


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
    assert text(entry).split(entry["type"])[1].strip() == essence


@pytest.mark.parametrize(
    ("entry", "essence"),
    [
        (bare("client", "in", "UpdatePrompt"), "(1,234 bytes)"),
        (bare("upstream", "in", "response.created", response_id="resp_abcd1234"), "...1234 (1,234 bytes)"),
        (
            bare("upstream", "in", "response.done", response_id="resp_abcd1234", status="cancelled"),
            "...1234 cancelled (1,234 bytes)",
        ),
        (bare("upstream", "in", "error", code="voice_locked", event_id="e1"), "voice_locked (1,234 bytes)"),
        (bare("upstream", "out", "response.create", event_id="ts_9"), "ts_9 (1,234 bytes)"),
    ],
)
def test_a_frame_without_content_shows_its_most_telling_id_and_its_size(entry, essence):
    assert text(entry).split(entry["type"])[1].strip() == essence


@pytest.mark.parametrize("fields", [{}, {"response": 5}, {"response": {"id": 7}}, {"response": []}])
def test_a_frame_that_is_not_as_it_should_be_shows_its_type_alone(fields):
    assert text(frame("upstream", "in", "response.done", **fields)) == "<-- response.done"


@pytest.mark.parametrize(
    ("wire", "way", "kind"),
    [
        ("upstream", "in", "rate_limits.updated"),
        ("upstream", "in", "response.output_text.delta"),
        ("client", "out", "response.output_audio.delta"),
        ("client", "in", "input_audio_buffer.append"),
    ],
)
def test_events_that_only_repeat_others_are_left_out(wire, way, kind):
    lines = list(render([bare(wire, way, kind), held(1, waits="idle")]))
    assert len(lines) == 3
    assert "held" in lines[2]
