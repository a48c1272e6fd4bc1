from __future__ import annotations

from turnstile.translate.texts_in_progress import TextsInProgress


def test_the_pieces_of_each_item_are_one_text():
    texts = TextsInProgress()
    for item, piece in (("i", "Hel"), ("j", "Bye"), ("i", "lo.")):
        texts.add(item, piece)
    assert (list(texts.texts), texts.characters) == (["i", "j"], 11)
    assert [texts.take(name) for name in ("i", "i", "j")] == ["Hello.", "", "Bye"]
    assert (list(texts.texts), texts.characters) == ([], 0)


def test_a_piece_without_room_is_not_kept():
    texts = TextsInProgress()
    texts.add("i", "x" * 200_000)
    texts.add("i", "y" * 100_000)
    texts.add("j", "z" * 100_000)
    assert texts.take("i") == "x" * 200_000
    texts.add("j", "z" * 100_000)
    assert texts.take("j") == "z" * 100_000


def test_no_more_than_256_items_are_collected():
    texts = TextsInProgress()
    for number in range(300):
        texts.add(str(number), "x")
    assert len(texts.texts) == 256
    texts.add("0", "y")
    assert texts.take("0") == "xy"
