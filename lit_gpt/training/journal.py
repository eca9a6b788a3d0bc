"""What a run tells while it runs: metrics.jsonl, the progress bar, TensorBoard when asked for.

One JSON object per logged step (step, epoch, tokens, elapsed_s, train_loss, learning_rate, grad_norm, tokens_per_s,
data_wait_share, peak_memory_gib; budget_left_s with a budget, energy_j with a meter), one per validation (step,
val_loss, n_targets), one per epoch where a plateau is looked for (step, epoch, token_accuracy), one per event (skipped,
out_of_memory, epoch_not_kept) and one whenever a run goes on (resumed_at). Raw values: nothing is smoothed or replaced.
A resumed run appends, so the steps it repeats are there twice.
"""

import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch

from lit_gpt.progress import share_bar
from lit_gpt.training.fabric import Logger
from lit_gpt.training.resume import Progress

METRICS = "metrics.jsonl"
GIB = 1 << 30
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage: bytes on macOS, KiB on Linux


def peak_memory_gib(device: torch.device) -> float:
    """The most memory the run held so far: the GPU's allocator, or the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / GIB


Record = dict[str, Any]
T = TypeVar("T")


class Journal:
    """Appends to `<out_dir>/metrics.jsonl` and moves the bar.

    Records wait in `pending` until `flush`. The loop saves its state, pending records included, before it flushes,
    and a resumed run writes those that a kill kept from the file. So the file never shows a step that should have
    been saved and is not, and never lacks one that is.
    """

    def __init__(
        self, out_dir: Path, first_step: int, done: float, pending: list[Record], loggers: list[Logger]
    ) -> None:
        path = out_dir / METRICS
        if first_step == 0:
            path.unlink(missing_ok=True)
        else:
            _cut_torn_line(path)
        written = read_metrics(out_dir) if path.exists() else []
        self.pending = [record for record in pending if record not in written]
        self._file = open(path, "a", encoding="utf-8")
        self._loggers = loggers
        self._bar = share_bar("training", done)
        self._shown: dict[str, str] = {}
        self._window_tokens, self._window_s, self._window_wait_s = 0, 0.0, 0.0
        if first_step:
            self.pending.append({"resumed_at": first_step})
        self.flush()

    def step(self, n_tokens: int, step_s: float, done: float, is_logged: bool, **values: float) -> None:
        """One finished optimizer step of `n_tokens` tokens that took `step_s` seconds, and what was measured.

        `done` is the share of the run that lies behind, from 0 to 1.
        """
        self._window_tokens += n_tokens
        self._window_s += step_s
        if is_logged:
            tokens_per_s = self._window_tokens / self._window_s
            data_wait_share = self._window_wait_s / self._window_s
            self._window_tokens, self._window_s, self._window_wait_s = 0, 0.0, 0.0
            self._show(tokens_per_s=f"{tokens_per_s:,.0f}", waiting_for_data=f"{data_wait_share:.1%}")
            self.pending.append({**values, "tokens_per_s": tokens_per_s, "data_wait_share": data_wait_share})
        self._show(step=f"{values['step']:,}", loss=f"{values['train_loss']:.3f}")
        self._show(memory=f"{values['peak_memory_gib']:.2f}GiB")
        self._bar.update(done - self._bar.n)

    def waiting_for(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches of a step; how long it takes until each is there is waiting for data."""
        remaining = iter(batches)
        while True:
            began_s = time.perf_counter()
            try:
                batch = next(remaining)
            except StopIteration:
                return
            finally:
                self._window_wait_s += time.perf_counter() - began_s
            yield batch

    def validation(self, step: int, val_loss: float, n_targets: int) -> None:
        self._show(val_loss=f"{val_loss:.3f}")
        self.pending.append({"step": step, "val_loss": val_loss, "n_targets": n_targets})

    def epoch(self, step: int, epoch: int, token_accuracy: float) -> None:
        self.pending.append({"step": step, "epoch": epoch, "token_accuracy": token_accuracy})

    def event(self, event: str, **values: Any) -> None:
        """Something that is no measurement: a step that was skipped, a micro-batch too large for the memory."""
        self.pending.append({"event": event, **values})

    def flush(self) -> None:
        """Write what is pending, in one piece."""
        self._file.write("".join(json.dumps(record, allow_nan=False) + "\n" for record in self.pending))
        self._file.flush()
        for record in self.pending:
            if "event" in record:
                continue
            numbers = {name: value for name, value in record.items() if name != "step"}
            for logger in self._loggers:
                logger.log_metrics(numbers, step=record.get("step", 0))
        self.pending = []

    def close(self) -> None:
        self.flush()
        self._bar.close()
        self._file.close()
        for logger in self._loggers:
            logger.finalize("success")

    def _show(self, **values: str) -> None:
        self._shown.update(values)
        self._bar.set_postfix(self._shown, refresh=False)


def _cut_torn_line(path: Path) -> None:
    """Remove what a kill left of a half-written last line."""
    if not path.exists():
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        with open(path, "r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)


def time_used(out_dir: Path, progress: Progress) -> float:
    """Seconds that a run has had: those of its state, or of steps after it that a kill took away."""
    _cut_torn_line(out_dir / METRICS)
    records = read_metrics(out_dir) if (out_dir / METRICS).exists() else []
    journaled = [record["elapsed_s"] for record in records if "elapsed_s" in record]
    return max([progress.elapsed_s, *journaled])


def read_metrics(out_dir: Path) -> list[Record]:
    """The journal's records, oldest first."""
    lines = (out_dir / METRICS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
