"""Freed memory goes back to the system: the C library's allocator is told to keep large blocks apart."""

from __future__ import annotations

import ctypes
import os
from typing import Final

# Of glibc's malloc.h.
_M_MMAP_THRESHOLD: Final = -3
_THRESHOLD: Final = 256 * 1024


def give_back_large_blocks() -> bool:
    """Have each block of 256 KiB or more go back to the system when it is freed; return whether the allocator does.

    glibc does so by itself at first. But the first large block that is freed raises its threshold, up to 32 MiB; from
    then on smaller ones lie between others in the heap, and the process grows although no more is in use (mallopt(3)).
    An operator's own threshold, ``MALLOC_MMAP_THRESHOLD_``, is left as it is.
    """
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _THRESHOLD))
