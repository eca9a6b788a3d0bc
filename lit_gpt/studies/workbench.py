"""The steps that studies are made of, each done once: a world, a training on it, an evaluation, under `out_dir`.

Whatever lies there from an earlier, interrupted study is found by its manifest and not done again.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources.world import source, write_labels
from lit_gpt.evaluation.runner import evaluate
from lit_gpt.evaluation.settings import EvaluationSettings, Method
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.methods import Lora
from lit_gpt.training.run import finetune
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings

PROMPT_STYLE = "chat"
MAX_SEQ_LENGTH = 256  # no row of the world is longer
MAX_NEW_TOKENS = 96  # nor any right answer


@dataclass(frozen=True)
class Workbench:
    """Where a study works, and how it finetunes."""

    out_dir: Path
    checkpoint_dir: Path
    schedule: ScheduleSettings
    lora: LoraSettings

    def world(self, name: str, seed: int, **options: Any) -> Path:
        """A prepared world with its labels beside it; `options` are those of the source."""
        data = DataSettings(destination_path=self.out_dir / "data" / name, seed=seed)
        data_dir = prepare_examples(source(**options), data)
        write_labels(data_dir, data, **options)
        return data_dir

    def train(self, name: str, data_dir: Path, seed: int) -> Path:
        """A LoRA run; its directory."""
        run = RunSettings(
            checkpoint_dir=self.checkpoint_dir,
            data_dir=data_dir,
            out_dir=self.out_dir / "runs" / name,
            seed=seed,
            max_seq_length=MAX_SEQ_LENGTH,
            prompt_style=PROMPT_STYLE,
        )
        return finetune(Lora(self.lora), run, self.schedule, JournalSettings(eval_rows=400))

    def evaluate(self, name: str, data_dir: Path, adapter_dir: Path | None = None, method: Method = "model") -> Path:
        """Exact match on the world's tests; the evaluation's directory."""
        settings = EvaluationSettings(
            checkpoint_dir=self.checkpoint_dir if method == "model" else None,
            adapter_dir=adapter_dir,
            data_dir=data_dir,
            method=method,
            out_dir=self.out_dir / "evaluations" / name,
            max_new_tokens=MAX_NEW_TOKENS,
            prompt_style=PROMPT_STYLE if method == "model" else None,
        )
        return evaluate(settings)
