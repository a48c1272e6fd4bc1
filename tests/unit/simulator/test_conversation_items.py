"""What a conversation keeps of its items, and what counting them costs."""

from __future__ import annotations

from turnstile.simulator.conversation_items import Conversation, Item


class Unprintable(str):
    """A text of many megabytes, so to speak: nothing may write it out."""

    __slots__ = ()

    def __repr__(self):
        raise AssertionError("it was written out, to be counted")


def item(number, text):
    return Item({"id": f"item_{number}", "type": "message", "content": [{"type": "input_text", "text": text}]})


def test_an_item_is_counted_without_being_written_out():
    conversation = Conversation("conv_1")
    conversation.add(item(1, Unprintable("x" * 5_000)))
    assert 5_000 < conversation.bytes < 8_000


def test_the_oldest_items_are_forgotten_when_they_are_large():
    conversation = Conversation("conv_1")
    for number in range(5):
        conversation.add(item(number, "x" * 1_500_000))
    assert [one.id for one in conversation.items] == ["item_3", "item_4"]
    assert conversation.bytes < 4 * 1024 * 1024
