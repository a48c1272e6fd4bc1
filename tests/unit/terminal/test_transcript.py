"""Transcripts of recordings that are written by hand; tests/transcripts plays those of conversations."""

import pytest

from turnstile.observability.recording_file import Recording
from turnstile.terminal.placeholders import Placeholders
from turnstile.terminal.transcript import NoTranscriptError, transcript

KEY = b"the same in each run"
HEAD = {
    "turnstile": "0.1.0", "format": 1, "session": "0a1b2c3d4e5f", "dialect": "component", "level": "text",
    "model": None, "id_prefix": "ts0a1b2c3d_", "policy": {"id_prefix": "ts0a1b2c3d_", "restore_note": "Go on."},
    "state": {}, "data": {},
}  # fmt: skip


def frame(wire, way, kind, at=0.1, link=0, **fields):
    line = {"at": at, "wire": wire, "way": way, "type": kind, "size": 9, "ids": {}, "frame": {"type": kind, **fields}}
    return line | {"link": link} if link else line


def lines(*given, head=HEAD, keeps_content=True, damage=""):
    return list(transcript(Recording(head, given, damage), keeps_content=keeps_content, key=KEY))


def test_the_head_has_what_the_stage_needs():
    (head,) = lines()
    assert (head["profile"], head["turns"], head["is_recorded"]) == ("component", "server", True)
    assert head["policy"] == {"restore_note": "Go on."}
    (masked,) = lines(keeps_content=False)
    assert masked["policy"] == {"restore_note": Placeholders(KEY).text("Go on.")}
    (plain,) = lines(head={**HEAD, "policy": {"turns": "proxy"}}, keeps_content=False)
    assert (plain["turns"], plain["policy"]) == ("proxy", {"turns": "proxy"})


def test_ids_of_ours_begin_with_those_of_a_transcript():
    (_, line) = lines(frame("upstream", "out", "response.create", link=1, event_id="ts0a1b2c3d_4"))
    assert line == {"at": 0.1, "to": "upstream", "text": {"type": "response.create", "event_id": "ts_4"}}
    (_, line) = lines(frame("client", "out", "Welcome", request_id="0a1b2c3d4e5f"))
    assert line["text"]["request_id"] == "s1"


def test_each_link_has_its_name():
    (_, one, other) = lines(
        frame("upstream", "in", "session.created", link=1), frame("upstream", "in", "session.created", link=2)
    )
    assert (one["from"], other["from"]) == ("upstream", "upstream 2")


def test_audio_comes_in_as_many_pieces_as_it_came_in():
    audio = {"at": 1.0, "until": 1.2, "wire": "client", "way": "in", "audio": 1001, "frames": 3}
    assert lines(audio)[1:] == [
        {"at": 1.0, "from": "client", "audio": 332},
        {"at": 1.1, "from": "client", "audio": 332},
        {"at": 1.2, "from": "client", "audio": 337},
    ]


def test_audio_of_upstream_belongs_to_the_part_that_was_added_last():
    part = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
    audio = {"at": 1.0, "until": 1.0, "wire": "upstream", "way": "in", "link": 1, "audio": 960, "frames": 1}
    (_, _, line) = lines(frame("upstream", "in", "response.content_part.added", link=1, **part), audio)
    assert line["from"] == "upstream"
    assert line["text"] == {
        "type": "response.output_audio.delta", "event_id": "event_of_audio", **part, "delta": {"bytes": 960}
    }  # fmt: skip


def test_audio_that_went_upstream_is_an_append():
    audio = {"at": 1.0, "until": 1.0, "wire": "upstream", "way": "out", "link": 1, "audio": 960, "frames": 1}
    assert lines(audio)[1] == {
        "at": 1.0, "to": "upstream", "text": {"type": "input_audio_buffer.append", "audio": {"bytes": 960}}
    }  # fmt: skip


