"""Fuzzes each wire for a while: ``make fuzz``, with ``FUZZ_SECONDS`` for each (300 by default)."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "transcripts"), str(HERE.parent.parent)]

from fuzzing import WIRES  # noqa: E402 - found by the path above


def main():
    logging.disable(logging.CRITICAL)
    seconds = float(os.environ.get("FUZZ_SECONDS", "300"))
    for wire, fuzz in WIRES.items():
        seed = first = time.time_ns() % 10**12
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                fuzz(seed)
            except Exception:
                sys.stdout.write(f"{wire} wire: a finding with seed {seed}\n")
                raise
            seed += 1
        sys.stdout.write(f"{wire} wire: {seed - first} sessions in {seconds:g} s from seed {first}, no finding\n")


if __name__ == "__main__":
    main()
