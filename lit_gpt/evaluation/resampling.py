"""Intervals for what was measured on several seeds and many items: the hierarchical bootstrap.

Seeds are drawn with replacement, and within each drawn seed its items (Efron and Tibshirani 1993, chapter 8), so the
interval knows that items of one training share its luck. With n seeds it is narrower than the truth by about
sqrt((n - 1) / n), which matters for few: `seed_interval` beside it has Student's t over the seeds' means.
"""

from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np

N_RESAMPLES = 10_000
CONFIDENCE = 0.95
# Student's t, two-sided 95 %, by degrees of freedom (any table; checked against scipy in the tests)
STUDENT_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


@dataclass(frozen=True)
class Estimate:
    """A mean and its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:+.1f} points, 95 % interval {100 * self.low:+.1f} to {100 * self.high:+.1f}"


def hierarchical_interval(values_SI: np.ndarray, seed: int = 0) -> Estimate:
    """The mean of values (seeds, items) with its percentile interval."""
    draw = np.random.default_rng(seed)
    n_seeds, n_items = values_SI.shape
    means = np.empty(N_RESAMPLES)
    for number in range(N_RESAMPLES):
        seeds_S = draw.integers(n_seeds, size=(n_seeds, 1))
        means[number] = values_SI[seeds_S, draw.integers(n_items, size=(n_seeds, n_items))].mean()
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(values_SI.mean()), float(low), float(high))


def seed_interval(values_S: list[float]) -> Estimate:
    """The mean over seeds with Student's t interval; ValueError outside of two to ten seeds."""
    if len(values_S) - 1 not in STUDENT_T:
        raise ValueError(f"{len(values_S)} seeds, two to ten are provided for")
    middle = mean(values_S)
    reach = STUDENT_T[len(values_S) - 1] * stdev(values_S) / len(values_S) ** 0.5
    return Estimate(middle, middle - reach, middle + reach)
