"""Epochs times rows at equal steps: is a set of a quarter, seen four times as often, as good?

Every size sees as many rows in all, in as many optimizer steps, with the same rates; only how often a row comes back
differs. arXiv 2602.11149 found few rows and many epochs far ahead on long reasoning; LIMA trains fifteen epochs of a
thousand. Measured on the instruction world, by exact match on tests of trained kinds, from the weights after the last
step. With --plateau a run ends where the share of training tokens predicted right stands still, and the steps it took
are told: how many repetitions were worth their time.
"""

from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from lit_gpt.checkpoint import checkpoint_hashes
from lit_gpt.data.store import read_examples
from lit_gpt.data.subset import write_subset
from lit_gpt.data.world.row import TRAINED_KINDS
from lit_gpt.evaluation.results import read_judged
from lit_gpt.files import write_json
from lit_gpt.manifest import Manifest
from lit_gpt.seeds import derive_seed
from lit_gpt.studies.epochs_settings import EpochsSettings
from lit_gpt.studies.workbench import Workbench
from lit_gpt.training.journal import read_metrics
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings

KIND, RESULTS = "study", "results.json"
LAST_STEPS = 8  # of which the training loss is the mean


def study_epochs(study: EpochsSettings, schedule: ScheduleSettings, lora: LoraSettings) -> Path:
    """Measure every size on every seed; the directory that holds results.json."""
    rows = [_size(study, schedule, lora, n_rows) for n_rows in sorted(study.n_rows)]
    settings = {**asdict(schedule), **asdict(lora)}
    write_json(study.out_dir / RESULTS, {"n_seen": max(study.n_rows), "sizes": rows, "settings": settings})
    made = Manifest(KIND, checkpoint_hashes(study.checkpoint_dir), settings=settings)
    made.write(study.out_dir, [RESULTS])
    return study.out_dir


def _size(study: EpochsSettings, schedule: ScheduleSettings, lora: LoraSettings, n_rows: int) -> dict[str, Any]:
    n_epochs = max(study.n_rows) // n_rows
    n_steps = max(study.n_rows) // schedule.batch_size
    bench = Workbench(study.out_dir, study.checkpoint_dir, replace(schedule, epochs=None, max_steps=n_steps), lora)
    found = [_one(bench, study, n_rows, seed) for seed in range(study.n_seeds)]
    means = {name: float(np.mean([numbers[name] for numbers in found])) for name in found[0]}
    return {"n_rows": n_rows, "n_epochs": n_epochs, "n_steps_planned": n_steps, **means, "by_seed": found}


def _one(bench: Workbench, study: EpochsSettings, n_rows: int, seed: int) -> dict[str, float]:
    """Exact match on tests of trained kinds; the steps taken, the loss of the last of them, and on held-out rows."""
    name = f"world-{seed}"
    whole = bench.world(name, seed, n_rows=_enough(max(study.n_rows)), n_test=study.n_test)
    data_dir = _draw(bench, whole, f"{name}-{n_rows}", n_rows, seed)
    run_dir = bench.train(f"{name}-{n_rows}", data_dir, seed)
    judged = read_judged(bench.evaluate(f"{name}-{n_rows}", whole, run_dir / "final")).values()
    right = [item.is_correct for item in judged if item.group == TRAINED_KINDS]
    records = read_metrics(run_dir)
    losses = [record["train_loss"] for record in records if "train_loss" in record]
    val_losses = [record["val_loss"] for record in records if "val_loss" in record]
    accuracies = [record["token_accuracy"] for record in records if "token_accuracy" in record]
    return {
        "exact_match": float(np.mean(right)),
        "n_steps": len(losses),
        "train_loss": float(np.mean(losses[-LAST_STEPS:])),
        "val_loss": val_losses[-1],
        **({"token_accuracy": accuracies[-1]} if accuracies else {}),
    }


def _enough(n_rows: int) -> int:
    """Rows of a world whose training split surely holds so many: a tenth, of a small one more, is for validation."""
    return n_rows * 5 // 4 + 20


def _draw(bench: Workbench, whole: Path, name: str, n_rows: int, seed: int) -> Path:
    """So many rows of the world's training split, a smaller draw within every larger one."""
    ids = sorted(example.id for example in read_examples(whole))
    Random(derive_seed(seed, "draw")).shuffle(ids)  # noqa: S311 (no secret is drawn)
    assert len(ids) >= n_rows, f"{whole} has {len(ids)} training rows"
    chosen = set(ids[:n_rows])
    return write_subset(
        whole,
        bench.out_dir / "data" / name,
        lambda example: None if example.id in chosen else {"reason": "not_drawn"},
        {"n_rows": n_rows, "draw_seed": seed},
    )
