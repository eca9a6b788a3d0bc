"""How much of each source goes into a mixture: by rows, by tokens, or by temperature.

A source has rows of some size (its tokens, or one each) in the order in which they are drawn, and may be passed over
`repeat` times. Shares are cumulative: the first k sources together take what their shares of the budget allow, never
more, so that each source and the whole are within one row of what was asked for. With temperature T a source's share
is its size to the power 1/T (mT5, arXiv 2010.11934, section 3.1): 1 keeps the natural shares, more evens them out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lit_gpt.errors import UserError


@dataclass(frozen=True)
class Pool:
    """One source's rows. sizes: int64 (n_rows,), above zero, in the order of drawing; repeat: passes allowed."""

    name: str
    sizes: np.ndarray
    repeat: int = 1

    @cached_property
    def cumulative(self) -> np.ndarray:
        return np.cumsum(self.sizes)

    @property
    def total(self) -> int:
        """The size of one pass."""
        return int(self.cumulative[-1]) if len(self.sizes) else 0

    def n_within(self, size: float) -> int:
        """How many rows, passes put end to end, fit into this size."""
        if not self.total:
            return 0
        n_passes = min(int(size // self.total), self.repeat)
        if n_passes == self.repeat:
            return n_passes * len(self.sizes)
        rest = int(np.searchsorted(self.cumulative, size - n_passes * self.total, side="right"))
        return n_passes * len(self.sizes) + rest

    def size_of(self, n_drawn: int) -> int:
        """The size of the first `n_drawn` rows, passes put end to end."""
        n_passes, rest = divmod(n_drawn, len(self.sizes)) if n_drawn else (0, 0)
        return n_passes * self.total + (int(self.cumulative[rest - 1]) if rest else 0)


def shares_of(pools: Sequence[Pool], weights: Sequence[float] | None, temperature: float = 1.0) -> list[float]:
    """Shares that add up to one: the weights, else sizes to the power 1/temperature."""
    raw = list(weights) if weights else [(pool.total * pool.repeat) ** (1 / temperature) for pool in pools]
    return [each / sum(raw) for each in raw]


def largest_budget(pools: Sequence[Pool], shares: Sequence[float]) -> float:
    """The largest budget that no source is too small for."""
    return min(pool.total * pool.repeat / share for pool, share in zip(pools, shares, strict=True) if share)


def draw(pools: Sequence[Pool], shares: Sequence[float], budget: float) -> list[int]:
    """How many rows of each pool are taken, passes counted; UserError where a source is too small for its share."""
    row = max(int(pool.sizes.max()) for pool in pools if len(pool.sizes))
    n_drawn, taken, cumulative_share = [], 0, 0.0
    for pool, share in zip(pools, shares, strict=True):
        cumulative_share += share
        allowed = budget * min(cumulative_share, 1.0) * (1 + 1e-12) - taken  # the shares' own rounding is no row lost
        if allowed - pool.total * pool.repeat >= row + 1:
            raise _too_small(pool, share, budget)
        n_drawn.append(pool.n_within(allowed) if share else 0)
        taken += pool.size_of(n_drawn[-1])
    return n_drawn


def _too_small(pool: Pool, share: float, budget: float) -> UserError:
    wanted, there = share * budget, pool.total * pool.repeat
    passes = -(-wanted // pool.total) if pool.total else 0
    return UserError(
        f"a share of {wanted:,.0f} for {pool.name}, which has {there:,} in {pool.repeat} passes",
        "a budget and weights that every source can fill",
        f"lower the budget or its weight, or repeat it: --repeat {passes:.0f}",
    )


def draw_rows_within_tokens(
    pools: Sequence[Pool], shares: Sequence[float], tokens: Sequence[Pool], budget: int
) -> list[int]:
    """The largest mixture by rows whose tokens stay within the budget. `tokens` are the same rows' tokens."""
    low, high = 0, int(largest_budget(pools, shares))
    while low < high:
        middle = (low + high + 1) // 2
        n_drawn = draw(pools, shares, middle)
        n_tokens = sum(pool.size_of(n) for pool, n in zip(tokens, n_drawn, strict=True))
        low, high = (middle, high) if n_tokens <= budget else (low, middle - 1)
    return draw(pools, shares, low)


def times_drawn(n_drawn: int, n_rows: int) -> np.ndarray:
    """How often each row is taken, int64 (n_rows,), rows in the order of drawing."""
    n_passes, rest = divmod(n_drawn, n_rows) if n_rows else (0, 0)
    times = np.full(n_rows, n_passes, np.int64)
    times[:rest] += 1
    return times
