import json
from dataclasses import dataclass
from sys import getsizeof

import orjson
from pydantic import BaseModel

from turnstile.session.memory_size import memory_size


class Endpoint(BaseModel):
    url: str


@dataclass(frozen=True, slots=True)
class Format:
    rate: int


class Called:
    def __init__(self):
        self.kept = "x" * 1000

    def __call__(self):
        return self.kept


def test_a_text_counts_as_it_is_kept_and_not_by_its_characters():
    assert memory_size("x" * 1000) == getsizeof("x" * 1000)
    assert memory_size("😀" * 1000) > 4000


def test_json_counts_each_of_its_values_and_names():
    assert memory_size({"a": ["b", 1.5, None]}) == sum(map(getsizeof, [{"a": 1}, "a", [1, 2, 3], "b", 1.5, None]))


def test_many_short_values_count_several_times_their_text():
    text = json.dumps({f"k{number}": {} for number in range(20_000)})
    assert memory_size(json.loads(text)) > 8 * len(text)


def test_nesting_of_any_depth_is_counted():
    nested = []
    for _ in range(5000):
        nested = [nested]
    assert memory_size(nested) > 5000 * getsizeof([])


def test_an_object_counts_with_its_attributes():
    assert memory_size(Endpoint(url="x" * 1000)) > 1000
    assert memory_size(Format(10**30)) == getsizeof(Format(1)) + getsizeof(10**30)


def test_a_function_of_the_hosts_counts_without_what_it_refers_to():
    assert memory_size((len, Called())) < 1000


def test_a_text_takes_the_same_after_it_was_encoded():
    text = "".join(["Скажи"] * 100)
    before, taken = memory_size({"instructions": text}), getsizeof(text)
    orjson.dumps(text)
    assert getsizeof(text) > memory_size(text) >= taken
    assert memory_size({"instructions": text}) == before
