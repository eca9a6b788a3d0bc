"""What the training loop works on: everything it touches, in one place."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from lit_gpt.tokens.loader import Order
from lit_gpt.tokens.store import TokenRows
from lit_gpt.training.budget import Budget
from lit_gpt.training.energy import EnergyCount
from lit_gpt.training.epochs import has_plateaued
from lit_gpt.training.fabric import Fabric
from lit_gpt.training.journal import Journal
from lit_gpt.training.machine import Machine
from lit_gpt.training.resume import Progress
from lit_gpt.training.schedule import Schedule
from lit_gpt.training.stop_request import StopRequest


@dataclass
class Run:
    """Everything the loop touches. `validation_rows` is empty when there is nothing to validate on."""

    fabric: Fabric
    model: nn.Module
    optimizer: torch.optim.Optimizer
    train_tokens: TokenRows
    validation_tokens: TokenRows
    validation_rows: list[int]
    order: Order
    schedule: Schedule
    block_tokens: int
    micro_batch_size: int
    eval_every: int
    save_every: int
    log_every: int
    progress: Progress
    budget: Budget
    journal: Journal
    save: Callable[[], None]
    keep_best: Callable[[], None]
    keep_epoch: Callable[[int], None]
    report: Callable[[], None]
    name_rows: Callable[[str, list[int]], list[str]]
    machine: Machine = field(default_factory=Machine)
    energy: EnergyCount = field(default_factory=lambda: EnergyCount(None))
    stop: StopRequest = field(default_factory=StopRequest)

    @property
    def is_over(self) -> bool:
        is_out = self.budget.is_over or self.schedule.is_over(self.progress.step)
        return is_out or has_plateaued(self.progress.token_accuracy, self.schedule.settings.plateau)

    @property
    def blocks_at_once(self) -> int:
        """The micro-batch size, or what memory bears of it."""
        return min(self.micro_batch_size, self.progress.micro_batch_limit or self.micro_batch_size)
