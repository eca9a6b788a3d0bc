"""Distance of each row to its i-th nearest neighbour in an embedding space: InstructMining's Knn_i, exactly.

Euclidean, a row not being its own neighbour, its copies being neighbours at distance 0. Found a block of rows against
a block of rows, so memory does not grow with their product; then measured in fp64, since |a|^2 + |b|^2 - 2ab loses
what near copies differ by. The published indicator uses NN-descent, which finds most of these neighbours, not all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_gpt.curation.indicators.embeddings import Vectors
from lit_gpt.progress import SOON_S, watched

BLOCK = 1_024
N_SPARE = 8  # further candidates to measure: rounding may swap neighbours that are equally near


@dataclass(frozen=True)
class Neighbours:
    """The nearest rows of each row, nearest first, and their distances."""

    rows_NK: NDArray[np.int64]
    distances_NK: NDArray[np.float64]


def neighbour_distances(vectors_ND: Vectors, i: int) -> NDArray[np.float64]:
    """Distance to the i-th neighbour (from 1), (N,)."""
    return nearest_rows(vectors_ND, i).distances_NK[:, i - 1]


def nearest_rows(vectors_ND: Vectors, k: int, block: int = BLOCK) -> Neighbours:
    """The k nearest other rows of every row. ValueError where there are fewer, or for a vector that is no number."""
    n_rows = len(vectors_ND)
    if not 1 <= k < n_rows:
        raise ValueError(f"{k} neighbours among {n_rows} rows")
    n_found = min(k + N_SPARE, n_rows - 1)
    rows_NK, distances_NK = np.empty((n_rows, k), np.int64), np.empty((n_rows, k))
    queries = watched(blocks(vectors_ND, block), "nearest rows", "block", -(-n_rows // block), SOON_S)
    for start, queries_QD in queries:
        if not bool(queries_QD.isfinite().all()):
            raise ValueError("a vector holds what is no number")
        candidates_QM = _candidates(queries_QD, start, vectors_ND, n_found, block)
        exact_QM = _exact(queries_QD, vectors_ND, candidates_QM)
        order_QK = np.lexsort((candidates_QM, exact_QM))[:, :k]
        rows_NK[start : start + len(queries_QD)] = np.take_along_axis(candidates_QM, order_QK, 1)
        distances_NK[start : start + len(queries_QD)] = np.take_along_axis(exact_QM, order_QK, 1)
    return Neighbours(rows_NK, distances_NK)


def blocks(vectors_ND: Vectors, block: int = BLOCK) -> Iterator[tuple[int, Tensor]]:
    """Blocks of rows, each with the number of its first one, read from disk as they come."""
    for start in range(0, len(vectors_ND), block):
        yield start, torch.from_numpy(np.array(vectors_ND[start : start + block], np.float32))


def _candidates(queries_QD: Tensor, first: int, vectors_ND: Vectors, n_found: int, block: int) -> NDArray[np.int64]:
    """The nearest rows in fp32, in no order worth keeping."""
    best_QM = torch.full((len(queries_QD), 0), torch.inf)
    rows_QM = torch.zeros((len(queries_QD), 0), dtype=torch.int64)
    for start, others_MD in blocks(vectors_ND, block):
        squared_QM = others_MD.square().sum(1) - 2 * queries_QD @ others_MD.T  # and |query|^2, the same for all
        if first == start:
            squared_QM.fill_diagonal_(torch.inf)
        best_QM = torch.cat((best_QM, squared_QM), 1)
        numbers = torch.arange(start, start + len(others_MD)).expand(len(queries_QD), -1)
        rows_QM = torch.cat((rows_QM, numbers), 1)
        best_QM, places = best_QM.topk(min(n_found, best_QM.size(1)), largest=False)
        rows_QM = rows_QM.gather(1, places)
    return rows_QM.numpy()


def _exact(queries_QD: Tensor, vectors_ND: Vectors, rows_QM: NDArray[np.int64]) -> NDArray[np.float64]:
    queries = queries_QD.double().numpy()
    exact = [
        np.linalg.norm(vectors_ND[rows].astype(np.float64) - q, axis=1)
        for q, rows in zip(queries, rows_QM, strict=True)
    ]
    return np.stack(exact)
