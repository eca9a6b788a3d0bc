"""What choosing has in common: the order by one number a row, and what is refused.

What is said once here holds in this room: rows are chosen by their place in the arrays; equal values go by place, the
earlier first (the step `top` breaks ties by the seed instead: `best_first` of bench.py); a value that is no number is
our caller's mistake, for rows without a score are left out before. Results are lists of places, best first.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def best_then_earliest(values_N: Values) -> list[int]:
    """All places, the highest value first; equal values in their own order."""
    return np.argsort(-checked(values_N), kind="stable").tolist()


def checked(values_N: Values) -> Values:
    """As fp64; ValueError where one is no number."""
    values_N = np.asarray(values_N, dtype=np.float64)
    if np.isnan(values_N).any():
        raise ValueError(f"{int(np.isnan(values_N).sum())} values are no numbers: leave their rows out first")
    return values_N


def check_size(k: int, n_rows: int) -> None:
    if not 0 <= k <= n_rows:
        raise ValueError(f"{k} of {n_rows} rows")
