"""Is a curated set better than a random one of the same cost?

    python eval/compare_datasets.py --pool data/world --recipes ifd lift-variety --budget_tokens 20000 --seeds 5

Trains every candidate at equal tokens and equal steps on several seeds, measures held-out loss and exact match on the
pool's own held-out rows, and says what differs from a random draw beyond chance. With --n_judged a judge compares
answers, too. Prints the folder with report.html. Run again after an interruption, it goes on.
"""

from dataclasses import replace
from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.discovery import only_checkpoint
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings
from lit_gpt.training.warm_up import ShortFinetune

RECIPES = Path(__file__).resolve().parents[1] / "configs" / "curate"


def main(
    comparison: ComparisonSettings, schedule: ScheduleSettings, lora: LoraSettings, judge: JudgeSettings
) -> Path | None:
    from lit_gpt.curation.recipes import find_recipe, read_recipe
    from lit_gpt.proof.candidates import Choices

    comparison = replace(comparison, checkpoint_dir=comparison.checkpoint_dir or only_checkpoint())
    choices = Choices(
        comparison,
        lambda name: read_recipe(find_recipe(name, RECIPES)),
        judge,
        finetune=ShortFinetune(comparison.checkpoint_dir, comparison.prompt_style, schedule, lora),
    )
    _ = choices.candidates  # what is misnamed should be told before torch is loaded
    from lit_gpt.proof.compare import Comparison
    from lit_gpt.proof.judged import plans
    from lit_gpt.proof.trials import Trials

    if judge.dry_run:
        print(*plans(choices), sep="\n")
        return None
    return Comparison(choices, Trials(comparison, schedule, lora)).run()


if __name__ == "__main__":
    run_command(main, aliases={"given": "given+"})
