"""How many tokens of a pool are worth training on?

    python eval/size_curve.py --pool data/world --recipes ifd --least_tokens 2000 --n_sizes 5 --seeds 3

Trains the recipe and a random draw at sizes evenly spaced by their logarithm, measures held-out loss and exact match,
and says where more tokens stop helping. --search_trials N looks for the best size by BlendSearch. Prints the folder
with report.html. Run again after an interruption, it goes on.
"""

from dataclasses import replace
from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.discovery import only_checkpoint
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.proof.size_settings import SizeSettings
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings

RECIPES = Path(__file__).resolve().parents[1] / "configs" / "curate"


def main(
    comparison: ComparisonSettings,
    sizes: SizeSettings,
    schedule: ScheduleSettings,
    lora: LoraSettings,
    judge: JudgeSettings,
) -> Path:
    from lit_gpt.curation.recipes import find_recipe, read_recipe
    from lit_gpt.proof.size_curve import SizeCurve

    comparison = replace(comparison, checkpoint_dir=comparison.checkpoint_dir or only_checkpoint())
    read = lambda name: read_recipe(find_recipe(name, RECIPES))  # noqa: E731
    return SizeCurve(comparison, sizes, schedule, lora, read, judge).run()


if __name__ == "__main__":
    run_command(main, aliases={"given": "given+"}, defaults={"out_dir": Path("out/size_curve"), "seeds": 3})
