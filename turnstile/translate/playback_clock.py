"""An estimate of what the client has played of the agent's audio: from what was sent, and when."""

from __future__ import annotations

import math


class PlaybackClock:
    """The playback of one client, which plays what it gets at once and in order."""

    def __init__(self) -> None:
        self.ends = -math.inf
        """When all is played, in seconds; long ago where nothing was, or it was stopped."""
        # The items that are not played to their end, oldest first, with all the milliseconds sent of each.
        self._sent: dict[str, float] = {}

    def play(self, item_id: str, milliseconds: float, now: float) -> None:
        """Add audio of an item that is sent to the client.

        Args:
            item_id: The item.
            milliseconds: The length of the audio.
            now: The time, in seconds.
        """
        sent = self._sent.get(item_id, 0.0) + milliseconds
        if now >= self.ends:
            self._sent, self.ends = {item_id: sent}, now
        else:
            self._sent[item_id] = sent
        self.ends += milliseconds / 1000

    def interrupt(self, now: float, *, is_unfinished: bool) -> tuple[tuple[str, int], ...]:
        """Stop at a barge-in, at which the client discards what it has not played.

        Args:
            now: The time, in seconds.
            is_unfinished: Whether upstream has more to send of the latest item, which then was not played whole.

        Returns:
            The items that were not played to their end, with the milliseconds played of each; at least one, since the
            API does not truncate an item to nothing (as reported by its users).
        """
        unplayed = max(0.0, self.ends - now) * 1000
        cut: list[tuple[str, int]] = []
        for item_id, sent in reversed(self._sent.items()):
            if unplayed > 0 or (is_unfinished and not cut):
                cut.append((item_id, max(1, int(sent - unplayed))))
            unplayed -= sent
        self.stop()
        return tuple(reversed(cut))

    def stop(self) -> None:
        """Forget all audio: nothing plays any more."""
        self.ends = -math.inf
        self._sent = {}
