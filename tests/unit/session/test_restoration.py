"""What another link lacks of the recorded conversation."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest

from turnstile.session.conversation import ROOT, Conversation, Entry
from turnstile.session.restoration import Put, Remove, difference
from turnstile.session.restoring import told_after


def entry(name, version=0, item=b"{}"):
    return Entry(name, "user", item, version=version)


def conversation(*entries):
    return Conversation(tuple([entry(one) if isinstance(one, str) else one for one in entries]))


def told(names):
    return tuple([(name, 0) for name in names])


@pytest.mark.parametrize(
    ("has", "wants", "changes"),
    [
        ("", "", []),
        ("ab", "ab", []),
        ("", "ab", [Put(entry("a")), Put(entry("b"))]),
        ("ab", "abc", [Put(entry("c"))]),
        ("ac", "abc", [Put(entry("b"), "a")]),
        ("c", "abc", [Put(entry("a"), "root"), Put(entry("b"), "a")]),
        ("abc", "ac", [Remove("b")]),
        ("abc", "", [Remove("a"), Remove("b"), Remove("c")]),
        ("abc", "acb", [Remove("c"), Put(entry("c"), "a")]),
    ],
)
def test_only_what_differs_is_done(has, wants, changes):
    assert [*difference(told(has), conversation(*wants))] == changes


def test_an_item_that_has_changed_is_removed_and_put_in_its_place_again():
    changed = entry("b", 1)
    assert difference(told("abc"), conversation("a", changed, "c")) == (Remove("b"), Put(changed, "a"))


def test_an_item_with_nothing_to_restore_is_left_out_until_there_is():
    silent = entry("b", item=b"")
    assert difference(told("ac"), conversation("a", silent, "c")) == ()
    heard = entry("b", 1)
    assert difference(told("ac"), conversation("a", heard, "c")) == (Put(heard, "a"),)


def test_an_item_of_which_nothing_is_left_is_removed():
    assert difference(told("ab"), conversation("a", entry("b", 1, b""))) == (Remove("b"),)


def applied(has, changes):
    """Do the changes as the API does."""
    names = list(has)
    for change in changes:
        if isinstance(change, Remove):
            names.remove(change.item_id)
        elif change.previous_id is None:
            names.append(change.entry.item_id)
        else:
            place = 0 if change.previous_id == "root" else names.index(change.previous_id) + 1
            names.insert(place, change.entry.item_id)
    return names


def test_a_link_has_the_recorded_conversation_when_all_is_done():
    orders = [order for size in range(5) for some in combinations("abcd", size) for order in permutations(some)]
    for has in orders:
        for wants in orders:
            changes = difference(told(has), conversation(*wants))
            assert applied(has, changes) == list(wants), (has, wants)


def test_what_a_link_has_once_it_has_taken_changes_is_in_the_order_of_its_conversation():
    first, last = Entry("a", "user", b"{}"), Entry("d", "user", b"{}", version=2)
    between = Entry("c", "user", b"{}")
    changes = (Remove("d"), Put(first, ROOT), Put(between, "b"), Put(last))
    assert told_after((("b", 0), ("d", 1)), changes) == (("a", 0), ("b", 0), ("c", 0), ("d", 2))
