"""The figures of a proxy in the text format of Prometheus.

They are counted as plain numbers elsewhere, and made into metrics here at each scrape.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from turnstile import __version__
from turnstile.observability.figures import FIGURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from turnstile.observability.figures import Figure, Figures

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
"""The content type of an exposition."""


def exposition(figures: Figures) -> bytes:
    """Return the metrics of a proxy, from the figures of all its processes together."""
    registry = CollectorRegistry()
    registry.register(_Collector(figures))
    return generate_latest(registry)


class _Collector(Collector):
    """Makes metrics of figures."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Yield each metric."""
        about = GaugeMetricFamily("turnstile_build_info", "The version of Turnstile; always 1.", labels=["version"])
        about.add_metric([__version__], 1)
        yield about
        for figure in FIGURES:
            if figure.key in self._figures:
                yield _metric(figure, self._figures[figure.key])


def _metric(figure: Figure, value: Any) -> Metric:
    """Return the metric of a figure."""
    if figure.kind == "histogram":
        return _histogram(figure, value)
    family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    if not figure.label:
        return family(figure.name, figure.text, value)
    metric = family(figure.name, figure.text, labels=[figure.label])
    for name, number in {**dict.fromkeys(figure.known, 0), **value}.items():
        metric.add_metric([name], number)
    return metric


def _histogram(figure: Figure, value: Any) -> Metric:
    """Return the metric of a histogram, whose buckets count what is in those below them, too."""
    bounds = [*map(str, figure.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(value["buckets"]), strict=True))
    return HistogramMetricFamily(figure.name, figure.text, buckets, value["sum"])
