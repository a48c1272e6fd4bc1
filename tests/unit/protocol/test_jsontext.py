from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.protocol import jsontext


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"ok \ud83d end"', "ok \ufffd end"),
        (r'"\udc00"', "\ufffd"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (r'"\ud83d\u0041"', "\ufffdA"),
        (r'"\\ud83d \uD83D"', "\\ud83d \ufffd"),
        (r'"\\\ud83d"', "\\\ufffd"),
        (r'"\\ud83d\ude00 \ud83d"', "\\ud83d\ufffd \ufffd"),
        (r'"\\\ud83d\ude00 \ud83d"', "\\\U0001f600 \ufffd"),
        (r'{"\ud83d": ["\ud83d"]}', {"\ufffd": ["\ufffd"]}),
    ],
)
@pytest.mark.parametrize("as_bytes", [True, False])
def test_half_a_surrogate_pair_is_read_as_a_replacement(text, value, as_bytes):
    assert jsontext.loads(text.encode() if as_bytes else text) == value


@pytest.mark.parametrize("end", [rb'\ud83d"', b'"NaN'])
@pytest.mark.parametrize("text", [rb"\n", rb"\\", rb"\u0041", b"a"])
def test_a_long_text_takes_as_few_calls_as_a_short_one(text, end):
    def calls(times):
        counted = []
        before = sys.getprofile()
        sys.setprofile(lambda _frame, event, _argument: counted.append(event))
        try:
            with suppress(ValueError):
                jsontext.loads_any(b'"' + text * times + end)
        finally:
            sys.setprofile(before)
        return len(counted)

    assert calls(1000) == calls(10)


@pytest.mark.parametrize(
    "data", [b"{", b"\xff", rb'"\ud83d', b"NaN", b"[1e999]", rb'["\ud83d", NaN]', b'"\0\\ud83d"', b"\xed\xa0\xbd"]
)
def test_what_is_no_json_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        jsontext.loads(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"[NaN, Infinity, -Infinity, 1e999, -1e999]", [None] * 5),
        (rb'["\ud83d", NaN, 1, 1.5, 18446744073709551616]', ["\ufffd", None, 1, 1.5, 1.8446744073709552e19]),
        (b"[" + b"9" * 5000 + b"]", [None]),
        (b'{"a": 1}', {"a": 1}),
    ],
)
def test_a_number_that_is_none_is_read_as_nothing_where_anything_is(data, value):
    assert jsontext.loads_any(data) == value


@pytest.mark.parametrize("data", [b"{", b"\xff", b"", b"[NaN", b"[" * 100_000, b"[1.]"])
def test_what_is_no_json_for_anybody_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        jsontext.loads_any(data)


_values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(st.characters(categories=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(_values)
def test_what_others_write_is_read_as_something_that_can_be_written(value):
    read = jsontext.loads_any(json.dumps(value))
    assert jsontext.loads(orjson.dumps(read)) == read


@given(st.text(st.characters(categories=None)))
def test_a_text_is_read_as_the_one_that_was_written_but_for_the_halves(text):
    assert jsontext.loads(json.dumps(text)) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_text_that_the_system_has_no_memory_for_is_a_memory_error_and_not_the_end_of_the_process():
    # With so little memory left, the parser alone would crash.
    script = """
import resource
from turnstile.protocol import jsontext
text = b'"%s"' % (b"x" * (8 << 20))
small = jsontext.loads(b'"%s"' % (b"x" * 100_000))
with open("/proc/self/statm") as statm:
    taken = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (2 << 20), taken + (2 << 20)))
try:
    jsontext.loads(text)
except MemoryError:
    print(len(small))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "100000\n"
