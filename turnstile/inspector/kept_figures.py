"""The figures of workers together, of which no counter goes back when one is replaced, or does not answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from turnstile.observability.merged_figures import left_by, merged

if TYPE_CHECKING:
    from turnstile.observability.figures import Figures


class KeptFigures:
    """What each worker last handed over, and what is left by those that have ended; used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: Figures = {}
        self._latest: dict[object, tuple[int, Figures]] = {}

    def began(self, worker: object) -> None:
        """Count a worker from now on."""
        with self._lock:
            self._latest[worker] = (0, {})

    def note(self, worker: object, answer: Any) -> Figures:
        """Note the figures that a worker hands over, unless it has ended since, or has handed over newer ones.

        Args:
            worker: One that has begun.
            answer: ``{"number": ..., "figures": ...}``; the number grows with the figures.

        Returns:
            The figures.

        Raises:
            ValueError: The answer is something else.
        """
        try:
            number, figures = int(answer["number"]), dict(answer["figures"])
            merged([left_by(figures), figures])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("no figures") from error
        with self._lock:
            if worker in self._latest and self._latest[worker][0] < number:
                self._latest[worker] = number, figures
        return figures

    def ended(self, worker: object) -> None:
        """Keep what is left by a worker that has ended."""
        with self._lock:
            _, figures = self._latest.pop(worker)
            self._left = merged([self._left, left_by(figures)])

    def together(self) -> Figures:
        """Return the figures of all."""
        with self._lock:
            return merged([self._left, *(figures for _, figures in self._latest.values())])
