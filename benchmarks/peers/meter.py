"""What every bar measures, in whatever environment it runs: torch and the standard library are enough.

A bar is a process that finetunes the fixture with one library and prints one JSON line. Every optimizer step marks
time, processor seconds and what was fed to the embedding so far; the first steps (`--warmup`) do not count. A token is
useful when its id is not 0, which pads and never occurs in the fixture. Training memory is the peak of resident memory
(Linux) from the first forward pass on, above what the process held just before it, the loaded base included.

A bar that does not train is no bar: the gradient's norm over the trainable parameters is taken after the last step
(outside of what is timed) and must be positive.
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

BEGAN_S = time.perf_counter()
KEEP_PAGES = {  # glibc keeps freed pages, in every bar alike: else mapping them anew hides the rest on a CPU
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(1 << 26),
}
PAD = 0


def arguments(**more: Any) -> argparse.Namespace:
    """The flags all bars share, and `more`, by name and default."""
    if any(os.environ.get(name) != value for name, value in KEEP_PAGES.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEEP_PAGES})  # noqa: S606
    parser = argparse.ArgumentParser()
    parser.add_argument("--fixture", type=Path, required=True)
    parser.add_argument("--work_dir", type=Path, required=True, help="for what the library writes")
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32")
    for name, default in {"steps": 4, "warmup": 1, "rows": 4, "accumulate": 2, "length": 1024, "rank": 16}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--checkpointing", action="store_true")
    for name, default in more.items():
        parser.add_argument(f"--{name}", default=default)
    given = parser.parse_args()
    given.work_dir.mkdir(parents=True, exist_ok=True)
    return given


class Meter:
    """Counts from the moment it is made; `line` prints what it found."""

    def __init__(self, given: argparse.Namespace) -> None:
        import torch
        from torch.optim.optimizer import register_optimizer_step_post_hook

        torch.set_num_threads(1)
        self.given, self.marks, self.n_useful, self.n_slots, self.grad_norm = given, [], 0, 0, 0.0
        self.rss_before_mb: float | None = None
        forward = torch.nn.Embedding.forward

        def counted(module: Any, ids: Any) -> Any:
            self._start()
            if torch.is_grad_enabled():
                self.n_useful += int((ids != PAD).sum())
                self.n_slots += ids.numel()
            return forward(module, ids)

        torch.nn.Embedding.forward = counted  # type: ignore[method-assign]
        register_optimizer_step_post_hook(self._stepped)

    def _start(self) -> None:
        """Before the first forward pass, be it a validation's: freed pages are kept, and would count as loaded."""
        if self.rss_before_mb is None:
            self.rss_before_mb = resident_mb("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins here (proc(5))

    def _stepped(self, optimizer: Any, *_: Any) -> None:
        self.marks.append((time.perf_counter(), time.process_time(), self.n_useful, self.n_slots))
        if len(self.marks) == self.given.steps:
            gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            self.grad_norm = math.sqrt(sum(float(gradient.float().square().sum()) for gradient in gradients))

    def line(self, **more: Any) -> None:
        """Print the result; RuntimeError if nothing was learnt."""
        if not self.grad_norm > 0 or not math.isfinite(self.grad_norm):
            raise RuntimeError(f"a gradient norm of {self.grad_norm}: this was no training")
        first, last = self.marks[self.given.warmup - 1], self.marks[-1]
        wall_s, cpu_s, useful, slots = (b - a for a, b in zip(first, last, strict=True))
        assert self.rss_before_mb is not None
        found = {
            "tokens_per_cpu_s": useful / cpu_s,
            "tokens_per_s": useful / wall_s,
            "useful_share": useful / slots,
            "training_mb": resident_mb("VmHWM") - self.rss_before_mb,
            "loaded_mb": self.rss_before_mb,
            "first_step_s": self.marks[0][0] - BEGAN_S,
            "steps": len(self.marks) - self.given.warmup,
            "tokens": useful,
            "grad_norm": self.grad_norm,
        }
        print(json.dumps(found | more), flush=True)


def resident_mb(key: str) -> float:
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {key} in /proc/self/status")
