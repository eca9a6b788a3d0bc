"""Proportions and their intervals, against scipy and by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, sem

from lit_gpt.evaluation.metrics import Proportion

COUNTS = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_scipys(counts: tuple[int, int], confidence: float) -> None:
    theirs = binomtest(*counts).proportion_ci(confidence, method="wilson")
    assert Proportion(*counts).interval(confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(COUNTS)
def test_the_interval_holds_the_value_and_stays_within_0_and_1(counts: tuple[int, int]) -> None:
    proportion = Proportion(*counts)
    low, high = proportion.interval()
    assert 0 <= low <= proportion.value <= high <= 1
    assert low < high


@pytest.mark.parametrize(("n_hits", "n"), [(1, 2), (3, 10), (61, 100), (0, 4), (4, 4)])
def test_the_standard_error_is_scipys(n_hits: int, n: int) -> None:
    assert Proportion(n_hits, n).standard_error == pytest.approx(sem([1] * n_hits + [0] * (n - n_hits), ddof=0))


def test_by_hand() -> None:
    """Wilson for 8 of 10: (0.8 + 0.192 ± 1.96 sqrt(0.016 + 0.0096)) / 1.384."""
    numbers = Proportion(8, 10).to_json()
    assert (numbers["n"], numbers["value"]) == (10, 0.8)
    assert numbers["standard_error"] == pytest.approx(0.126491, abs=1e-6)
    assert numbers["interval"] == pytest.approx([0.4902, 0.9433], abs=1e-4)


@pytest.mark.parametrize(("n_hits", "n"), [(0, 0), (1, 0), (3, 2), (-1, 2)])
def test_no_proportion(n_hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        Proportion(n_hits, n)
