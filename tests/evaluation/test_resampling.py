"""Intervals over seeds and items: against scipy, and against what they promise in simulated studies."""

import numpy as np
import pytest
from scipy import stats

from lit_gpt.evaluation.resampling import STUDENT_T, hierarchical_interval, seed_interval


def test_the_seeds_interval_is_scipy_s() -> None:
    values = [0.31, 0.28, 0.35, 0.30, 0.33]
    ours = seed_interval(values)
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-4)


def test_student_s_table() -> None:
    assert {df: pytest.approx(stats.t.ppf(0.975, df), abs=5e-4) for df in STUDENT_T} == STUDENT_T


@pytest.mark.parametrize("n_seeds", [1, 11])
def test_seeds_beyond_the_table_are_refused(n_seeds: int) -> None:
    with pytest.raises(ValueError, match="provided for"):
        seed_interval([0.1] * n_seeds)


def test_without_differences_between_seeds_it_is_the_bootstrap_over_items() -> None:
    draw = np.random.default_rng(0)
    items = draw.integers(0, 2, size=(1, 300)).astype(float)
    ours = hierarchical_interval(items)
    theirs = stats.bootstrap((items[0],), np.mean, method="percentile", n_resamples=10_000, random_state=1)
    assert ours.value == items.mean()
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.008)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.008)


def test_seeds_that_differ_widen_it() -> None:
    alike = np.tile([1.0, 0.0], (6, 100))
    apart = np.repeat([[1.0], [0.0]], 3, axis=0) * np.ones((6, 200))
    narrow, wide = hierarchical_interval(alike), hierarchical_interval(apart)
    assert narrow.value == wide.value == 0.5
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)
    assert str(narrow).startswith("+50.0 points")
