"""A large event's long strings in base64 go through unread, byte for byte; all else in it is read and bounded."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnstile.errors import ClientProtocolError
from turnstile.protocol import large_events
from turnstile.protocol.json_bounds import JsonBounds
from turnstile.protocol.large_events import LARGE, parse_large_event

BOUNDS = JsonBounds()
BASE64 = "QUJD" * 50_000
IMAGE = f"data:image/png;base64,{BASE64}"


def encoded(event, **how):
    return json.dumps(event, **how).encode()


def passed(event, **how):
    """Return what becomes of an event that is parsed and written again."""
    return orjson.loads(orjson.dumps(parse_large_event(encoded(event, **how), BOUNDS)))


def refused(data):
    with pytest.raises(ClientProtocolError) as refusal:
        parse_large_event(data if isinstance(data, bytes) else encoded(data), BOUNDS)
    return refusal.value.problem


@pytest.mark.parametrize("string", [BASE64, IMAGE, BASE64[:-1], f"{BASE64[:-4]}QQ==", BASE64 + "\u00e9", "x" + IMAGE])
@pytest.mark.parametrize("how", [{}, {"ensure_ascii": False}, {"indent": 2}, {"separators": (",", ":")}])
def test_an_event_is_the_same_when_it_is_written_again(string, how):
    content = [{"type": "input_text", "text": 'Wof\u00fcr, "d\\as"?'}, {"type": "input_image", "image_url": string}]
    for kind in ("conversation.item.create", "response.create", "session.update"):
        event = {"type": kind, "item": {"content": [*content, *content], "x": f'"{BASE64}"\n'}}
        assert passed(event, **how) == event


@pytest.mark.parametrize("kind", ["response.create", "session.update"])
def test_what_the_gate_may_hold_is_all_text(kind):
    event = {"type": kind, "x": IMAGE}
    assert parse_large_event(encoded(event), BOUNDS) == event


_TEXTS = st.sampled_from(
    ["", "a", '"', "\\", "\u00e9\n", "(long string 0", BASE64, IMAGE, f'"{BASE64}"', f"\\{IMAGE}\\"]
)


@settings(max_examples=50)
@given(
    st.recursive(_TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("x"), inner), max_leaves=6)
)
def test_any_event_is_the_same_when_it_is_written_again(value):
    event = {"type": "x", "x": value}
    data = encoded(event)
    code, written = "", event
    try:
        written = orjson.loads(orjson.dumps(parse_large_event(data + b" " * LARGE, BOUNDS)))
    except ClientProtocolError as refusal:
        code = refusal.problem.code
    assert (code, written) in (("", event), ("too_much_text", event))


def test_no_byte_of_a_long_string_is_parsed(monkeypatch):
    read = []
    monkeypatch.setattr(large_events, "parse_client_event", lambda data, _: read.append(data) or orjson.loads(data))
    parse_large_event(encoded({"type": "x", "image": IMAGE, "text": "Wof\u00fcr?"}), BOUNDS)
    (rest,) = read
    assert len(rest) < 1_200


@pytest.mark.parametrize(
    "text",
    ["\\n" * 600_000, '\\"' * 600_000, "\u00e9" * 600_000, "\U0001f600A" * 300_000, "," * 1_100_000, '","' * 400_000],
)
def test_much_text_that_is_no_base64_is_refused_unparsed(text):
    problem = refused(b'{"type":"x","x":["' + text.encode() + b'"]}')
    assert problem.code == "too_much_text"
    assert "more than 1,048,576 bytes beside long strings of base64" in problem.description


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (b'{"type":"x","x":[' + b"1," * 200_000 + b"1]}", "too_many_values"),
        (b'{"type":"x","x":' + b"[" * 5_000 + b"]" * 300_000, "too_many_levels"),
        (b'{"type":"x","x":"' + b"A" * 300_000, "invalid_json"),
        (b"[" + b'"%s"]' % BASE64.encode(), "invalid_event"),
        (b'{"type":"x","x":' + BASE64.encode() + b"}", "invalid_json"),
        (b'{"type":"x","x":"A\n' + BASE64.encode() + b'"}', "invalid_json"),
        ({"type": "x", BASE64: 1}, "invalid_event"),
        (b'{"x":"%s","x":1}' % BASE64.encode(), "invalid_event"),
        ({"type": "input_audio_buffer.append", "audio": IMAGE}, "invalid_value"),
        ({"type": "input_audio_buffer.append", "audio": BASE64, "x": 1}, "invalid_value"),
        ({"x": BASE64, "type": "input_audio_buffer.append"}, "invalid_value"),
        (b'{"type":"input_audio_buffer\\u002eappend","audio":"%s"}' % BASE64.encode(), "invalid_value"),
        (b'{"type":"input_audio_buffer.append","audio":"%s"}' % (b"AA\\/A" * 200_000), "invalid_value"),
    ],
)
def test_what_is_no_such_event_is_refused(event, code):
    assert refused(event).code == code


def test_an_update_of_much_text_is_read():
    event = {"type": "session.update", "session": {"tools": [{"description": "a, b " * 1_000}] * 100}}
    assert passed(event) == event


def test_a_mark_of_the_clients_own_repeats_nothing():
    event = {"type": "x", "a": "(long string 0)(long string 0)", "b": BASE64, "c": "(long string 0)"}
    assert len(orjson.dumps(parse_large_event(encoded(event), BOUNDS))) < 500_000
