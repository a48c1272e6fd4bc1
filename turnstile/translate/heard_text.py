"""The text of what the user has heard of the agent's items: upstream's text, placed in the audio that came with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.audio.confirmed_formats import shown_format
from turnstile.audio.formats import PCM_24K, read_format
from turnstile.protocol.realtime import mark_of
from turnstile.translate.placed_text import PlacedText

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]

# Items that are kept: a client that plays in real time may have some seconds of several still to play.
_ITEMS = 16
_DEFAULT: Final = PCM_24K
# Out-of-band responses in progress.
_ASIDES = 64


class HeardText:
    """Follows the text and the audio of the agent's items on the link in use; `heard_events` reads its events.

    The last items of a link stay when another takes its place: the client may still be playing them.
    Items of out-of-band responses are not followed: they are not in the conversation.
    """

    def __init__(self) -> None:
        self.items: dict[str, PlacedText] = {}
        """The items of the link in use."""
        self._earlier: dict[str, PlacedText] = {}
        self.asides: dict[str, None] = {}
        """The out-of-band responses in progress."""
        self._session_format: object = None
        self._shown: object = None
        self._bytes_per_ms = _DEFAULT.sample_width * _DEFAULT.sample_rate / 1000

    @property
    def kept_bytes(self) -> int:
        """The bytes kept, about: one a character."""
        return sum([item.characters for item in (*self.items.values(), *self._earlier.values())])

    def begin_link(self) -> None:
        """Follow another link, on which nothing is unfinished."""
        if self.items:
            self._earlier, self.items = self.items, {}
        self.asides.clear()

    def set_upstream_format(self, shown: object) -> None:
        """Measure audio in this format; as the API's default where none is shown, or one that is not known."""
        self._session_format = shown
        self._measure(shown)

    def begin_response(self, event: Json) -> None:
        """Follow a response (``response.created``); its audio is in the format that it shows, else in the session's."""
        response = event["response"]
        shown = shown_format(response, "output") if "audio" in response else None
        shown = self._session_format if shown is None else shown
        if shown != self._shown:  # Most responses show the format of the one before.
            self._measure(shown)
        if response.get("conversation_id", "") is None and mark_of(response) is None:
            self.asides[response["id"]] = None
            if len(self.asides) > _ASIDES:
                del self.asides[next(iter(self.asides))]

    def begin(self, item_id: str, response_id: str) -> PlacedText | None:
        """Return an item of a response in progress, new or known; None for one that is not in the conversation."""
        item = self.items.get(item_id)
        if item is None and response_id not in self.asides:
            item = self.items[item_id] = PlacedText(response_id, self._bytes_per_ms)
            if len(self.items) > _ITEMS:
                del self.items[next(iter(self.items))]
        return item

    def audio(self, events: Sequence[Json]) -> None:
        """Measure ``response.output_audio.delta`` events of one item: the hot path, one call for all of them."""
        first = events[0]
        item_id, response_id = first.get("item_id"), first.get("response_id")
        if not (isinstance(item_id, str) and isinstance(response_id, str) and isinstance(first.get("delta"), str)):
            return
        item = self.items.get(item_id) or self.begin(item_id, response_id)
        if item is None:
            return
        item.is_spoken = True
        for event in events:
            delta = event["delta"]
            item.size += len(delta) * 3 // 4 - delta.count("=", -2)

    def heard(self, item_id: str, milliseconds: float | None = None) -> str | None:
        """Return the text that came before the audio of a moment, cut at a word; of an item in writing all of it.

        Args:
            item_id: The item.
            milliseconds: How much of its audio was heard, at most as much as at the item's `cut`. One or less is
                nothing: the API does not truncate an item to nothing. None: what was sent of it.

        Returns:
            The text; None where it is not known: the item is not followed (any more), or its audio has no transcript.
        """
        item = self.items.get(item_id) or self._earlier.get(item_id)
        return None if item is None else item.heard(milliseconds)

    def cut(self, item_id: str, milliseconds: float) -> str | None:
        """End an item where the user stopped hearing it, whatever comes of it later; return what was `heard`."""
        item = self.items.get(item_id) or self._earlier.get(item_id)
        if item is None:
            return None
        item.cut(milliseconds)
        return item.heard()

    def forget(self, item_id: str) -> None:
        """Forget an item: what was heard of it is not known any more."""
        self.items.pop(item_id, None)
        self._earlier.pop(item_id, None)

    def unfinished(self) -> tuple[tuple[str, str | None], ...]:
        """Return the items of this link's responses that have not ended, each with the text of the audio sent of it.

        An item that was cut has its text up to there; None where the audio has no transcript.
        """
        return tuple([(item_id, item.heard()) for item_id, item in self.items.items() if item.is_open])

    def _measure(self, shown: object) -> None:
        self._shown = shown
        audio = (None if shown is None else read_format(shown)) or _DEFAULT
        self._bytes_per_ms = audio.sample_width * audio.sample_rate / 1000
