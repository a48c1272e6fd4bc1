"""A message's values and levels are counted on its bytes, without a parse, and nothing in its strings counts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.errors import ClientProtocolError
from turnstile.protocol import json_bounds
from turnstile.protocol.json_bounds import JsonBounds, cut_levels, is_deeper

BOUNDS = JsonBounds(values=100, depth=8)
PROMPT = ", [{" * 50_000
SCHEMA = {
    "type": "object",
    "properties": {f"field_{number}": {"type": "string", "description": PROMPT[:200]} for number in range(10)},
    "required": [f"field_{number}" for number in range(10)],
}
SIGNS = st.text(st.sampled_from(r'",[]{}\: a1'), max_size=200)
VALUES = st.recursive(
    st.none() | st.integers() | SIGNS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(SIGNS, inner, max_size=5),
    max_leaves=200,
)


def refused(data, bounds=BOUNDS):
    with pytest.raises(ClientProtocolError) as refusal:
        bounds.check(data)
    return refusal.value.problem.code


def values_of(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(values_of, inner)) + (isinstance(value, dict | list) and not value)


def levels_of(value):
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(levels_of, inner), default=0) if isinstance(value, dict | list) else 0


def spaced(data):
    return data + b" " * 1_000  # so that it is not let through for its size


@given(VALUES)
def test_a_message_of_the_least_bytes_that_a_bound_takes_is_within_both(value):
    data = json.dumps(value, separators=(",", ":")).encode()
    for bounds in (JsonBounds(len(data), 1_000_000), JsonBounds(1_000_000, len(data))):
        assert len(data) <= bounds.least_bytes
        bounds.check(data)


@given(VALUES)
def test_a_message_passes_just_when_its_values_and_its_levels_are_within_the_bounds(value):
    data = spaced(json.dumps(value).encode())
    values, levels = values_of(value), levels_of(value)
    JsonBounds(values, levels).check(data)
    assert refused(data, JsonBounds(values - 1, levels)) == "too_many_values"
    if levels:
        assert refused(data, JsonBounds(values, levels - 1)) == "too_many_levels"
        assert is_deeper(data, levels - 1)
    assert not is_deeper(data, levels)


@pytest.mark.parametrize("one", [b"1", b"{}", b"[]", b'"a"', b'"\\","', b'{"a":1}', b'{"name":"f"}'])
def test_a_message_of_very_many_values_is_refused(one):
    assert refused(b'{"type":"x","x":[' + one + (b"," + one) * 100_000 + b"]}", JsonBounds()) == "too_many_values"


@pytest.mark.parametrize("levels", [9, 254, 1_000, 100_000])
def test_a_message_of_too_many_levels_is_refused(levels):
    assert refused(b"[" * levels + b"]" * levels, JsonBounds(1_000_000, 8)) == "too_many_levels"


def test_the_refusal_names_the_bound():
    with pytest.raises(ClientProtocolError, match="more than 20,000 JSON values; give it in several"):
        JsonBounds().check(b"[" + b"1," * 20_000 + b"1]")
    with pytest.raises(ClientProtocolError, match="more than 128 levels of objects and lists"):
        JsonBounds().check(b"[" * 129 + b"]" * 129)


def test_a_long_prompt_of_commas_brackets_quotes_and_escapes_passes():
    for prompt in (PROMPT, PROMPT.replace(",", '"'), PROMPT.replace("{", "\\"), '\\"' * 100_000 + "\\"):
        JsonBounds().check(json.dumps({"type": "UpdatePrompt", "prompt": prompt}).encode())


def test_as_many_functions_as_the_api_takes_pass_with_their_schemas():
    functions = [{"name": f"f{number}", "description": PROMPT[:1_000], "parameters": SCHEMA} for number in range(128)]
    JsonBounds().check(json.dumps({"type": "UpdateThink", "think": {"functions": functions}}).encode())


def test_a_string_without_an_end_hides_nothing_before_it():
    assert refused(b"[" * 200 + b'"' + b"," * 1_000 + b"\\") == "too_many_values"
    BOUNDS.check(b'["' + b"," * 1_000 + b"\\")  # the parser refuses it


@pytest.mark.parametrize(
    ("data", "scans"),
    [
        (b'{"prompt":"' + b"x" * 100_000 + b'"}', 0),
        (b'{"prompt":"' + b"," * 100_000 + b'"}', 1),
    ],
)
def test_strings_are_left_out_only_where_the_fast_count_exceeds_a_bound(monkeypatch, data, scans):
    read = Scans()
    monkeypatch.setattr(json_bounds, "_STRING", read)
    BOUNDS.check(data)
    assert len(read.strings) == scans


def test_no_more_strings_are_left_out_than_a_message_within_the_bounds_may_have(monkeypatch):
    read = Scans()
    monkeypatch.setattr(json_bounds, "_STRING", read)
    assert refused(b'{"a":"b"}' * 1_000_000) == "too_many_values"
    assert refused(b'"a":' * 1_000_000 + b"," * 101) == "too_many_values"
    assert read.strings == [200, 200]


@given(VALUES, st.integers(1, 6))
def test_what_lies_deeper_is_cut(value, depth):
    cut = json.loads(json.dumps(value))
    whole = [cut]
    cut_levels(whole, depth)
    assert levels_of(whole) == min(levels_of([value]), depth)
    if levels_of([value]) <= depth:
        assert whole == [value]


class Scans:
    """The pattern of strings, which counts what it matched."""

    def __init__(self):
        self.strings = []

    def subn(self, replacement, data, most):
        rest, found = STRING.subn(replacement, data, most)
        self.strings.append(found)
        return rest, found


STRING = json_bounds._STRING
