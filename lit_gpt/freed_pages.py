"""Let glibc keep the pages it frees.

A step on a CPU frees and asks for the same large tensors again and again. By default glibc maps each anew and gives it
back, and the kernel clears every page anew (mallopt(3): M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD). Kept pages make a
process hold its peak until it ends; nothing else changes. Other systems' allocators are left alone.
"""

import ctypes
import platform

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h
TOP_PAD = 1 << 26  # bytes the heap grows by at least


def keep_freed_pages() -> bool:
    """From now on in this process; whether its allocator is one that can."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    wanted = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: TOP_PAD}
    return [mallopt(parameter, value) for parameter, value in wanted.items()] == [1, 1, 1]
