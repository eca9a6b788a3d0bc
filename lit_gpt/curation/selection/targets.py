"""Choosing rows like those of a target set: RDS+ and LESS.

    rds_plus   cosine of position-weighted last states; a candidate's score for a task is its highest with any of the
               task's rows; tasks take turns, each taking its best row left (Ivison et al. 2025, arXiv 2503.01807)
    influences (LESS)
               the sum over checkpoints of learning rate * <candidate, target>, gradient features of length 1; mean over
               a task's rows, highest over tasks (Xia et al. 2024, arXiv 2402.04333; princeton-nlp/LESS)

`tasks_Q` names each target row's task; with a name for every row, the rows themselves take turns.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.indicators.embeddings import Vectors, unit
from lit_gpt.curation.indicators.scores import Missing, Score
from lit_gpt.curation.selection.order import Values, check_size

BLOCK = 8_192


@dataclass(frozen=True)
class Checkpoint:
    """Features of candidates and targets at one point of the warm-up, and the mean learning rate around it."""

    learning_rate: float
    candidates_ND: Vectors
    targets_QD: Vectors


def rds_plus(candidates_ND: Vectors, targets_QD: Vectors, tasks_Q: Sequence[str], k: int) -> list[int]:
    """k places; tasks take turns in the order in which they first appear."""
    check_size(k, len(candidates_ND))
    _check_tasks(targets_QD, tasks_Q)
    scores_TN = _by_task(_products(unit(candidates_ND), unit(targets_QD)), tasks_Q, np.max)
    orders = [iter(np.argsort(-row, kind="stable").tolist()) for row in scores_TN]
    chosen: dict[int, None] = {}
    while len(chosen) < k:
        for order in orders:
            if len(chosen) < k:
                chosen[next(place for place in order if place not in chosen)] = None
    return list(chosen)


def influences(checkpoints: Sequence[Checkpoint], tasks_Q: Sequence[str]) -> Values:
    """On the task that each row helps most, (N,). Learning rates count relative to their sum."""
    total = sum(checkpoint.learning_rate for checkpoint in checkpoints)
    influence_NQ = np.zeros((len(checkpoints[0].candidates_ND), len(tasks_Q)))
    for checkpoint in checkpoints:
        _check_tasks(checkpoint.targets_QD, tasks_Q)
        products_NQ = _products(checkpoint.candidates_ND, checkpoint.targets_QD)
        influence_NQ += checkpoint.learning_rate / total * products_NQ
    return _by_task(influence_NQ, tasks_Q, np.mean).max(0)


def influence_scores(
    features: Iterable[tuple[str, Vectors | Missing]], targets_QD: Vectors, tasks_Q: Sequence[str]
) -> Iterator[Score]:
    """The influence of each row at one checkpoint; Missing for a row without a gradient."""
    for id, feature_D in features:
        if isinstance(feature_D, Missing):
            yield id, feature_D
        else:
            yield id, float(influences([Checkpoint(1.0, feature_D[None], targets_QD)], tasks_Q)[0])


def _products(candidates_ND: Vectors, targets_QD: Vectors) -> NDArray[np.float64]:
    """Every candidate with every target, a block of candidates in memory at a time."""
    starts = range(0, len(candidates_ND), BLOCK)
    targets_DQ = np.asarray(targets_QD, np.float64).T
    return np.concatenate([np.asarray(candidates_ND[s : s + BLOCK], np.float64) @ targets_DQ for s in starts])


def _by_task(values_NQ: NDArray[np.float64], tasks_Q: Sequence[str], of: Callable[..., Values]) -> Values:
    """One number a task and candidate, (T, N)."""
    names = list(dict.fromkeys(tasks_Q))
    return np.stack([of(values_NQ[:, [task == name for task in tasks_Q]], axis=1) for name in names])


def _check_tasks(targets_QD: Vectors, tasks_Q: Sequence[str]) -> None:
    if not len(targets_QD) or len(targets_QD) != len(tasks_Q):
        raise ValueError(f"{len(tasks_Q)} tasks for {len(targets_QD)} target rows")
