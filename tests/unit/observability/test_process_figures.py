"""What a process uses of the machine."""

from __future__ import annotations

import os
import time

from turnstile.observability.process_figures import process_figures


def test_a_process_tells_its_own_cpu_time_memory_and_files():
    figures = process_figures("3")
    assert 0 < figures["process_cpu_seconds"]["3"] <= sum(os.times()[:2]) + 1
    assert figures["process_resident_memory_bytes"]["3"] > 10_000_000
    assert 0 < figures["process_start_time_seconds"]["3"] <= time.time() + 1
    assert 0 < figures["process_open_fds"]["3"] <= figures["process_max_fds"]["3"]
