"""How many steps there are, and the learning rate of each: pure functions.

The rate rises linearly over the warm-up and then falls from `learning_rate` to `min_learning_rate` along a
half cosine (Loshchilov and Hutter 2017, arXiv 1608.03983) or a line, over the true number of optimizer steps. The
first step's rate is above zero. With --max_time warm-up and decay
follow whichever is further on, the steps or the clock, which is the budget's: its end is that of training.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lit_gpt.training.settings import ScheduleSettings

WARMUP_SHARE = 0.1  # of the run, unless --warmup_steps says otherwise
MAX_WARMUP_STEPS = 100  # Lit-GPT's; a tenth of a long run would be a waste


@dataclass(frozen=True)
class Schedule:
    """total_steps is None when only the clock ends the run."""

    settings: ScheduleSettings
    steps_per_epoch: int

    @property
    def total_steps(self) -> int | None:
        """Optimizer steps of the run: the epochs or --max_steps, whichever is fewer."""
        limits = [self.settings.max_steps] if self.settings.max_steps else []
        if self.settings.max_epochs is not None:
            limits.append(self.settings.max_epochs * self.steps_per_epoch)
        return min(limits, default=None)

    def is_over(self, step: int) -> bool:
        """Whether the run ends after `step` completed steps; the clock's end: budget.py."""
        return self.total_steps is not None and step >= self.total_steps

    def _by_steps(self, step: int) -> float:
        return step / self.total_steps if self.total_steps else 0.0

    def _by_clock(self, elapsed_s: float) -> float:
        return elapsed_s / self.settings.max_time_s if self.settings.max_time_s else 0.0

    def done(self, step: int, elapsed_s: float) -> float:
        """The share of the run that lies behind, by steps or by the clock, from 0 to 1."""
        return min(1.0, max(self._by_steps(step), self._by_clock(elapsed_s)))

    @property
    def warmup_steps(self) -> int:
        """--warmup_steps, or a tenth of the run and at most MAX_WARMUP_STEPS."""
        if self.settings.warmup_steps is not None:
            return self.settings.warmup_steps
        if self.total_steps is None:
            return MAX_WARMUP_STEPS
        return min(MAX_WARMUP_STEPS, math.ceil(WARMUP_SHARE * self.total_steps))

    def learning_rate(self, step: int, elapsed_s: float) -> float:
        """The rate of optimizer step `step` (from 0), begun after `elapsed_s` seconds."""
        peak, low = self.settings.learning_rate, self.settings.min_learning_rate
        by_clock = self._by_clock(elapsed_s)
        if step < self.warmup_steps and by_clock < WARMUP_SHARE:
            return peak * max((step + 1) / self.warmup_steps, by_clock / WARMUP_SHARE)
        start = self._by_steps(self.warmup_steps) if self.total_steps else WARMUP_SHARE
        share = (self.done(step, elapsed_s) - start) / (1 - start) if start < 1 else 1.0
        return low + (peak - low) * _decayed(self.settings.decay, max(share, 0.0))


def has_plateaued(accuracies: Sequence[float], plateau: float) -> bool:
    """Whether the last of these epochs brought less than `plateau`; a single one has nothing to be compared with."""
    return plateau > 0 and len(accuracies) > 1 and accuracies[-1] - accuracies[-2] < plateau


def _decayed(decay: str, share: float) -> float:
    if decay == "cosine":
        return (1 + math.cos(math.pi * share)) / 2
    return 1 - share if decay == "linear" else 1.0
