"""The codec of events, effects, state and policy: what is recorded decodes to equal values, without credentials."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from turnstile.errors import Problem
from turnstile.observability.recorded_classes import CLASSES, FIELDS, NO_DEFAULT, Opaque
from turnstile.observability.recorded_values import decode, encode
from turnstile.observability.redactor import Redactor
from turnstile.session import effects, events
from turnstile.session.client_requests import ConfigRequested, EventGiven, FunctionAnswered, UserMessageGiven
from turnstile.session.data import Data
from turnstile.session.fifo import Fifo
from turnstile.session.journal_notes import Held
from turnstile.session.memory_size import memory_size
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.session.waits import Reason, Waits

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-proj-0123456789abcdefghij"


def there_and_back(value: Any, redactor: Redactor | None = None) -> Any:
    return decode(orjson.loads(orjson.dumps(encode(value, redactor or Redactor()))))


def assert_same(found: Any, value: Any) -> None:
    """Compare also the fields that do not count for equality."""
    assert found.__class__ is value.__class__
    if value.__class__ in FIELDS:
        for name, _, _ in FIELDS[value.__class__]:
            assert_same(getattr(found, name), getattr(value, name))
    elif isinstance(value, tuple | list):
        assert len(found) == len(value)
        for one, other in zip(found, value, strict=True):
            assert_same(one, other)
    else:
        assert found == value


def filled(cls: type, depth: int = 0) -> Any:
    """Return a value of a class with something other than the default in each field."""
    values = [sample(cls, name, levels, default, depth) for name, levels, default in FIELDS[cls]]
    if issubclass(cls, tuple):
        return tuple.__new__(cls, values)
    value = object.__new__(cls)
    for (name, _, _), part in zip(FIELDS[cls], values, strict=True):
        object.__setattr__(value, name, part)
    return value


def sample(cls: type, name: str, levels: int, default: Any, depth: int) -> Any:
    inner: Any = {"text": "é\u2028", "!": [1, 2.5, None, True, {"!x": ""}], "deep": {"of": "x"}}
    if name == "waits":
        return Waits.BACK_OFF
    if depth < 2 and cls in {State, Data, CLASSES["OfStandby"], CLASSES["OnStandby"], CLASSES["EndSession"]}:
        inner = filled(CLASSES["Refused" if depth else "Response"], depth + 1)
    for _ in range(levels):
        inner = (inner, "b", None)
    if levels:
        return inner
    if default is NO_DEFAULT or default is None or default.__class__ in {dict, str}:
        return inner
    return {bool: not default, int: 7, float: 0.125, bytes: b'{"type": "x\\n"}', Fifo: Fifo([inner]),
            frozenset: frozenset({"b", "a"})}.get(default.__class__, inner)  # fmt: skip


def members(union: Any) -> Iterator[type]:
    parts = getattr(union, "__args__", None)
    if parts is None:
        yield union
    for part in parts or ():
        yield from members(part)


def test_every_event_and_effect_has_a_class_in_the_codec() -> None:
    for cls in (*members(events.Event), *members(effects.Effect), State, Data, Policy, Problem):
        assert CLASSES[cls.__name__] is cls


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_value_decodes_to_what_it_was_with_each_field_set(name: str) -> None:
    value = filled(CLASSES[name])

    assert_same(there_and_back(value), value)


@pytest.mark.parametrize("value", [State(), Data(), Policy(), Policy(turns="proxy", link_silence=1.5)])
def test_what_is_the_default_is_not_written(value: Any) -> None:
    assert len(encode(value, Redactor())) <= 3
    assert there_and_back(value) == value


@pytest.mark.parametrize(
    "value",
    [
        2**70, -(2**63), math.inf, 0.1, "\ud83d half", b"\xff\x00", (), ("a", ["b", ("c",)]), frozenset({"x"}),
        Fifo(["a", {"b": 1}]), {"!": "Refused"}, {"!!": {"!": None}}, ["!", {}], "", None, True,
    ],
)  # fmt: skip
def test_a_plain_value_decodes_to_an_equal_one(value: Any) -> None:
    assert_same(there_and_back(value), value)


def test_a_reason_is_written_as_text() -> None:
    held = Held((3,), Reason(Waits.RESPONSE, "resp_1"))

    assert encode(held, Redactor()) == {
        "!": "Held", "refs": [3], "reason": {"!": "Reason", "waits": "response", "which": "resp_1"}
    }  # fmt: skip
    assert there_and_back(held).reason.waits is Waits.RESPONSE


def test_a_size_is_recorded_and_restored_whatever_was_left_out() -> None:
    request = ConfigRequested(1, {"tools": [{"type": "mcp", "authorization": "abc"}]})

    found = there_and_back(request)

    assert found.size == request.size
    assert "abc" not in repr(found)


def test_an_object_of_others_is_numbered_and_as_large_as_it_was() -> None:
    class Endpoint:
        def __init__(self, url: str) -> None:
            self.url = url

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Endpoint) and other.url == self.url

        __hash__ = None  # type: ignore[assignment]

    redactor, long = Redactor(), "https://user:pw@host/" + "x" * 500
    first, same, other = [
        there_and_back({"f": Endpoint(url)}, redactor)["f"] for url in (long, long, "https://example")
    ]

    assert first == same != other
    assert hash(first) == hash(same)
    assert first != object()
    assert isinstance(first, Opaque)
    assert memory_size(first) == memory_size(Endpoint(long))
    assert repr(other) == "Opaque(2)"


def test_a_function_of_the_hosts_is_as_large_as_it_was() -> None:
    assert memory_size(there_and_back(len)) == memory_size(len)


@pytest.mark.parametrize(
    "value",
    [
        ConfigRequested(1, {"tools": [{"type": "mcp", "authorization": KEY, "headers": {"X-Pin": 12345, "n": [KEY]}}]}),
        ConfigRequested(1, {"instructions": f"Call with {KEY}"}, added_prompt=f"Authorization: Bearer {KEY}"),
        EventGiven(orjson.dumps({"type": "session.update", "session": {"tools": [{"authorization": "hunter 22"}]}})),
        EventGiven(b'{"type": "response.create", "response": {"tools": [{"api_key": "hunter\\u002022"}]}}'),
        EventGiven(b'{"type": "session.update", "session": {"tools": [{"authoriza\\u0074ion": "hunter22"}]}}'),
        EventGiven(b'{"type": "x", "session": {"tools": [{"server_url": "https:\\/\\/me:hunter22@h?s=12345"}]}}'),
        EventGiven(
            b'{"type": "session.update", "session": {"instructions": "Use \\u0073k-proj-0123456789abcdefghij"}}'
        ),
        ConfigRequested(
            1, {"tools": [{"credential": "hunter22", "Cookie": "hunter22", "keys": [KEY], "auth": {"n": 12345}}]}
        ),
        FunctionAnswered(1, "call_1", f'{{"found": "{KEY}"}}'),
        UserMessageGiven(1, {"image_url": "https://host/pic.png?sig=hunter22", "a": "https://me:hunter22@host/"}),
        UserMessageGiven(1, {"text": f"\ud83d {KEY}"}),
        events.Refused("ts_1", "invalid_api_key", f"Incorrect API key provided: {KEY}."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_credentials_are_not_recorded_and_what_holds_one_stays_equal(value: Any) -> None:
    redactor = Redactor()

    written = orjson.dumps(encode(value, redactor))

    for secret in (KEY, "hunter", "12345"):
        assert secret.encode() not in written
    assert "(secret " in repr(there_and_back(value, redactor))
    assert encode(replace(value), redactor) == encode(value, redactor)
    assert Redactor().digest(KEY) != redactor.digest(KEY)


def test_a_long_credential_keeps_its_length() -> None:
    event = EventGiven(orjson.dumps({"type": "session.update", "session": {"tools": [{"authorization": KEY}]}}))

    assert there_and_back(event).size == event.size


def test_images_and_audio_are_cut_below_all_and_kept_at_all() -> None:
    image = "data:image/png;base64," + "iVBORw0K" * 1000
    event = EventGiven(orjson.dumps({"type": "conversation.item.create", "item": {"image_url": image}}))
    redactor = Redactor()

    found = there_and_back(event, redactor)

    assert len(orjson.dumps(encode(event, redactor))) < 500
    assert len(found.event) == len(event.event)
    assert found == there_and_back(event, redactor)
    assert found != event
    assert there_and_back(event, Redactor(keeps_all=True)) == event


@pytest.mark.parametrize("value", ["wörd " * 100_000, b"word " * 100_000, {"type": "x", "item": "y " * 200_000}])
def test_text_that_is_too_large_to_be_looked_into_is_cut_below_all(value: Any) -> None:
    redactor = Redactor()

    assert len(orjson.dumps(encode(value, redactor))) < 200
    assert encode(value, redactor) == encode(value, redactor)
    assert there_and_back(value, Redactor(keeps_all=True)) == value


@pytest.mark.parametrize("letter", ["x", "é", "я", "😀"])
def test_a_text_that_is_cut_takes_as_much_memory_as_it_did(letter: str) -> None:
    answered = FunctionAnswered(1, "call_1", letter * 300_000)

    assert there_and_back(answered).size == answered.size


def test_a_frame_that_cannot_be_searched_for_credentials_is_cut() -> None:
    no_json = EventGiven(b'{"token": "hunter22"')

    assert b"hunter" not in orjson.dumps(encode(no_json, Redactor()))
    assert there_and_back(no_json).size == no_json.size


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ({"!": "Gone"}, "Gone"),
        ({"!": "SendCancel", "event_id": "ts_1"}, "response_id"),
        ({"!": "SendCommit", "event_id": "ts_1", "added": 1}, "added"),
        ({"!": "opaque"}, "opaque"),
        ({"!": ["x"]}, "x"),
        ({"!": "Reason", "waits": "gone"}, "gone"),
    ],
)
def test_what_no_version_or_another_one_wrote_is_refused_by_name(found: Any, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        decode(found)


def test_the_numbers_of_objects_are_bounded() -> None:
    redactor, numbers = Redactor(), count()
    objects = [[next(numbers)] for _ in range(300)]

    assert [redactor.opaque(one) for one in objects] == list(range(1, 301))
    assert redactor.opaque(objects[299]) == 300
    assert redactor.opaque(objects[0]) == 301
