"""Back-pressure on reading: when a peer may be read, and when it must wait."""

from __future__ import annotations


class ReadCredit:
    """Decide whether to read from a peer: not while it is paused, nor while too much received is unhandled.

    Nothing here locks; a connection does that around it.

    Args:
        high_water: With more than this many unhandled bytes, the peer is not read.
        low_water: At this or fewer it is read again.
        message_cost: What each message counts besides its bytes.
    """

    def __init__(self, high_water: int, low_water: int, message_cost: int = 0) -> None:
        self._message_cost = message_cost
        self._high_water = high_water
        self._low_water = low_water
        self._pauses = 0
        self.unhandled = 0
        """Bytes received and not yet handled, with the cost of their messages."""
        self._is_used_up = False
        self.may_read = True
        """Whether the peer may be read."""

    def received(self, size: int, messages: int = 1) -> None:
        """Take the credit for some messages that were received.

        Args:
            size: How many bytes they have together.
            messages: How many.
        """
        self.unhandled += size + messages * self._message_cost
        if self.unhandled > self._high_water:
            self._is_used_up = True
            self.may_read = False

    def handled(self, size: int, messages: int = 1) -> bool:
        """Give back the credit for some messages that were handled.

        Args:
            size: How many bytes they had together.
            messages: How many.

        Returns:
            Whether this ended a lack of credit.
        """
        self.unhandled = max(0, self.unhandled - size - messages * self._message_cost)
        if self._is_used_up and self.unhandled <= self._low_water:
            self._is_used_up = False
            self._update()
            return True
        return False

    def pause(self) -> None:
        """Stop reading until one more `resume`."""
        self._pauses += 1
        self._update()

    def resume(self) -> None:
        """Take one `pause` back."""
        self._pauses -= 1
        self._update()

    def _update(self) -> None:
        # A resume may overtake the pause it belongs to, when two threads pause a source and resume it.
        self.may_read = self._pauses <= 0 and not self._is_used_up
