"""What the training loop works on: everything it touches, in one place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import nn

from lit_gpt.tokens.loader import Order
from lit_gpt.tokens.store import TokenRows
from lit_gpt.training.budget import Budget
from lit_gpt.training.energy import EnergyCount
from lit_gpt.training.fabric import Fabric
from lit_gpt.training.journal import Journal
from lit_gpt.training.machine import Machine
from lit_gpt.training.resume import Progress
from lit_gpt.training.schedule import Schedule, has_plateaued
from lit_gpt.training.stop_request import StopRequest


class Files(Protocol):
    """What a run leaves behind: run_files.py; a simulation's take time alone."""

    def save(self) -> None:
        """A state to go on from."""

    def keep_best(self) -> None:
        """best/, of the weights as they are."""

    def keep_epoch(self, epoch: int) -> None:
        """The weights after this epoch, counted from 1."""

    def keep_final(self) -> None:
        """final/."""

    def mark_finished(self) -> None:
        """That all of it is there."""

    def report(self) -> None:
        """The page about the run so far."""


@dataclass
class Run:
    """Everything the loop touches. `validation_rows` is empty when there is nothing to validate on; kept_epochs, from
    1, are those whose weights are kept."""

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
    files: Files
    kept_epochs: range
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
