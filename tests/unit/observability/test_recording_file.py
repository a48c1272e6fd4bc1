import json

import pytest

from turnstile.observability.recording_file import read_recording

HEAD = {
    "format": 1, "level": "text", "session": "s-1", "dialect": "component", "model": None, "id_prefix": "ts_",
    "policy": {}, "state": {}, "data": {},
}  # fmt: skip
FRAME = {"at": 0.5, "wire": "client", "way": "in", "type": "KeepAlive", "size": 20, "ids": {}}
END = {"at": 1.0, "end": {"code": 1000, "reason": "", "by": "client"}, "counts": {}}


def written(*lines):
    return [json.dumps(line).encode() + b"\n" for line in lines]


def test_a_recording_has_its_head_and_its_lines():
    recording = read_recording(written(HEAD, FRAME, END))
    assert (recording.head, recording.lines, recording.damage) == (HEAD, (FRAME, END), "")
    assert recording.has_ended
    assert recording.lost == 0


def test_a_recording_says_how_many_entries_it_lacks():
    recording = read_recording(written(HEAD, {"at": 0.1, "lost": 3}, FRAME, {"at": 0.9, "lost": 4}))
    assert recording.lost == 7
    assert not recording.has_ended


def test_an_empty_file_is_no_recording():
    recording = read_recording([])
    assert (recording.head, recording.damage) == ({}, "it is empty.")


def test_a_file_that_is_cut_gives_what_comes_before():
    *whole, last = written(HEAD, FRAME, END)
    recording = read_recording([*whole, last[:10]])
    assert recording.lines == (FRAME,)
    assert recording.damage == "line 3 is not JSON: the file ends within it."


@pytest.mark.parametrize(
    ("line", "damage"),
    [
        (b"nonsense\n", "line 2 is not JSON."),
        (b"\xff\xfe\n", "line 2 is not JSON."),
        (b"[" * 100_000 + b"\n", "line 2 is not JSON."),
        (b"5\n", 'line 2 is not an entry of a journal: it has no time ("at").'),
        (b'{"at": "soon"}\n', 'line 2 is not an entry of a journal: it has no time ("at").'),
        (b'{"at": 1}\n', "line 2 is not an entry of a journal: it is no frame, audio, decision, note or end."),
        (
            b'{"at": 1, "event": {}}\n',
            'line 2 is not of a recording: it has no "effects".',
        ),
        (
            b'{"at": 1, "wire": "client"}\n',
            "line 2 is not an entry of a journal: it is no frame, audio, decision, note or end.",
        ),
        (
            b'{"at": 1, "event": {"ref": []}, "effects": []}\n',
            'line 2 is not of a recording: its "ref" is of another type.',
        ),
        (
            b'{"at": 1, "wire": "client", "way": [], "type": "x"}\n',
            'line 2 is not of a recording: its "way" is of another type.',
        ),
        (
            b'{"at": 1, "end": {"code": "1000", "reason": "", "by": ""}}\n',
            'line 2 is not of a recording: its "code" is of another type.',
        ),
    ],
)
def test_a_damaged_line_is_named(line, damage):
    recording = read_recording([*written(HEAD), line, *written(FRAME)])
    assert (recording.lines, recording.damage) == ((), damage)


def test_a_head_of_this_format_that_lacks_something_is_none():
    recording = read_recording(written({name: value for name, value in HEAD.items() if name != "state"}))
    assert (recording.head, recording.damage) == ({}, 'line 1 is not of a recording: it has no "state".')
    assert read_recording(written({"format": 2, "level": "text"})).head == {"format": 2, "level": "text"}


@pytest.mark.parametrize("head", [[], {}, {"format": "1", "level": "text"}, {"format": 1}, FRAME])
def test_a_file_that_does_not_begin_with_a_head_is_no_recording(head):
    recording = read_recording(written(head, FRAME))
    assert recording.head == {}
    assert recording.damage.startswith("line 1 is not the head of a recording")


@pytest.mark.parametrize(
    "line",
    [
        {"at": 0, "until": 0, "wire": "upstream", "way": "in", "audio": 9, "frames": 1},
        {"at": 0, "wire": "client", "note": "closed", "detail": "1000"},
        {"at": 0, "event": {"!": "AgentSpoke"}, "effects": []},
        {"at": 0, "lost": 1},
        END,
    ],
)
def test_every_kind_of_entry_is_read(line):
    assert read_recording(written(HEAD, line)).lines == (line,)
