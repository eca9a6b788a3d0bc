"""Short finetunes on samples of a pool, for fitting InstructMining's rule: what its table has a line for.

Each sample is drawn from the half of the rows that lies on one side of one indicator, indicators and sides taking
turns, so that samples differ in their means: samples of all rows would hardly differ. The loss is that of sound rows
which no sample holds: the mean over rows of the mean NLL of their answers.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.indicators.likelihoods import Reader, likelihoods
from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.scorers import Fitted
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.data.store import read_examples
from lit_gpt.data.subset import write_subset
from lit_gpt.loading import load
from lit_gpt.progress import watched
from lit_gpt.prompt_styles import find_style
from lit_gpt.seeds import derive_seed
from lit_gpt.studies.workbench import Workbench

SAMPLE_SHARE = 0.5  # of the half that it is drawn from


def indicator_names(recipe: Recipe) -> list[str]:
    """The scores that a fitted rule may be made of: all that the recipe names but the rule itself."""
    named = recipe.settings.get("scores") or {}
    return [name for name in named if not isinstance(recipe.scorers[name], Fitted)]


def sampled_finetunes(
    settings: CurateSettings, recipe: Recipe, bench: Workbench, eval_dir: Path, n_finetunes: int
) -> Iterator[dict[str, float]]:
    """For each finetune the mean of every indicator over its rows, and its `loss` on the rows of eval_dir."""
    pool = Pool.of(settings.data_dir)
    scores_of = Bench(settings, len(pool.ids), recipe.scorers, recipe.embedders)
    names = indicator_names(recipe)
    scores_NK = np.column_stack([scores_of.scores(name, pool.rows) for name in names])
    whole = np.flatnonzero(np.isfinite(scores_NK).all(axis=1))
    for number in watched(range(n_finetunes), "finetuning on samples", "run", n_finetunes):
        places = whole[sample(scores_NK[whole], number)]
        loss = _loss(settings, bench, [pool.ids[place] for place in places], eval_dir, number)
        yield {**dict(zip(names, scores_NK[places].mean(axis=0).tolist(), strict=True)), "loss": loss}


def sample(scores_NK: np.ndarray, number: int) -> np.ndarray:
    """The places of the rows of a sample."""
    n_rows, n_indicators = scores_NK.shape
    order = np.argsort(scores_NK[:, number % n_indicators], kind="stable")
    half = order[: n_rows // 2] if number // n_indicators % 2 else order[n_rows // 2 :]
    draw = np.random.default_rng(derive_seed("sample", number))
    return np.sort(draw.choice(half, size=int(SAMPLE_SHARE * len(half)), replace=False))


def _loss(settings: CurateSettings, bench: Workbench, ids: Sequence[str], eval_dir: Path, number: int) -> float:
    chosen, name = set(ids), f"sample-{number:03}"
    data_dir = bench.out_dir / "samples" / name
    if not data_dir.is_dir():
        write_subset(
            settings.data_dir, data_dir, lambda e: None if e.id in chosen else {"reason": "not_sampled"}, {"name": name}
        )
    run_dir = bench.train(name, data_dir, number)
    model, tokenizer = load(bench.checkpoint_dir, run_dir / "final")
    reader = Reader(model, tokenizer, find_style(settings.prompt_style, bench.checkpoint_dir))
    losses = [row.given for _, row in likelihoods(read_examples(eval_dir), reader, alone=False)]
    return float(np.nanmean(losses))
