"""A mixture meets its budget and its weights within one row, whatever the sizes."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lit_gpt.data.mixing import Pool, draw, draw_rows_within_tokens, largest_budget, shares_of, times_drawn
from lit_gpt.errors import UserError

SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=60)
POOLS = st.lists(st.tuples(SIZES, st.integers(1, 4), st.floats(0.05, 10)), min_size=1, max_size=5)


def build(given):
    pools = [Pool(f"s{i}", np.array(sizes, np.int64), repeat) for i, (sizes, repeat, _) in enumerate(given)]
    return pools, shares_of(pools, [weight for _, _, weight in given])


def taken(pool, n):
    return int(np.dot(times_drawn(n, len(pool.sizes)), pool.sizes))


@given(POOLS, st.floats(0.01, 1))
def test_a_mixture_by_tokens_is_within_one_row(given, part):
    pools, shares = build(given)
    budget = int(part * largest_budget(pools, shares))
    assume(budget >= 1)
    longest = max(int(pool.sizes.max()) for pool in pools)
    sizes = [taken(pool, n) for pool, n in zip(pools, draw(pools, shares, budget), strict=True)]
    assert budget - longest < sum(sizes) <= budget
    for size, share in zip(sizes, shares, strict=True):
        assert abs(size - share * budget) < longest + 1e-6


@given(POOLS, st.floats(0.01, 1))
def test_a_mixture_by_rows_is_within_one_row(given, part):
    pools, shares = build(given)
    pools = [Pool(pool.name, np.ones_like(pool.sizes), pool.repeat) for pool in pools]
    budget = int(part * largest_budget(pools, shares))
    assume(budget >= 1)
    n_drawn = draw(pools, shares, budget)
    assert budget - 1 <= sum(n_drawn) <= budget
    assert all(abs(n - share * budget) <= 1 + 1e-6 for n, share in zip(n_drawn, shares, strict=True))


@given(POOLS, st.integers(1, 20_000))
def test_rows_within_a_budget_of_tokens(given, budget):
    tokens, shares = build(given)
    rows = [Pool(pool.name, np.ones_like(pool.sizes), pool.repeat) for pool in tokens]
    n_drawn = draw_rows_within_tokens(rows, shares, tokens, budget)
    assert sum(taken(pool, n) for pool, n in zip(tokens, n_drawn, strict=True)) <= budget
    more = draw(rows, shares, min(sum(n_drawn) + len(rows) + 1, largest_budget(rows, shares)))
    is_largest = sum(taken(pool, n) for pool, n in zip(tokens, more, strict=True)) > budget
    assert is_largest or sum(n_drawn) >= int(largest_budget(rows, shares)) - len(rows)


@given(SIZES, st.integers(1, 4), st.integers(0, 300))
def test_drawing_is_passes_end_to_end(sizes, repeat, n):
    pool = Pool("s", np.array(sizes, np.int64), repeat)
    n = min(n, repeat * len(sizes))
    laid_out = np.array(sizes * repeat)
    assert pool.size_of(n) == laid_out[:n].sum()
    assert pool.n_within(pool.size_of(n)) == n
    times = times_drawn(n, len(sizes))
    assert times.sum() == n and times.max() - times.min() <= 1


def test_a_larger_budget_draws_the_same_rows_and_more():
    pool = Pool("s", np.arange(1, 50), 3)
    smaller, larger = (times_drawn(pool.n_within(size), 49) for size in (600, 1500))
    assert (larger >= smaller).all()


def test_temperature():
    pools = [Pool("large", np.ones(900, np.int64)), Pool("small", np.ones(100, np.int64))]
    assert shares_of(pools, None) == [0.9, 0.1]
    assert shares_of(pools, None, 2.0) == pytest.approx([0.75, 0.25])  # 30 : 10
    assert shares_of(pools, None, 1e9) == pytest.approx([0.5, 0.5])
    assert draw(pools, [0.75, 0.25], 400) == [300, 100]


def test_a_source_too_small_for_its_share_is_named():
    pools = [Pool("large", np.ones(900, np.int64)), Pool("small", np.ones(100, np.int64), 2)]
    with pytest.raises(UserError) as error:
        draw(pools, [0.5, 0.5], 1000)
    assert "small" in error.value.got and "--repeat 5" in error.value.do
