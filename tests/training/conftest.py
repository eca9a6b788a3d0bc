"""A small prepared data set to train on, and runs in processes that may be killed."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from lit_gpt.cli import exit_code_of
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import toy, user_file
from lit_gpt.tokens.prepare import prepare
from lit_gpt.tokens.settings import TokenSettings
from lit_gpt.training.settings import JournalSettings, LoraSettings, RunSettings, ScheduleSettings

# one process with everything imported, from which the others are forked
SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["lit_gpt.training.run", "lit_gpt.training.methods"])


@pytest.fixture(scope="session")
def toy_set(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    with open(folder / "toy.jsonl", "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in toy.rows(120, seed=5))
    settings = DataSettings(source=str(folder / "toy.jsonl"), destination_path=folder / "toy")
    return prepare(user_file.source(), settings, TokenSettings(tiny_base, max_seq_length=128))


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

    def run(self) -> Path:
        import torch

        from lit_gpt.training.methods import Full, Lora
        from lit_gpt.training.run import finetune

        torch.set_num_threads(1)
        lora = Lora(LoraSettings(lora_targets=self.lora_targets, lora_dropout=0.2))
        run = RunSettings(self.checkpoint_dir, self.data_dir, self.out_dir, resume=self.resume, device="cpu")
        schedule = ScheduleSettings(
            max_steps=self.max_steps, batch_size=8, micro_batch_size=2, learning_rate=self.learning_rate
        )
        journal = JournalSettings(eval_every=5, save_every=self.save_every)
        return finetune(lora if self.method == "lora" else Full(), run, schedule, journal)

    def start(self) -> ForkServerProcess:
        """Run in a process of its own, which exits with the command line's code."""
        process = SERVER.Process(target=_exit_with_code, args=(self.run,))
        process.start()
        return process


def _exit_with_code(run: Callable[[], Any]) -> None:
    sys.exit(exit_code_of(run))


@pytest.fixture
def job(tiny_base: Path, toy_set: Path, tmp_path: Path) -> Job:
    return Job(tiny_base, toy_set, tmp_path / "run")
