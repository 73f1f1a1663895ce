"""Keep freed memory in the process instead of giving it back to the system after every step.

A training step allocates and frees the same large tensors again and again. By default glibc maps each anew,
and the system zeroes its pages each time: a tenth of a convolutional step's time, measured. Elsewhere than
glibc nothing is done.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_NEVER_BYTES = 2**31 - 1
_PAD_BYTES = 64 * 2**20


def keep_freed_memory() -> bool:
    """Set glibc's allocator to reuse large blocks; whether it could be done."""
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = (
        (_M_MMAP_THRESHOLD, _NEVER_BYTES),
        (_M_TRIM_THRESHOLD, _NEVER_BYTES),
        (_M_TOP_PAD, _PAD_BYTES),
    )
    return all(mallopt(name, value) == 1 for name, value in settings)
