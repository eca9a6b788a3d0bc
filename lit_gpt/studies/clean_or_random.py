"""What a pool's defects cost: finetuning on its sound rows against a random draw of as many tokens.

Sound rows are known from the labels, so this is the most that curation could gain on this pool, and a floor under
every claim that it matters. Both draws come from the same pool in the same random order, train equally long in epochs
and are validated on the same rows; the weights after the last step are compared, so that no validation set chooses.
"""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from lit_gpt.data.store import read_examples
from lit_gpt.data.subset import write_subset
from lit_gpt.data.world.row import TRAINED_KINDS
from lit_gpt.errors import UserError
from lit_gpt.evaluation.labels import read_defects
from lit_gpt.evaluation.resampling import hierarchical_interval, seed_interval
from lit_gpt.evaluation.results import read_judged
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.seeds import derive_seed
from lit_gpt.studies.embedded_settings import StudySettings
from lit_gpt.studies.workbench import PROMPT_STYLE, Workbench
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_examples

CLEAN, RANDOM = "clean", "random"


def clean_or_random(bench: Workbench, study: StudySettings) -> dict[str, Any]:
    """Train on both draws from each seed's pool; the difference in exact match on the trained kinds' tests."""
    scores = {
        draw: np.array([_score(bench, study, draw, seed) for seed in range(study.n_pool_seeds)])
        for draw in (CLEAN, RANDOM)
    }
    difference_SN = scores[CLEAN] - scores[RANDOM]
    by_items = hierarchical_interval(difference_SN)
    by_seeds = seed_interval(list(difference_SN.mean(axis=1)))
    return {
        "n_seeds": study.n_pool_seeds,
        "n_tokens": study.n_tokens,
        "n_items": difference_SN.shape[1],
        **{draw: list(values.mean(axis=1)) for draw, values in scores.items()},
        "difference": by_items.value,
        "difference_interval": [by_items.low, by_items.high],
        "difference_interval_student_t": [by_seeds.low, by_seeds.high],
    }


def _score(bench: Workbench, study: StudySettings, draw: str, seed: int) -> list[float]:
    """Which of the trained kinds' tests are answered right after training on this draw."""
    pool_dir = bench.world(f"pool-{seed}", seed, n_rows=study.n_pool_rows, n_test=study.n_test, defects=True)
    name = f"pool-{seed}-{draw}"
    data_dir = _draw(bench, pool_dir, name, study.n_tokens, seed, is_clean=draw == CLEAN)
    run_dir = bench.train(name, data_dir, seed)
    judged = read_judged(bench.evaluate(name, pool_dir, run_dir / "final")).values()
    return [float(item.is_correct) for item in judged if item.group == TRAINED_KINDS]


def _draw(bench: Workbench, pool_dir: Path, name: str, n_tokens: int, seed: int, is_clean: bool) -> Path:
    """A subset of the pool with that many tokens."""
    lengths = row_lengths(pool_dir, bench.checkpoint_dir)
    defects = read_defects(pool_dir.with_name(f"{pool_dir.name}-labels"), "train")
    allowed = {id: length for id, length in lengths.items() if not (is_clean and defects[id])}
    chosen = draw_tokens(allowed, n_tokens, seed)
    return write_subset(
        pool_dir,
        bench.out_dir / "data" / name,
        lambda example: None if example.id in chosen else {"reason": "not_drawn"},
        {"drawn_from": "sound rows" if is_clean else "all rows", "n_tokens": n_tokens, "draw_seed": seed},
    )


def row_lengths(data_dir: Path, checkpoint_dir: Path) -> dict[str, int]:
    """Tokens of every training row, by id."""
    encoded = encode_examples(read_examples(data_dir), Tokenizer(checkpoint_dir), TEXT_STYLES[PROMPT_STYLE])
    return {example.id: len(row.ids) for example, row in encoded}


def draw_tokens(lengths: Mapping[str, int], n_tokens: int, seed: int) -> set[str]:
    """Rows in random order until they hold the tokens; UserError where all together do not."""
    if sum(lengths.values()) < n_tokens:
        got = f"{n_tokens} tokens to draw from rows that hold {sum(lengths.values())}"
        raise UserError(got, "fewer tokens, or more rows", "lower --n_tokens or raise --n_pool_rows")
    ids = sorted(lengths)
    Random(derive_seed(seed, "draw")).shuffle(ids)  # noqa: S311 (no secret is drawn)
    chosen, n_drawn = set(), 0
    for id in ids:
        if n_drawn >= n_tokens:
            break
        chosen.add(id)
        n_drawn += lengths[id]
    return chosen
