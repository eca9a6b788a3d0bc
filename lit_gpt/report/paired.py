"""The interval of a difference between two evaluations of the same items: the paired bootstrap, without drawing.

Each item's difference is −1 (right, then wrong), 0 or 1 (wrong, then right), so the sum over a resample of n items is
trinomial and its percentiles can be computed instead of drawn: no seed, no noise. It is the percentile interval of
Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, in the limit of many resamples.

Not covered: dependent items, and items that all changed alike, of which resampling learns nothing (no interval).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

LEVEL = 0.95
N_DEVIATIONS = 7  # of a binomial count; what lies beyond has a probability below 1e-11


@dataclass(frozen=True)
class Difference:
    """After minus before over `n` items: `n_gained` became right, `n_lost` became wrong."""

    n: int
    n_gained: int
    n_lost: int

    @property
    def value(self) -> float:
        """The difference of the two shares of right answers."""
        return (self.n_gained - self.n_lost) / self.n

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% interval; None where every item changed alike."""
        if self.n in (self.n_gained, self.n_lost) or not (self.n_gained or self.n_lost):
            return None
        sums = resampled_sums(self.n, self.n_gained, self.n_lost)
        return _quantile(sums, (1 - LEVEL) / 2) / self.n, _quantile(sums, (1 + LEVEL) / 2) / self.n


def paired_difference(before: Mapping[str, bool], after: Mapping[str, bool]) -> Difference | None:
    """Over the ids that both have; None where there are none."""
    shared = before.keys() & after.keys()
    if not shared:
        return None
    n_gained = sum(after[name] and not before[name] for name in shared)
    n_lost = sum(before[name] and not after[name] for name in shared)
    return Difference(len(shared), n_gained, n_lost)


def resampled_sums(n: int, n_gained: int, n_lost: int) -> dict[int, float]:
    """The probability of each sum of differences in a resample of n items, drawn with replacement."""
    sums: dict[int, float] = {}
    rest = n - n_gained
    for gained in _likely(n, n_gained / n):
        probability = _binomial(n, gained, n_gained / n)
        for lost in _likely(n - gained, n_lost / rest if rest else 0.0):
            likelihood = probability * _binomial(n - gained, lost, n_lost / rest if rest else 0.0)
            sums[gained - lost] = sums.get(gained - lost, 0.0) + likelihood
    return sums


def _likely(n: int, p: float) -> range:
    """The counts that a binomial variable may as well have."""
    mean, reach = n * p, N_DEVIATIONS * math.sqrt(n * p * (1 - p)) + N_DEVIATIONS
    return range(max(0, math.floor(mean - reach)), min(n, math.ceil(mean + reach)) + 1)


def _binomial(n: int, k: int, p: float) -> float:
    if p in (0.0, 1.0):
        return float(k == n * p)
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))


def _quantile(sums: dict[int, float], share: float) -> int:
    """The smallest sum that at least `share` of the resamples do not exceed."""
    reached = 0.0
    for value in sorted(sums):
        reached += sums[value]
        if reached >= share:
            return value
    return max(sums)
