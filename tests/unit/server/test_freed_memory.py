"""Blocks of memory that the allocator gives back when they are freed; each test in a process of its own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from turnstile.testing import patience

# Allocates as a session does that once held a large message, and prints how many blocks of 1 MiB lie apart.
_COUNT_APART = """
import ctypes
from turnstile.server.freed_memory import give_back_large_blocks

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", *"abcdef")]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Info
print(give_back_large_blocks())
large = bytearray(16 << 20)
del large
before = mallinfo().hblks
kept = [bytearray(1 << 20) for _ in range(8)]
print(mallinfo().hblks - before)
"""

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="another C library than glibc")


def apart(**environment):
    command = [sys.executable, "-c", _COUNT_APART]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=patience(10)
    )
    return done.stdout.split()


def test_blocks_lie_apart_after_a_larger_one_was_freed():
    assert apart() == ["True", "8"]


def test_an_operators_own_threshold_is_left():
    assert apart(MALLOC_MMAP_THRESHOLD_=str(4 << 20)) == ["False", "0"]
