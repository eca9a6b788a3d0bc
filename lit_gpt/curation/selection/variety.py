"""LIFT's variety (Xu et al. 2023, arXiv 2312.11508): rows whose principal coordinates vary most among themselves.

    covariance -> eigenvectors until 95 % of the variance -> each row's k coordinates -> their variance -> the top 20 %

A row's variance is |z|^2 / k - mean(z)^2: mostly its distance from the middle. It knows of no redundancy, so copies
of a far row are all kept. Nor is it a number of the data alone: an eigenvector's sign is arbitrary and changes mean(z).
The paper names no convention; ours, as scikit-learn's, makes each eigenvector's largest part positive. The variance is
over k, not k - 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.indicators.embeddings import Vectors
from lit_gpt.curation.indicators.neighbours import blocks
from lit_gpt.curation.selection.order import Values, check_size

VARIANCE_KEPT = 0.95


@dataclass(frozen=True)
class Principal:
    """The middle of a pool, its first k directions (as rows) and the variance along each."""

    mean_D: NDArray[np.float64]
    directions_KD: NDArray[np.float64]
    variances_K: NDArray[np.float64]

    def coordinates(self, vectors_ND: Vectors) -> NDArray[np.float64]:
        """Of some rows, (N, K)."""
        return (np.asarray(vectors_ND, np.float64) - self.mean_D) @ self.directions_KD.T


def principal_directions(vectors_ND: Vectors, variance_kept: float = VARIANCE_KEPT) -> Principal:
    """As few directions as hold more than this share of the variance. ValueError for fewer than two rows."""
    check_size(2, len(vectors_ND))
    n_rows, n_dims = vectors_ND.shape
    mean_D = sum(block.double().sum(0).numpy() for _, block in blocks(vectors_ND)) / n_rows
    covariance_DD = np.zeros((n_dims, n_dims))
    for _, block in blocks(vectors_ND):
        centred = block.double().numpy() - mean_D
        covariance_DD += centred.T @ centred / (n_rows - 1)
    variances_D, columns_DD = np.linalg.eigh(covariance_DD)
    variances_D, directions_DD = variances_D[::-1].clip(min=0), columns_DD.T[::-1]
    shares_D = np.cumsum(variances_D) / max(variances_D.sum(), np.finfo(float).tiny)
    k = min(int(np.searchsorted(shares_D, variance_kept, side="right")) + 1, n_dims)
    largest_K = np.abs(directions_DD[:k]).argmax(1)
    signs_K = np.sign(directions_DD[np.arange(k), largest_K])
    return Principal(mean_D, directions_DD[:k] * signs_K[:, None], variances_D[:k])


def row_variances(vectors_ND: Vectors, variance_kept: float = VARIANCE_KEPT) -> Values:
    """The variance of every row's coordinates, (N,)."""
    principal = principal_directions(vectors_ND, variance_kept)
    return np.concatenate([principal.coordinates(block.numpy()).var(1) for _, block in blocks(vectors_ND)])
