"""How sure an effect is, and what it would take to be sure: seeds by items, paired, both drawn at random.

d[s, i] is what a candidate does better than the reference with seed s (a draw of rows and its trainings) on item i,
the same items for every seed. With two random effects (Searle, Casella and McCulloch 1992, Variance Components, ch. 4)

    d[s, i] = effect + seed[s] + item[i] + rest[s, i]
    variance of the mean = seed^2 / S + item^2 / I + rest^2 / (S I) = (MS_seed + MS_item - MS_rest) / (S I)

where MS are the mean squares of the two-way table; the interval is Student's t with Satterthwaite's degrees of freedom
(1946, doi 10.2307/3002019). Why not the hierarchical bootstrap alone: dev/decisions/0017. It stands beside
(evaluation/resampling.py), and `false_alarms` in tests/proof/test_intervals.py measures both.

With two draws the interval is too narrow: they hardly tell how far draws differ. No verdict goes by one (LEAST_DRAWS).

Not covered: effects that differ by group of items (look at the groups), unequal numbers of items.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.regression import below_t, student_t

CONFIDENCE = 0.95
POWER = 0.8  # Cohen 1988, Statistical Power Analysis, 2.4: the usual one
MOST_SEEDS = 1000  # more are said to be out of reach
# for a verdict: of 500 studies without an effect the 95 % interval leaves zero out in 8.2 to 10.6 % with two draws, in
# 4.2 to 7.4 % with three, in 4.0 to 6.8 % with five (tests/proof/test_intervals.py: 300 and 400 items, seeds 7 to 9)
LEAST_DRAWS = 3


@dataclass(frozen=True)
class Spread:
    """Mean squares of a table of differences, n_seeds by n_items, and the variances they stand for."""

    ms_seed: float
    ms_item: float
    ms_rest: float
    n_seeds: int
    n_items: int

    @property
    def seed(self) -> float:
        """The variance between seeds; 0 where the moments say less."""
        return max(0.0, self.ms_seed - self.ms_rest) / self.n_items

    @property
    def item(self) -> float:
        """The variance between items that all seeds share."""
        return max(0.0, self.ms_item - self.ms_rest) / self.n_seeds

    def of(self, n_seeds: int) -> "Spread":
        """What is to be expected of another number of seeds."""
        ms_seed, ms_item = self.n_items * self.seed + self.ms_rest, n_seeds * self.item + self.ms_rest
        return Spread(ms_seed, ms_item, self.ms_rest, n_seeds, self.n_items)

    def error(self) -> tuple[float, float]:
        """Standard error of the mean and its degrees of freedom (at least 1)."""
        n = self.n_seeds * self.n_items
        variance = (self.n_items * self.seed + self.n_seeds * self.item + self.ms_rest) / n
        squares = self.ms_seed**2 / (self.n_seeds - 1) + self.ms_item**2 / (self.n_items - 1)
        squares += self.ms_rest**2 / ((self.n_seeds - 1) * (self.n_items - 1))
        return math.sqrt(variance), max(1.0, (variance * n) ** 2 / squares) if squares else 1.0


@dataclass(frozen=True)
class Effect:
    """A mean difference, its interval, how probable one as large is without any effect, and its parts."""

    value: float
    low: float
    high: float
    p: float
    spread: Spread

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    @property
    def has_verdict(self) -> bool:
        """Whether the draws are enough to say anything by the interval."""
        return self.spread.n_seeds >= LEAST_DRAWS


def effect(difference_SI: NDArray[np.float64], confidence: float = CONFIDENCE) -> Effect:
    """The mean of differences (seeds, items) and its interval; ValueError for fewer than two of either."""
    spread = spread_of(difference_SI)
    value = float(difference_SI.mean())
    error, n_free = spread.error()
    reach = student_t((1 + confidence) / 2, n_free) * error
    p = 2 * (1 - below_t(abs(value) / error, n_free)) if error else float(value == 0)
    return Effect(value, value - reach, value + reach, p, spread)


def spread_of(difference_SI: NDArray[np.float64]) -> Spread:
    """The mean squares of seeds, items and what is left."""
    n_seeds, n_items = difference_SI.shape
    if min(n_seeds, n_items) < 2:
        raise ValueError(f"{n_seeds} seeds and {n_items} items, two of each are the least")
    mean = difference_SI.mean()
    seed_S, item_I = difference_SI.mean(1) - mean, difference_SI.mean(0) - mean
    rest_SI = difference_SI - mean - seed_S[:, None] - item_I[None]
    ms_rest = float(np.square(rest_SI).sum()) / ((n_seeds - 1) * (n_items - 1))
    ms_seed = n_items * float(np.square(seed_S).sum()) / (n_seeds - 1)
    ms_item = n_seeds * float(np.square(item_I).sum()) / (n_items - 1)
    return Spread(ms_seed, ms_item, ms_rest, n_seeds, n_items)


def detectable(spread: Spread, power: float = POWER) -> float:
    """The smallest effect that is found (interval without 0) with this probability."""
    error, n_free = spread.error()
    return (student_t((1 + CONFIDENCE) / 2, n_free) + student_t(power, n_free)) * error


def seeds_needed(spread: Spread, wanted: float, power: float = POWER) -> int | None:
    """The fewest seeds with which an effect of this size is found, enough for a verdict; None where the items are too
    few for any number."""
    if detectable(spread.of(MOST_SEEDS), power) > wanted:
        return None
    low, high = LEAST_DRAWS, MOST_SEEDS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if detectable(spread.of(middle), power) <= wanted else (middle + 1, high)
    return low


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Each p corrected for all that were asked (Holm 1979, Scandinavian Journal of Statistics 6)."""
    corrected, least = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        least = max(least, min(1.0, (len(p_values) - rank) * p))
        corrected[name] = least
    return {name: corrected[name] for name in p_values}


def overlap(chosen: Sequence[frozenset[str]]) -> NDArray[np.float64]:
    """Jaccard's share of rows that each two selections have in common, (N, N)."""
    pairs = [[len(a & b) / max(1, len(a | b)) for b in chosen] for a in chosen]
    return np.array(pairs, dtype=np.float64)
