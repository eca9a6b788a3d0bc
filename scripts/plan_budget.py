"""Foretell what a finetuning would take on a card: memory, tokens, steps, time, disk, energy; and whether it fits.

    python scripts/plan_budget.py --checkpoint_dir checkpoints/ORG/NAME --card a100-40gb --budget_hours 24

On the machine found the largest micro-batch is computed once for real. Exit code 2, and what would fit, where it
does not. A checkpoint's config.json and tokenizer are enough for another card than the one found.
"""

from dataclasses import dataclass
from typing import Literal

from lit_gpt.cli import run_command
from lit_gpt.discovery import with_found_paths
from lit_gpt.training.adapter_settings import AdapterSettings
from lit_gpt.training.budget_settings import BudgetSettings, CardName
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings


@dataclass(frozen=True)
class PlanSettings:
    """What is planned where.

    Args:
        method: how to finetune
        card: the machine found, or a card that need not be here
        trial: on the machine found, compute the largest micro-batch once
    """

    method: Literal["lora", "full", "adapter", "adapter_v2"] = "lora"
    card: CardName = "found"
    trial: bool = True


def main(
    plan: PlanSettings,
    run: RunSettings,
    schedule: ScheduleSettings,
    lora: LoraSettings,
    adapter: AdapterSettings,
    journal: JournalSettings,
    budget: BudgetSettings,
) -> None:
    from lit_gpt.training.dry_run import foretell
    from lit_gpt.training.methods import Adapter, AdapterV2, Full, Lora, Method

    methods: dict[str, Method] = {
        "lora": Lora(lora),
        "full": Full(),
        "adapter": Adapter(adapter),
        "adapter_v2": AdapterV2(adapter),
    }
    foretell(methods[plan.method], with_found_paths(run), schedule, journal, budget, plan.card, plan.trial)


if __name__ == "__main__":
    run_command(main, aliases={"override_max_seq_length": "max_seq_length"})
