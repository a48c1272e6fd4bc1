"""An append is passed on without parsing it only where nothing in it could be read otherwise."""

from __future__ import annotations

import base64
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.protocol.appends import audio_size, ends_input, is_base64, named_append, plain_append

TYPE = '"type": "input_audio_buffer.append"'
ID = '"event_id":"mine"'
AUDIO = '"audio" : "AA+/"'


@pytest.mark.parametrize(
    ("fields", "event_id"),
    [
        ((TYPE, AUDIO), None),
        ((AUDIO, TYPE), None),
        ((ID, TYPE, AUDIO), "mine"),
        ((TYPE, ID, AUDIO), "mine"),
        ((TYPE, AUDIO, ID), "mine"),
        ((AUDIO, TYPE, ID), "mine"),
        ((AUDIO, ID, TYPE), "mine"),
        ((ID, AUDIO, TYPE), "mine"),
        (('"event_id":null', TYPE, AUDIO), None),
        ((TYPE, AUDIO, '"event_id": ""'), None),
    ],
)
@pytest.mark.parametrize("space", ["", " ", "\n  "])
def test_an_append_is_known_by_its_ends_in_whatever_order_its_fields_come(fields, event_id, space):
    data = f"{space}{{{space}{f'{space},{space}'.join(fields)}{space}}}{space}".encode()
    append = plain_append(data)
    assert (append.event_id, bytes(append.audio)) == (event_id, b"AA+/")


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        f"{{{TYPE}}}",
        f"{{{AUDIO}}}",
        f"{{{TYPE},{TYPE},{AUDIO}}}",
        f'{{{TYPE},{AUDIO},"type":"session.update"}}',
        f"{{{ID},{TYPE},{AUDIO},{ID}}}",
        f'{{{TYPE},{AUDIO},"session":{{}}}}',
        f"{{{TYPE},{AUDIO},{AUDIO}}}",
        f"{{{TYPE},{AUDIO}}}x",
        f"{{{TYPE},{AUDIO}",
        f'{{{TYPE},"audio":"AA',
        f'{{{TYPE},"audio":"A\\/A"}}',
        f'{{{TYPE},"audio":"\u00e4"}}',
        f'{{{TYPE},"audio":null}}',
        f'{{{TYPE},"audio":"AA\x01A"}}',
        f'{{{TYPE},"audio":"none"x}}',
        f'{{{TYPE},"event_id":"m\\"ine",{AUDIO}}}',
        f'{{"type":"input_audio_buffer.commit",{AUDIO}}}',
        f'{{{TYPE},{AUDIO},"event_id":"{"x" * 2000}"}}',
        f'{{"event_id":"{"x" * 2000}",{TYPE},{AUDIO}}}',
    ],
)
def test_anything_else_is_for_the_parser(text):
    assert plain_append(text.encode()) is None


def test_what_is_no_utf_8_is_for_the_parser():
    assert plain_append(f'{{{TYPE},"audio":"'.encode() + b'\xff"}') is None


def test_an_append_is_written_under_the_name_that_it_gets():
    append = plain_append(f"{{{TYPE},{AUDIO}}}".encode())
    written = named_append("ts_unnamed_1", append.audio)
    assert json.loads(written) == {"type": "input_audio_buffer.append", "event_id": "ts_unnamed_1", "audio": "AA+/"}


_FIELDS = st.sampled_from([TYPE, ID, AUDIO, '"type":"session.update"', '"audio":"\\u0041"', '"x":1'])


@given(st.lists(_FIELDS, max_size=5), st.text(alphabet='{}", \\', max_size=3))
def test_what_is_taken_for_an_append_is_read_as_the_same_by_a_parser(fields, noise):
    data = ("{" + ",".join(fields) + noise + "}").encode()
    append = plain_append(data)
    if append is not None:
        event = {"type": "input_audio_buffer.append", "audio": bytes(append.audio).decode()}
        name = {} if append.event_id is None else {"event_id": append.event_id}
        assert orjson.loads(data) == {**event, **name}


PIECE = 128 * 1024


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        (b"A" * PIECE * 2, True),
        (b"A" * PIECE + b"AA==", True),
        (b"A" * (PIECE + 4) + b"AAA=", True),
        (b"A" * (PIECE - 4) + b"AA==", True),
        (b"A" * (PIECE - 4) + b"AA==" + b"AAAA", False),
        (b"A" * PIECE + b"A", False),
        (b"A" * (PIECE * 3 - 1) + b"\\", False),
        (b"A" * (PIECE * 3 - 1) + "\u00e9".encode() + b"AAA", False),
    ],
    ids=range(8),
)
def test_large_audio_is_base64_when_padding_is_at_its_end_only(text, is_valid):
    assert is_base64(memoryview(text)) is is_valid


def test_large_audio_is_decoded_in_small_pieces(monkeypatch):
    sizes = []
    monkeypatch.setattr("pybase64.b64decode", lambda data, **_: sizes.append(len(data)) or bytes(len(data) // 4 * 3))
    data = f'{{{TYPE},"audio":"{"A" * PIECE * 8}"}}'.encode()
    assert plain_append(data) is not None
    assert (sum(sizes), max(sizes)) == (8 * PIECE, PIECE)


@pytest.mark.parametrize("audio", [b"", b"A", b"AB", b"ABC", b"ABCD" * 1000])
def test_the_audio_of_an_append_is_measured_without_decoding_it(audio):
    append = {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}
    turned = {"audio": append["audio"], "event_id": "e1", "type": append["type"]}
    for event in (append, turned):
        assert audio_size(json.dumps(event).encode()) == len(audio)
        assert audio_size(orjson.dumps(event)) == len(audio)


def test_the_audio_behind_a_long_id_counts_with_it():
    event = {"type": "input_audio_buffer.append", "event_id": "x" * 2000, "audio": "A" * 4000}
    assert audio_size(json.dumps(event).encode()) >= 3000


@pytest.mark.parametrize("kind", ["input_audio_buffer.commit", "input_audio_buffer.clear"])
def test_an_event_that_ends_the_input_is_known_by_its_type(kind):
    assert ends_input(json.dumps({"event_id": "e1", "type": kind}).encode()) == kind


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.create"},
        {"type": "conversation.item.create", "item": {"text": "input_audio_buffer.commit"}},
        {"type": ["input_audio_buffer.commit"]},
        {"type": "input_audio_buffer.commit", "metadata": "x" * 2000},
    ],
)
def test_any_other_event_ends_no_input(event):
    assert ends_input(json.dumps(event).encode()) is None
