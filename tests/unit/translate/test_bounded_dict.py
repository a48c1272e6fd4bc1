from __future__ import annotations

from turnstile.translate.bounded_dict import remember


def test_the_oldest_entry_goes_when_there_is_no_room():
    entries = {}
    for number in range(300):
        remember(entries, str(number), number)
    assert (len(entries), min(entries.values()), entries["299"]) == (256, 44, 299)
