"""The paired bootstrap against scipy's, against all resamples of a few items, and against the paired t interval."""

from collections import Counter
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lit_gpt.report.paired import Difference, paired_difference, resampled_sums


def differences(d: Difference) -> np.ndarray:
    return np.repeat([1.0, -1.0, 0.0], [d.n_gained, d.n_lost, d.n - d.n_gained - d.n_lost])


@pytest.mark.parametrize("d", [Difference(400, 219, 11), Difference(60, 9, 6), Difference(131, 0, 4)])
def test_the_interval_is_scipys(d: Difference) -> None:
    theirs = stats.bootstrap(
        (differences(d),),
        np.mean,
        n_resamples=40_000,
        batch=2_000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert d.interval is not None
    # one item, or the noise of their draws
    assert d.interval == pytest.approx((theirs.low, theirs.high), abs=1.01 / d.n)


@pytest.mark.parametrize("d", [Difference(2000, 800, 300), Difference(1000, 150, 160)])
def test_the_interval_is_near_the_paired_t_interval(d: Difference) -> None:
    x = differences(d)
    low, high = stats.t.interval(0.95, len(x) - 1, loc=x.mean(), scale=stats.sem(x))
    assert d.interval == pytest.approx((low, high), abs=0.002)
    assert d.value == pytest.approx(x.mean())


@pytest.mark.parametrize(("n", "gained", "lost"), [(5, 2, 1), (4, 3, 0), (5, 1, 4), (3, 0, 0), (3, 3, 0), (4, 0, 4)])
def test_the_sums_are_those_of_all_resamples(n: int, gained: int, lost: int) -> None:
    items = [1] * gained + [-1] * lost + [0] * (n - gained - lost)
    exact = {s: Fraction(k, n**n) for s, k in Counter(sum(draw) for draw in product(items, repeat=n)).items()}
    ours = {s: p for s, p in resampled_sums(n, gained, lost).items() if p > 0}
    assert ours == pytest.approx({s: float(p) for s, p in exact.items()})


@settings(deadline=None)
@given(st.integers(1, 3000), st.data())
def test_probabilities_sum_to_one_and_the_interval_holds_the_difference(n: int, data: st.DataObject) -> None:
    gained = data.draw(st.integers(0, n))
    d = Difference(n, gained, data.draw(st.integers(0, n - gained)))
    assert sum(resampled_sums(d.n, d.n_gained, d.n_lost).values()) == pytest.approx(1, abs=1e-8)
    if d.interval is not None:
        low, high = d.interval
        assert -1 <= low <= d.value <= high <= 1
        assert low < high or n < 60


def test_items_that_changed_alike_have_no_interval() -> None:
    assert Difference(50, 50, 0).interval is None
    assert Difference(50, 0, 0).interval is None
    assert Difference(50, 0, 50).interval is None


def test_only_shared_ids_are_paired() -> None:
    before = {"a": False, "b": True, "c": True, "x": True}
    after = {"a": True, "b": False, "c": True, "y": True}
    assert paired_difference(before, after) == Difference(3, 1, 1)
    assert paired_difference({"a": True}, {"b": True}) is None
