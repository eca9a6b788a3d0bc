"""Choosing by one number a row: the best k, all beyond a threshold, as many as a budget of tokens holds.

What is said once here holds in this room: rows are chosen by their place in the arrays; equal values go by place, the
earlier first; a value that is no number is our caller's mistake, for rows without a score are left out before. Results
are lists of places, best first.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def best_first(values_N: Values, highest: bool = True) -> list[int]:
    """All places, the best first; equal values in their own order."""
    values_N = checked(values_N)
    return np.argsort(-values_N if highest else values_N, kind="stable").tolist()


def top_k(values_N: Values, k: int, highest: bool = True) -> list[int]:
    """The k highest (or lowest). ValueError for more than there are."""
    check_size(k, len(values_N))
    return best_first(values_N, highest)[:k]


def beyond(values_N: Values, threshold: float, *, or_equal: bool, above: bool = True) -> list[int]:
    """Places, in their own order, of the values above (below) a threshold; `or_equal` says what equality is."""
    values_N = checked(values_N)
    if above:
        chosen_N = values_N >= threshold if or_equal else values_N > threshold
    else:
        chosen_N = values_N <= threshold if or_equal else values_N < threshold
    return np.flatnonzero(chosen_N).tolist()


def within_tokens(order: Sequence[int], n_tokens_N: Sequence[int], budget: int) -> list[int]:
    """The longest beginning of an order that holds at most `budget` tokens.

    No row is passed over for a shorter one behind it: that would prefer short rows at the end.
    """
    total, chosen = 0, []
    for place in order:
        total += n_tokens_N[place]
        if total > budget:
            break
        chosen.append(place)
    return chosen


def count_of(n_rows: int, fraction: float) -> int:
    """How many rows a fraction is: of its decimal digits exactly, rounded down. 5 % of 52,002 rows is 2,600."""
    if not 0 < fraction <= 1:
        raise ValueError(f"a fraction of {fraction}")
    return int(n_rows * Fraction(str(fraction)))


def checked(values_N: Values) -> Values:
    """As fp64; ValueError where one is no number."""
    values_N = np.asarray(values_N, dtype=np.float64)
    if np.isnan(values_N).any():
        raise ValueError(f"{int(np.isnan(values_N).sum())} values are no numbers: leave their rows out first")
    return values_N


def check_size(k: int, n_rows: int) -> None:
    if not 0 <= k <= n_rows:
        raise ValueError(f"{k} of {n_rows} rows")
