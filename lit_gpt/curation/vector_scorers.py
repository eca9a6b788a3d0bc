"""Scores that follow from vectors. They depend on the other rows, so they are computed anew for every set of rows."""

from dataclasses import dataclass

import numpy as np

from lit_gpt.curation.bench import Bench, Scores
from lit_gpt.curation.rows import Rows


@dataclass(frozen=True)
class NeighbourDistance:
    """Distance to the i-th nearest other row, by the vectors of that name.

    Args:
        vectors: the recipe's name for the embedder
        i: which neighbour, from 1
    """

    vectors: str = "hashed_ngrams"
    i: int = 6

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        from lit_gpt.curation.indicators.neighbours import neighbour_distances

        return np.asarray(neighbour_distances(bench.vectors(self.vectors, rows), self.i))


@dataclass(frozen=True)
class RowVariance:
    """LIFT's variety: the variance of a row's principal coordinates.

    Args:
        vectors: the recipe's name for the embedder
        variance_kept: how much of the variance the coordinates hold
    """

    vectors: str = "hashed_ngrams"
    variance_kept: float = 0.95

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        from lit_gpt.curation.selection.variety import row_variances

        return np.asarray(row_variances(bench.vectors(self.vectors, rows), self.variance_kept))
