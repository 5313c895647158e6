"""Memory that the C library gives back to the system at each step of a training, only to ask for it again."""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_LARGE = 1 << 30


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next allocation, and say whether it will.

    Large tensors are else mapped and unmapped at every step, and their pages zeroed anew: 15 % of the time of a step on
    a processor. It holds for the whole process, so that only a program of our own may ask for it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # A C library of another kind.
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE)) and bool(mallopt(_TRIM_THRESHOLD, 2 * _LARGE - 1))
