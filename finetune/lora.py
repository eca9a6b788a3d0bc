"""Finetune a base model with LoRA on a prepared data set.

    python finetune/lora.py --checkpoint_dir checkpoints/ORG/NAME --data_dir data/lima

Run again after an interruption, it goes on where it stopped. Prints the run's directory; `best/` in it is a PEFT
adapter.
"""

from pathlib import Path

from lit_gpt.cli import BEGAN_S, run_command
from lit_gpt.discovery import with_found_paths
from lit_gpt.training.budget_settings import BudgetSettings
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings


def main(
    run: RunSettings, schedule: ScheduleSettings, lora: LoraSettings, journal: JournalSettings, budget: BudgetSettings
) -> Path | None:
    from lit_gpt.training.machine import Machine
    from lit_gpt.training.methods import Lora
    from lit_gpt.training.run import finetune_or_foretell

    return finetune_or_foretell(Lora(lora), with_found_paths(run), schedule, journal, budget, Machine(began_s=BEGAN_S))


if __name__ == "__main__":
    run_command(main, aliases={"override_max_seq_length": "max_seq_length"})
