"""Make the finetunes that InstructMining's rule is fitted to: many short ones, on samples of a pool of yours.

    python scripts/sample_finetunes.py --data_dir data/dolly --checkpoint_dir checkpoints/ORG/NAME --n_finetunes 40
    python scripts/fit_rule.py --table out/rule/dolly/finetunes.csv --penalty 1 --out out/rule/dolly/rule.json

finetunes.csv gets a line for each: the mean of every indicator over the rows it was trained on, and its loss on the
pool's validation rows. Run again after an interruption, or with a larger --n_finetunes, it goes on.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from lit_gpt.cli import run_command
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.discovery import only_checkpoint
from lit_gpt.errors import UserError
from lit_gpt.training.warm_up import WarmUpSettings

RECIPES = Path(__file__).resolve().parents[1] / "configs" / "curate"


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """What is sampled, how often, and how each sample is judged.

    Args:
        data_dir: the prepared set to sample from; the loss is that of its validation rows
        checkpoint_dir: the base that is finetuned, and that scores; the default is the only one under checkpoints/
        recipe: whose scores are the indicators: a name of configs/curate, or a YAML file of your own
        indicators: some of those scores; the default is all of them
        n_finetunes: how many, at least three more than there are indicators; the paper made 129
        n_rows: rows of a sample, fewer than half the pool's
        epochs: over a sample
        batch_size: rows of a step
        eval_rows: validation rows that are read after each finetune, always the same
        out_dir: where finetunes.csv goes; the default is out/rule/ and the name of the set
        seed: decides every draw; two seeds share no sample
        missing: what becomes of a row without a score: error stops, drop leaves it out
        prompt_style: how the model is asked; the default is the checkpoint's own
        given: NAME=FILE, a table in the place of the recipe's score NAME; give the flag once for each
        scores_dir: where scores are kept; the default is scores in the data set's folder
    """

    data_dir: Path
    checkpoint_dir: Path | None = None
    recipe: str = "instructmining-refit"
    indicators: list[str] = field(default_factory=list)
    n_finetunes: int = 24
    n_rows: int = 500
    epochs: int = 1
    batch_size: int = 8
    eval_rows: int = 400
    out_dir: Path | None = None
    seed: int = 0
    missing: Literal["error", "drop"] = "error"
    prompt_style: str | None = None
    given: list[str] = field(default_factory=list)
    scores_dir: Path | None = None

    def __post_init__(self) -> None:
        for flag in ("n_finetunes", "n_rows", "epochs", "batch_size", "eval_rows"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag} {getattr(self, flag)}", "a number above 0", f"correct --{flag}")
        _ = self.curation

    @property
    def curation(self) -> CurateSettings:
        """As indicators are computed."""
        names = ("data_dir", "recipe", "checkpoint_dir", "seed", "missing", "prompt_style", "given", "scores_dir")
        return CurateSettings(**{name: getattr(self, name) for name in names})


def main(settings: SampleSettings, warm_up: WarmUpSettings) -> Path:
    from lit_gpt.curation.bench import Bench
    from lit_gpt.curation.models import model_identity
    from lit_gpt.curation.recipes import find_recipe, read_recipe
    from lit_gpt.curation.rows import Pool
    from lit_gpt.curation.rule_finetunes import Sampling, indicator_names, sample_finetunes
    from lit_gpt.curation.run import scorers_of

    settings = replace(settings, checkpoint_dir=settings.checkpoint_dir or only_checkpoint())
    recipe = read_recipe(find_recipe(settings.recipe, RECIPES))
    names = indicator_names(recipe, settings.indicators)
    if settings.n_finetunes < len(names) + 3:  # a rule of so many, one finetune left out, one degree of freedom
        got = f"--n_finetunes {settings.n_finetunes} for {len(names)} indicators"
        raise UserError(got, f"at least {len(names) + 3}", "raise --n_finetunes, or name fewer --indicators")
    pool = Pool.of(settings.data_dir)
    bench = Bench(settings.curation, len(pool.ids), scorers_of(recipe, settings.curation), recipe.embedders)
    finetune = warm_up.finetune(settings.checkpoint_dir, settings.prompt_style)
    held_out = (settings.data_dir, "validation", settings.eval_rows)
    length = {"epochs": settings.epochs, "batch_size": settings.batch_size}

    def train(data_dir: Path, run_dir: Path, seed: int) -> Path:
        return finetune(data_dir, run_dir, settings.epochs, settings.batch_size, seed)

    sampling = Sampling(settings.n_finetunes, settings.n_rows, held_out, settings.seed)
    out_dir = settings.out_dir or Path("out") / "rule" / settings.data_dir.name
    how = {**finetune.identity, **length, **model_identity(bench)}
    return sample_finetunes(bench, pool.rows, names, sampling, train, out_dir, **how)


if __name__ == "__main__":
    run_command(main, aliases={"given": "given+"})
