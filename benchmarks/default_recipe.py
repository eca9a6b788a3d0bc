"""Does the default recipe win blind? Against a random draw, and every recipe that runs without others' models.

    python benchmarks/default_recipe.py --config configs/finetune/quickstart.yaml --pool_seed 7

One pool of the final world: kinds of task and of defect that no other pool has, spoilt rows, a seed of its own. A seed
is to be used once: whoever has looked at what came out designs the next recipe for the next seed. Recipes that want a
target set get sound rows of another world, InstructMining a rule fitted to another pool.
Run again after an interruption, it goes on. Prints the folder with results.json and report.html.
"""

from dataclasses import dataclass, field
from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings
from lit_gpt.training.warm_up import ShortFinetune

RECIPES = Path(__file__).resolve().parents[1] / "configs" / "curate"
# InstructMining's rules, DEITA and MoDS as published read others' models; LIMA's rules leave no row of this world; more
# rows of what the base fails is a balanced draw, for it answers nothing; AlpaGasus, LIFT and Humpback have a judge,
# which a base of five million weights cannot be; mods-necessity-local wants a finetune of its own on mods-local's rows
RIVALS = (
    "deita-local",
    "facility-location",
    "ifd",
    "instructmining-refit",
    "less",
    "lift-variety",
    "mods-local",
    "qdit-local",
    "rds+",
    "selectit",
    "self-instruct-rules",
    "superfiltering",
)
TARGETS_SEED = 1_000


@dataclass(frozen=True)
class BlindSettings:
    """The measurement.

    Args:
        pool_seed: of the pool; use each once
        out_dir: where pool, runs, results.json and report.html go; what is there already is not done again
        checkpoint_dir: the base model
        recipes: what is measured beside the default
        baselines: beside the random draw
        n_rows: of the pool
        n_tests: test rows that every training answers
        n_targets: sound rows of another world, for recipes that take targets
        budget_tokens: of an epoch
        seeds: draws, each with a training
        rule: of InstructMining, fitted elsewhere; fitted now to short finetunes without it
        n_finetunes: that it is fitted to
    """

    pool_seed: int
    out_dir: Path = Path("out/default_recipe")
    checkpoint_dir: Path = Path("assets/tiny_base")
    recipes: list[str] = field(default_factory=lambda: list(RIVALS))
    baselines: list[str] = field(default_factory=lambda: ["random", "longest", "balanced", "full"])
    n_rows: int = 6_000
    n_tests: int = 400
    n_targets: int = 200
    budget_tokens: int = 24_000
    seeds: int = 5
    rule: Path | None = None
    n_finetunes: int = 10


def main(study: BlindSettings, schedule: ScheduleSettings, lora: LoraSettings) -> Path:
    from lit_gpt.curation.recipes import find_recipe, read_recipe
    from lit_gpt.proof.candidates import Choices
    from lit_gpt.proof.compare import Comparison
    from lit_gpt.proof.settings import ComparisonSettings
    from lit_gpt.proof.trials import Trials
    from lit_gpt.studies.workbench import MAX_NEW_TOKENS, MAX_SEQ_LENGTH, PROMPT_STYLE, Workbench

    short = ScheduleSettings(epochs=1, batch_size=16, learning_rate=schedule.learning_rate)
    bench = Workbench(study.out_dir, study.checkpoint_dir, short, lora)
    pool = bench.world("pool", study.pool_seed, n_rows=study.n_rows, n_test=study.n_tests, defects=True, final=True)
    comparison = ComparisonSettings(
        pool=pool,
        recipes=["default", *study.recipes],
        baselines=study.baselines,
        budget_tokens=study.budget_tokens,
        seeds=study.seeds,
        steps=25,
        checkpoint_dir=study.checkpoint_dir,
        out_dir=study.out_dir,
        prompt_style=PROMPT_STYLE,
        max_seq_length=MAX_SEQ_LENGTH,
        given=_given(study),
        target_dir=bench.world("targets", TARGETS_SEED, n_rows=study.n_targets, n_test=1),
        n_items=study.n_tests,
        n_loss_rows=100,
        max_new_tokens=MAX_NEW_TOKENS,
    )
    choices = Choices(
        comparison,
        lambda name: read_recipe(find_recipe(name, RECIPES)),
        finetune=ShortFinetune(study.checkpoint_dir, PROMPT_STYLE, schedule, lora),
    )
    return Comparison(choices, Trials(comparison, schedule, lora)).run()


def _given(study: BlindSettings) -> list[str]:
    """What recipes ask for: a rule fitted to another pool."""
    from lit_gpt.studies.curation_inputs import Inputs
    from lit_gpt.studies.curation_recall_settings import RecallSettings

    if "instructmining-refit" not in study.recipes:
        if study.rule:
            raise UserError(f"--rule {study.rule}", "instructmining-refit among --recipes", "leave --rule out")
        return []
    elsewhere = RecallSettings(study.out_dir / "rule", study.checkpoint_dir, RECIPES, n_finetunes=study.n_finetunes)
    return [f"rule={study.rule or Inputs.of(elsewhere).rule}"]


if __name__ == "__main__":
    run_command(main)
