from __future__ import annotations

from turnstile.translate.bounded_dict import BoundedDict


def test_the_oldest_entry_goes_when_there_is_no_room():
    entries = BoundedDict()
    for number in range(300):
        entries.remember(str(number), number)
    assert (len(entries), min(entries.values()), entries["299"]) == (256, 44, 299)


def test_the_oldest_entries_go_when_their_texts_are_too_long():
    entries = BoundedDict(lambda key, text: len(key) + len(text), most_bytes=3_000)
    for name in "abc":
        entries.remember(name, "x" * 500)
    assert (list(entries), entries.kept_bytes) == (["a", "b", "c"], 3 * 701)
    entries.remember("d", "x" * 2_000)
    assert (list(entries), entries.kept_bytes) == (["c", "d"], 701 + 2_201)


def test_an_entry_that_is_too_large_by_itself_is_not_kept():
    entries = BoundedDict(most_bytes=3_000)
    entries.remember("a", None)
    entries.remember("x" * 3_000, None)
    assert (entries, entries.kept_bytes) == ({}, 0)


def test_an_entry_that_is_set_again_keeps_its_place_and_counts_once():
    entries = BoundedDict(lambda key, text: len(key) + len(text))
    entries.remember("a", "x" * 100)
    entries.remember("b", "")
    entries.remember("a", "x")
    assert (list(entries), entries.kept_bytes) == (["a", "b"], 202 + 201)


def test_an_entry_that_is_forgotten_counts_no_more():
    entries = BoundedDict()
    entries.remember("a", 1)
    assert (entries.forget("a"), entries.forget("a"), entries.kept_bytes) == (1, None, 0)
