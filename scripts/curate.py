"""Choose which rows of a prepared set to finetune on, by a recipe.

    python scripts/curate.py --data_dir data/dolly --recipe longest --size 1000

Writes a prepared set of its own, by default data/dolly-longest: the rows that stay, and in rejects.jsonl and
dropped.parquet those that do not, each with its reason and the evidence. report.html in it shows what happened.
scripts/list_recipes.py names the recipes.
"""

from dataclasses import replace
from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.discovery import only_checkpoint
from lit_gpt.training.warm_up import WarmUpSettings

RECIPES = Path(__file__).resolve().parents[1] / "configs" / "curate"


def main(settings: CurateSettings, judge: JudgeSettings, warm_up: WarmUpSettings) -> Path | None:
    from lit_gpt.curation.judging.judge import DryRun
    from lit_gpt.curation.recipes import find_recipe, read_recipe
    from lit_gpt.curation.run import asks_for_checkpoint, curate, refuse_unused_flags

    recipe = read_recipe(find_recipe(settings.recipe, RECIPES))
    refuse_unused_flags(settings, recipe, warm_up.changed)
    if settings.checkpoint_dir is None and asks_for_checkpoint(settings, recipe):
        settings = replace(settings, checkpoint_dir=only_checkpoint())
    try:
        return curate(settings, recipe, judge, warm_up.finetune(settings.checkpoint_dir, settings.prompt_style))
    except DryRun as plan:
        print(plan)
        return None


if __name__ == "__main__":
    # a list takes one more value with a plus: so each --given adds one
    run_command(main, aliases={"given": "given+", "against": "against+"})
