"""A finetuning short enough to be part of choosing rows: LoRA on a few of them, for scores that ask a warmed-up model.

Curation stands below training and may not call it; it is handed this (`Finetune` in curation/bench.py).
"""

from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings

EVAL_ROWS = 20  # nobody reads this loss; a run wants one
DECIDE_LENGTH = ("epochs", "max_steps", "steps_per_epoch", "batch_size")


@dataclass(frozen=True)
class ShortFinetune:
    """Trains as the run that rows are chosen for, but for its length and batch.

    checkpoint_dir: the base
    schedule, lora: the learning rate and the adapter are theirs
    """

    checkpoint_dir: Path | None
    prompt_style: str | None
    schedule: ScheduleSettings
    lora: LoraSettings

    @cached_property
    def identity(self) -> dict[str, Any]:
        schedule = {name: value for name, value in asdict(self.schedule).items() if name not in DECIDE_LENGTH}
        return {"schedule": schedule, "lora": asdict(self.lora)}

    def __call__(self, data_dir: Path, out_dir: Path, epochs: int, batch_size: int, seed: int) -> Path:
        """The adapter's directory."""
        from lit_gpt.training.methods import Lora
        from lit_gpt.training.run import finetune

        schedule = replace(
            self.schedule,
            epochs=epochs,
            max_steps=None,
            steps_per_epoch=None,
            batch_size=batch_size,
            micro_batch_size=min(batch_size, self.schedule.micro_batch_size),
        )
        run = RunSettings(
            checkpoint_dir=self.checkpoint_dir,
            data_dir=data_dir,
            out_dir=out_dir,
            seed=seed,
            prompt_style=self.prompt_style,
        )
        return finetune(Lora(self.lora), run, schedule, JournalSettings(eval_rows=EVAL_ROWS)) / "final"


@dataclass(frozen=True)
class WarmUpSettings:
    """Of recipes that warm a model up: as the run that the rows are for.

    Args:
        learning_rate: the highest rate
        lora_r: rank of the update
        lora_alpha: the update is scaled by lora_alpha / lora_r
        lora_targets: which linears get an update: any of q,k,v,o,mlp,head, with commas between
    """

    learning_rate: float = 3e-4
    lora_r: int = 16
    lora_alpha: float = 32.0
    lora_targets: str = "q,k,v,o,mlp"

    def __post_init__(self) -> None:
        _ = self.schedule, self.lora

    @property
    def changed(self) -> list[str]:
        """What was asked for: all that is not the default."""
        return [each.name for each in fields(self) if getattr(self, each.name) != each.default]

    @property
    def schedule(self) -> ScheduleSettings:
        return ScheduleSettings(learning_rate=self.learning_rate)

    @property
    def lora(self) -> LoraSettings:
        return LoraSettings(self.lora_r, self.lora_alpha, lora_dropout=0.0, lora_targets=self.lora_targets)

    def finetune(self, checkpoint_dir: Path | None, prompt_style: str | None) -> ShortFinetune:
        return ShortFinetune(checkpoint_dir, prompt_style, self.schedule, self.lora)
