"""Choosing by one number a row: all in order, or the best k.

What is said once here holds in this room: rows are chosen by their place in the arrays; equal values go by place, the
earlier first; a value that is no number is our caller's mistake, for rows without a score are left out before. Results
are lists of places, best first.
"""

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


def checked(values_N: Values) -> Values:
    """As fp64; ValueError where one is no number."""
    values_N = np.asarray(values_N, dtype=np.float64)
    if np.isnan(values_N).any():
        raise ValueError(f"{int(np.isnan(values_N).sum())} values are no numbers: leave their rows out first")
    return values_N


def check_size(k: int, n_rows: int) -> None:
    if not 0 <= k <= n_rows:
        raise ValueError(f"{k} of {n_rows} rows")
