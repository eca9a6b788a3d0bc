"""Measure the embedded default again: before and after, baselines, clean against random, indicators.

    python benchmarks/embedded_default.py --config configs/finetune/quickstart.yaml

An hour on two CPU cores. Run again after an interruption, it goes on. Prints the directory that holds results.json.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.studies.embedded_settings import StudySettings
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings


def main(study: StudySettings, schedule: ScheduleSettings, lora: LoraSettings) -> Path:
    from lit_gpt.studies.embedded import study_embedded_default

    return study_embedded_default(study, schedule, lora)


if __name__ == "__main__":
    run_command(main)
