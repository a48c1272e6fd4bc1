"""What a process uses of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.observability.figures import FIGURES

if TYPE_CHECKING:
    from turnstile.observability.figures import Figures


def process_figures(worker: str) -> Figures:
    """Return the CPU time, memory and open files of this process; empty on systems that do not tell.

    Args:
        worker: Its number among the processes that serve together.
    """
    from prometheus_client import ProcessCollector  # noqa: PLC0415 - only a process that is asked needs it

    samples = {
        sample.name: sample.value for metric in ProcessCollector(registry=None).collect() for sample in metric.samples
    }
    return {one.key: {worker: samples[one.name]} for one in FIGURES if one.name in samples}
