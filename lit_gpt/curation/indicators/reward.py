"""`local-reward`: a small pairwise reward head on a model of ours, which stands in for a reward model.

A line through the model's last-layer states of the answers, read after their prompts: their mean beside the last
one. It is fitted to pairs of a better and a worse answer to the same prompt by the loss of Bradley and Terry,
-log sigmoid(r(better) - r(worse)), plus an L2 penalty (as in Ouyang et al. 2022, arXiv 2203.02155). There is no bias,
for only differences count: a threshold of 0, as MoDS has it, means nothing here; take a quantile. The loss is convex
and Newton's method in fp64 finds its one minimum, so the same pairs give the same head.
It is worth what its pairs and its model are worth; it is no published reward model and runs under no published rule.
Where the pairs come from is the caller's business, and that none of them is in the pool it scores.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from lit_gpt.curation.indicators.documents import Passes
from lit_gpt.curation.indicators.likelihoods import WINDOW_ROWS, Reader
from lit_gpt.curation.indicators.packed import hidden_chunks
from lit_gpt.curation.indicators.scores import Missing, Score
from lit_gpt.example import Example

PENALTY = 1.0  # times half the squared norm of the weights, on features of variance 1
MOST_STEPS = 50
SETTLED = 1e-10  # the largest change of a weight in the last step

Pair = tuple[Example, Example]  # the better, the worse


@dataclass(frozen=True)
class RewardHead:
    """reward = weights . (features / scales)"""

    weights_F: NDArray[np.float64]
    scales_F: NDArray[np.float64]

    def rewards(self, features_NF: NDArray[np.float64]) -> NDArray[np.float64]:
        return (features_NF / self.scales_F) @ self.weights_F

    def save(self, path: Path) -> None:
        save_file({"weights": self.weights_F, "scales": self.scales_F}, path)

    @classmethod
    def load(cls, path: Path) -> "RewardHead":
        tensors = load_file(path)
        return cls(tensors["weights"], tensors["scales"])


def reward_scores(examples: Iterable[Example], reader: Reader, head: RewardHead) -> Iterator[Score]:
    """The head's reward of each row; Missing as for likelihoods."""
    for id, features in answer_features(examples, reader):
        yield id, features if isinstance(features, Missing) else float(head.rewards(features[None])[0])


def train_reward_head(pairs: Iterable[Pair], reader: Reader) -> RewardHead:
    """Fit a head to pairs. ValueError for a pair that cannot be read, or no pair."""
    better, worse = zip(*pairs, strict=True)
    found = [[features for _, features in answer_features(side, reader)] for side in (better, worse)]
    if unread := [value.reason for side in found for value in side if isinstance(value, Missing)]:
        raise ValueError(f"{len(unread)} answers of the pairs cannot be read: {unread[0]}")
    return fit_reward_head(np.stack(found[0]), np.stack(found[1]))


def fit_reward_head(better_NF: NDArray[np.float64], worse_NF: NDArray[np.float64]) -> RewardHead:
    """The head of least penalised loss."""
    difference_NF = better_NF - worse_NF
    scales_F = difference_NF.std(0)
    scales_F[scales_F == 0] = 1
    x_NF = difference_NF / scales_F
    weights_F = np.zeros(x_NF.shape[1])
    for _ in range(MOST_STEPS):
        wins_N = 1 / (1 + np.exp(-np.clip(x_NF @ weights_F, -500, 500)))
        gradient_F = x_NF.T @ (wins_N - 1) + PENALTY * weights_F
        hessian_FF = (x_NF.T * (wins_N * (1 - wins_N))) @ x_NF + PENALTY * np.eye(len(weights_F))
        step_F = np.linalg.solve(hessian_FF, gradient_F)
        weights_F = weights_F - step_F
        if np.abs(step_F).max() < SETTLED:
            break
    return RewardHead(weights_F, scales_F)


@torch.inference_mode()
def answer_features(examples: Iterable[Example], reader: Reader) -> Iterator[tuple[str, NDArray[np.float64] | Missing]]:
    """The states of each row's answer tokens: their mean and the last one, side by side, features (2C,)."""
    rows = reader.passes(examples)
    while window := list(islice(rows, WINDOW_ROWS)):
        fits = [bool(row.given.places) and len(row.given.ids) <= reader.most_tokens for row in window]
        found = _features([row for row, is_one in zip(window, fits, strict=True) if is_one], reader)
        for row, is_one in zip(window, fits, strict=True):
            reason = "too_long" if row.given.places else "no_answer_tokens"
            yield row.id, next(found) if is_one else Missing(reason)


def _features(rows: list[Passes], reader: Reader) -> Iterator[NDArray[np.float64]]:
    features: list[NDArray[np.float64] | None] = [None] * len(rows)
    for chunk in hidden_chunks(reader.model, [row.given for row in rows]):
        for number, start in zip(chunk.numbers, chunk.starts, strict=True):
            states_TC = chunk.hidden_TC[[start + place for place in rows[number].given.places]].double()
            features[number] = torch.cat((states_TC.mean(0), states_TC[-1])).cpu().numpy()
    return (found for found in features if found is not None)
