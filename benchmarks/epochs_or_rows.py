"""Measure few rows many times against many rows once, at equal steps.

    python benchmarks/epochs_or_rows.py --config configs/finetune/quickstart.yaml

Half an hour on two CPU cores. Run again after an interruption, it goes on. With --plateau 0.01
runs end where nothing more is learnt. Prints the directory that holds results.json.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.studies.epochs_settings import EpochsSettings
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings


def main(study: EpochsSettings, schedule: ScheduleSettings, lora: LoraSettings) -> Path:
    from lit_gpt.studies.epochs_or_rows import study_epochs

    return study_epochs(study, schedule, lora)


if __name__ == "__main__":
    run_command(main)
