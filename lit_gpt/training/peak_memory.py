"""The most memory that was held since a moment: the kernel's high-water mark on a CPU, the allocator's on a GPU.

Linux (proc(5)) for the CPU. What glibc keeps of freed memory counts, too; `give_back_at_once` lets it keep little.
"""

import ctypes
import gc
from pathlib import Path

import torch

M_MMAP_THRESHOLD = -3  # malloc.h
GIVEN_BACK_BYTES = 1 << 16


def give_back() -> None:
    """Return what is free to the system, so that it does not hide what is taken next."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of glibc alone
        trim(0)
    torch.cuda.empty_cache()


def give_back_at_once() -> None:
    """Let the allocator return every larger piece as soon as it is free: slower, but what is held is needed."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_THRESHOLD, GIVEN_BACK_BYTES)


def start_peak(device: str) -> int:
    """Forget the peak so far; the bytes held now."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak_bytes(device: str) -> int:
    return torch.cuda.max_memory_allocated() if device.startswith("cuda") else _status("VmHWM")


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))
