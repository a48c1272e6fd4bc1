"""What the client can have heard of the agent: by what was sent, and how long ago."""

from __future__ import annotations


class Playback:
    """The client's loudspeaker, as far as it can be known: it plays what it gets at once, one after another."""

    def __init__(self) -> None:
        self._ends = 0.0
        # The items that are not played to their end, oldest first, with all the milliseconds sent of each.
        self._sent: dict[str, float] = {}

    def play(self, item_id: str, milliseconds: float, now: float) -> None:
        """More audio of an item goes to the client.

        Args:
            item_id: The item.
            milliseconds: How long the audio lasts.
            now: The time, in seconds.
        """
        sent = self._sent.get(item_id, 0.0) + milliseconds
        if now >= self._ends:
            self._sent, self._ends = {item_id: sent}, now
        else:
            self._sent[item_id] = sent
        self._ends += milliseconds / 1000

    def cut_off(self, now: float, *, goes_on: bool) -> tuple[tuple[str, int], ...]:
        """The user breaks in, and the client throws away what it has not played.

        Args:
            now: The time, in seconds.
            goes_on: Whether upstream was to send more of the latest item, which then was not heard whole.

        Returns:
            The items that were not heard to their end, with the milliseconds heard of each; at least one, since the API
            takes no item for truncated to nothing (as reported by its users).
        """
        unheard = max(0.0, self._ends - now) * 1000
        cut: list[tuple[str, int]] = []
        for item_id, sent in reversed(self._sent.items()):
            if unheard > 0 or (goes_on and not cut):
                cut.append((item_id, max(1, int(sent - unheard))))
            unheard -= sent
        self.stop()
        return tuple(reversed(cut))

    def stop(self) -> None:
        """Nothing plays any more."""
        self._ends = 0.0
        self._sent = {}
