"""MoDS (Du et al. 2023, arXiv 2311.15653): quality, then coverage, then what a model tuned on these still lacks.

    quality     rows whose answer's reward is above a threshold: > 0 in CASIA-LM/MoDS
    coverage    k-center greedy on the prompts of these: the seed rows; a model is finetuned on them
    necessity   rows of quality for which the *tuned model's own* answer has a reward below a threshold
    result      seed rows and necessary rows

The finetuning and the answers lie between `seed_rows` and `necessary_rows`; who calls has them.
"""

import numpy as np

from lit_gpt.curation.indicators.embeddings import Vectors
from lit_gpt.curation.selection.coverage import k_center
from lit_gpt.curation.selection.order import Values, beyond, checked

QUALITY_ABOVE = 0.0
NECESSARY_BELOW = 0.0


def seed_rows(
    rewards_N: Values, vectors_ND: Vectors, k: int, seed: int, quality_above: float = QUALITY_ABOVE
) -> list[int]:
    """k rows of quality that cover them all, in the order they were chosen; ValueError where fewer have quality."""
    good = beyond(rewards_N, quality_above, or_equal=False)
    if k > len(good):
        raise ValueError(f"{k} seed rows, but {len(good)} have a reward above {quality_above}")
    return [good[place] for place in k_center(np.asarray(vectors_ND[good]), k, seed)]


def necessary_rows(
    rewards_N: Values,
    answer_rewards_N: Values,
    quality_above: float = QUALITY_ABOVE,
    necessary_below: float = NECESSARY_BELOW,
) -> list[int]:
    """Rows of quality whose prompt the tuned model answers badly: `answer_rewards_N` are its answers' rewards."""
    is_needed_N = checked(answer_rewards_N) < necessary_below
    return [place for place in beyond(rewards_N, quality_above, or_equal=False) if is_needed_N[place]]


def mods(seeds: list[int], necessary: list[int]) -> list[int]:
    """Both, each row once, seeds first."""
    return list(dict.fromkeys([*seeds, *necessary]))