def test_what_a_function_returned_comes_from_the_function():
    returned = {"at": 0.2, "event": {"!": "CallReturned", "call_id": "call_1", "output": "hail"}, "effects": []}
    assert lines(returned)[1] == {"at": 0.2, "from": "function", "call_id": "call_1", "output": "hail"}
    assert lines(returned, keeps_content=False)[1]["output"] == Placeholders(KEY).text("hail")


@pytest.mark.parametrize(
    ("closed", "how"),
    [({"!": "Closed", "code": 1011, "reason": "oops"}, [1011, "oops"]), (None, [1006, ""])],
)
def test_a_link_that_is_lost_is_closed(closed, how):
    lost = {"!": "LinkLost", "code": "upstream_lost"} | ({"closed": closed} if closed else {})
    begun = frame("upstream", "in", "session.created", link=1), frame("upstream", "in", "session.created", link=2)
    note = {"at": 0.1, "wire": "upstream", "note": "closed", "detail": "upstream_lost", "link": 2}
    assert lines(note, {"at": 0.2, "event": lost, "effects": []})[1:] == [
        {"at": 0.1, "from": "upstream 2", "close": how}
    ]
    assert lines(note)[1]["close"] == [1006, ""]
    standby = {"!": "OfStandby", "generation": 1, "fact": lost}
    assert lines(*begun, {"at": 0.2, "event": standby, "effects": []})[3] == {
        "at": 0.2, "from": "upstream 2", "close": how
    }  # fmt: skip
    other = {"!": "OfStandby", "generation": 1, "fact": {"!": "LinkOpened"}}
    assert len(lines({"at": 0.2, "event": other, "effects": []})) == 1


def test_both_closes_of_the_client_are_there():
    closed = {"at": 0.2, "wire": "client", "note": "closed", "detail": "1000 bye"}
    end = {"at": 0.3, "end": {"code": 1000, "reason": "bye", "by": "client"}, "counts": {}}
    other = {"at": 0.2, "wire": "upstream", "note": "handed back", "detail": "ts_1", "link": 1}
    assert lines(closed, other, end)[1:] == [
        {"at": 0.2, "from": "client", "close": [1000, "bye"]},
        {"at": 0.3, "to": "client", "close": [1000, "bye"]},
    ]


def test_the_parts_of_a_text_are_those_of_its_placeholder():
    parts = [
        frame("upstream", "in", "response.output_text.delta", link=1, item_id="item_1", delta=part)
        for part in ("Recom", "mend mus", "eums.")
    ]
    whole = frame("upstream", "in", "response.output_text.done", link=1, item_id="item_1", text="Recommend museums.")
    *shown, done = [line["text"] for line in lines(*parts, whole, keeps_content=False)[1:]]
    assert [len(one["delta"]) for one in shown] == [5, 8, 5]
    assert "".join(one["delta"] for one in shown) == done["text"]


def test_the_parts_of_arguments_are_those_of_their_placeholder():
    parts = [
        frame("upstream", "in", "response.function_call_arguments.delta", link=1, item_id="item_1", delta=part)
        for part in ('{"ci', 'ty": "Lis', 'bon"}')
    ]
    shown = [line["text"]["delta"] for line in lines(*parts, keeps_content=False)[1:]]
    assert "".join(shown) == Placeholders(KEY).encoded('{"city": "Lisbon"}')


@pytest.mark.parametrize(
    ("given", "head", "damage", "fault"),
    [
        ((), {**HEAD, "level": "events"}, "", 'its level is "events"'),
        ((), HEAD, "line 9 is not JSON.", "line 9 is not JSON"),
        (({"at": 0.1, "lost": 3},), HEAD, "", "3 entries are missing"),
        (({"at": 0.1, "event": {"!": "UserMessageGiven", "ref": -1}, "effects": []},), HEAD, "", "host took part"),
        (({"at": 0.1, "wire": "client", "way": "in", "type": "?", "size": 9, "ids": {}},), HEAD, "", "lacks the frame"),
    ],
)
def test_no_transcript_is_made_of_a_recording_that_lacks_something(given, head, damage, fault):
    with pytest.raises(NoTranscriptError, match=fault):
        lines(*given, head=head, damage=damage)
