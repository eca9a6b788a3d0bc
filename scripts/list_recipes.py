"""List the curation recipes, or print one recipe's card.

python scripts/list_recipes.py
python scripts/list_recipes.py --recipe superfiltering
"""

from dataclasses import dataclass
from pathlib import Path

from lit_gpt.cli import run_command

RECIPES = Path(__file__).resolve().parents[1] / "configs" / "curate"


@dataclass(frozen=True)
class ListSettings:
    """What is listed.

    Args:
        recipe: print the card of this one, or of a YAML file of your own
    """

    recipe: str | None = None


def main(settings: ListSettings) -> None:
    from lit_gpt.curation.recipes import card_in_words, find_recipe, read_recipe, recipe_names

    if settings.recipe is not None:
        print(card_in_words(read_recipe(find_recipe(settings.recipe, RECIPES))))
        return
    for name in recipe_names(RECIPES):
        print(f"{name:<22} {read_recipe(RECIPES / f'{name}.yaml').card.title}")


if __name__ == "__main__":
    run_command(main)
