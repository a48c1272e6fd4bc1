"""The figures of several processes together, such that no counter goes back when one of them is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.observability.figures import FIGURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.observability.figures import Figures


def merged(snapshots: Sequence[Figures]) -> Figures:
    """Return the figures of several processes together: the sum or the largest of each, by the values of its label.

    Args:
        snapshots: What each of them has handed over; figures that one lacks count for nothing.
    """
    together = {}
    for figure in FIGURES:
        values = [snapshot[figure.key] for snapshot in snapshots if figure.key in snapshot]
        if values:
            together[figure.key] = max(values) if figure.merge == "max" else _sum(values)
    return together


def left_by(snapshot: Figures) -> Figures:
    """Return what still counts of a process that has ended: what it has counted, and nothing that was so then.

    Merged with the figures of the process in its place, it keeps each counter from going back.
    """
    return {one.key: snapshot[one.key] for one in FIGURES if one.kind != "gauge" and one.key in snapshot}


def _sum(values: Sequence[Any]) -> Any:
    """Return the sum of numbers, of numbers by label, of histograms, or of their lists of buckets."""
    first = values[0]
    if isinstance(first, dict):
        keys = {key: None for value in values for key in value}
        return {key: _sum([value[key] for value in values if key in value]) for key in keys}
    if isinstance(first, list):
        return [sum(numbers) for numbers in zip(*values, strict=True)]
    return sum(values)
