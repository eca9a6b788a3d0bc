"""Small runs for tests, in this process or in one of their own that may be killed."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from lit_gpt.cli import exit_code_of
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings

# one process with everything imported, from which the others are forked
SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["lit_gpt.training.run", "lit_gpt.training.methods"])


@dataclass(frozen=True)
class Job:
    """A small run: 40 steps, several micro-batches to a step, dropout on."""

    checkpoint_dir: Path
    data_dir: Path
    out_dir: Path
    method: str = "lora"
    resume: str = "auto"
    save_every: int = 4
    max_steps: int = 40
    learning_rate: float = 3e-3
    lora_targets: str = "q,v,o,mlp"
    lora_dropout: float = 0.2

    def run(self, machine: Any = None, **changes: Any) -> Path:
        """changes: of any setting, by its flag's name."""
        import torch

        from lit_gpt.training.machine import Machine
        from lit_gpt.training.methods import Full, Lora
        from lit_gpt.training.run import finetune

        torch.set_num_threads(1)
        lora = Lora(LoraSettings(lora_targets=self.lora_targets, lora_dropout=self.lora_dropout, **self._lima_lora))
        run = RunSettings(self.checkpoint_dir, self.data_dir, self.out_dir, resume=self.resume, device="cpu")
        schedule = ScheduleSettings(
            max_steps=self.max_steps, batch_size=8, micro_batch_size=2, learning_rate=self.learning_rate
        )
        journal = JournalSettings(eval_every=5, save_every=self.save_every)
        if self.method == "lima":
            schedule = replace(schedule, residual_dropout=0.3, plateau=1e-6, decay="linear", min_learning_rate=3e-4)
            journal = replace(journal, keep_epochs="1-2")
        groups = [_changed(group, changes) for group in (lora.settings, run, schedule, journal)]
        method = Full() if self.method == "full" else Lora(groups[0])
        return finetune(method, *groups[1:], machine=machine or Machine())

    @property
    def _lima_lora(self) -> dict[str, Any]:
        return {"lora_tokens": ["</s>"]} if self.method == "lima" else {}

    def start(self) -> ForkServerProcess:
        """Run in a process of its own, which exits with the command line's code."""
        process = SERVER.Process(target=_exit_with_code, args=(self.run,))
        process.start()
        return process


def _changed(settings: Any, changes: dict[str, Any]) -> Any:
    """The settings with those of the changes that are theirs."""
    return replace(settings, **{name: value for name, value in changes.items() if hasattr(settings, name)})


def _exit_with_code(run: Callable[[], Any]) -> None:
    sys.exit(exit_code_of(run))
