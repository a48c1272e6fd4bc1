"""The journal of a made-up session, for views that tests make up."""

from __future__ import annotations

import queue
import threading

from turnstile.testing import patience


class MadeJournal:
    """An `EventStream` of what the test puts into it, until it ends it or its reader leaves."""

    def __init__(self):
        self._lines = queue.SimpleQueue()
        self.is_closed = threading.Event()

    def put(self, *lines):
        """Write lines; b"" for none."""
        for line in lines:
            self._lines.put(line)

    def end(self):
        self._lines.put(None)

    def close(self):
        self.is_closed.set()
        self.end()

    def __iter__(self):
        while (line := self._lines.get(timeout=patience())) is not None:
            yield line
