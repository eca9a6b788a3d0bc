"""How often a judge gives grade j to what deserves i, estimated without knowing what any row deserves.

Several ratings of one row are drawn independently given the row's true grade: rows of ratings r are a mixture,

    P(r) = sum over i of prior(i) * product over ratings m of T_m(i, r_m)

fitted by expectation and maximisation (Dawid and Skene 1979, https://doi.org/10.2307/2346806), with a matrix for each
judge. Of one judge alone, a row's ratings are its own and those of its two nearest rows, taken to deserve the same,
with one matrix for all (the clusterability of Zhu et al. 2021, arXiv 2102.05291, as DS2 uses it, arXiv 2410.10877).
Three ratings a row are the fewest that determine the matrix; more often right than wrong is assumed: EM starts there.
Not covered: ratings that err together, such as a judge's repetitions, which would pass for truth.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

N_STEPS = 500
TOLERANCE = 1e-7
START = 0.7  # on the diagonal
LEAST_RATINGS = 3


def fit_transition(
    ratings_NM: NDArray[np.int64], n_grades: int, shared: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(prior_G, T_MGG, log-likelihood a row) of ratings from 0 to G - 1, -1 where there is none.

    shared: all M ratings have one matrix. ValueError for fewer than three ratings a row.
    """
    n_ratings = ratings_NM.shape[1]
    if n_ratings < LEAST_RATINGS:
        raise ValueError(f"{n_ratings} ratings a row do not determine a matrix; {LEAST_RATINGS} do")
    is_given_NMG = ratings_NM[:, :, None] == np.arange(n_grades)
    prior_G = np.full(n_grades, 1 / n_grades)
    wrong = (1 - START) / (n_grades - 1)
    matrix_MGG = np.full((n_ratings, n_grades, n_grades), wrong) + (START - wrong) * np.eye(n_grades)
    last = -np.inf
    for _ in range(N_STEPS):
        log_NG = np.log(prior_G) + np.einsum("nmj,mij->ni", is_given_NMG, np.log(matrix_MGG))
        top_N1 = log_NG.max(1, keepdims=True)
        joint_NG = np.exp(log_NG - top_N1)
        total_N1 = joint_NG.sum(1, keepdims=True)
        likelihood = float((top_N1 + np.log(total_N1)).mean())
        if likelihood - last < TOLERANCE:
            break
        last = likelihood
        prior_G, matrix_MGG = _maximised(joint_NG / total_N1, is_given_NMG, shared)
    return prior_G, matrix_MGG, likelihood


def _maximised(
    share_NG: NDArray[np.float64], is_given_NMG: NDArray[np.bool_], shared: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The prior and the matrices under which these shares are likeliest; nothing has probability zero."""
    counts_MGG = np.einsum("ni,nmj->mij", share_NG, is_given_NMG) + 1e-9
    if shared:
        counts_MGG = np.repeat(counts_MGG.sum(0, keepdims=True), len(counts_MGG), axis=0)
    prior_G = share_NG.sum(0) + 1e-9
    return prior_G / prior_G.sum(), counts_MGG / counts_MGG.sum(-1, keepdims=True)


def with_neighbours(grades_N: NDArray[np.int64], vectors_ND: NDArray[np.float32]) -> NDArray[np.int64]:
    """Each row's grade and those of its two nearest other rows by cosine, (N, 3); for pools small enough for N x N."""
    from lit_gpt.curation.indicators.embeddings import unit

    unit_ND = unit(vectors_ND)
    cosines_NN = unit_ND @ unit_ND.T
    np.fill_diagonal(cosines_NN, -np.inf)
    nearest_N2 = np.argsort(-cosines_NN, axis=1, kind="stable")[:, : LEAST_RATINGS - 1]
    return np.column_stack([grades_N, grades_N[nearest_N2]])


def binned(values_N: NDArray[np.float64], low: float, high: float, n_grades: int) -> NDArray[np.int64]:
    """Grades from 0 to n - 1: equal parts of the scale, its upper end in the last; -1 where there is no number."""
    grades_N = np.full(len(values_N), -1, dtype=np.int64)
    there = np.isfinite(values_N)
    part_N = (values_N[there] - low) / (high - low) * n_grades
    grades_N[there] = np.clip(part_N.astype(np.int64), 0, n_grades - 1)
    return grades_N


def as_lists(matrix_GG: NDArray[np.float64]) -> list[Sequence[float]]:
    return [[round(float(value), 4) for value in row] for row in matrix_GG]
