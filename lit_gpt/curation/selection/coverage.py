"""Choosing rows that cover an embedding space: k-center greedy, facility location, QDIT.

    k_center            each next row is the farthest from all that are chosen (Gonzalez 1985,
                        doi 10.1016/0304-3975(85)90224-5; Sener and Savarese 2018, arXiv 1708.00489)
    facility_location   maximises the sum over all rows of their similarity to the nearest chosen one; greedy is within
                        1 - 1/e of the best (Nemhauser et al. 1978, doi 10.1007/BF01588971)
    qdit                greedy by (1 - alpha) * that gain + alpha * quality (Bukharin and Zhao 2023, arXiv 2311.14736)

Similarity is the cosine, where that is above 0, else 0. Greedy is lazy (Minoux 1978, doi 10.1007/BFb0006528): a gain
only falls as rows are chosen, so an old one is a bound; bounds are renewed a block at a time, as one matrix product.
Memory is a few numbers a row and a block's similarities. The first facility costs the similarity of every pair.
Gains that differ by less than TIE of the greatest are equal and go by place: two rows that are each other's nearest
gain the same, and rounding must not choose between them.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_gpt.curation.indicators.embeddings import Vectors
from lit_gpt.curation.indicators.neighbours import blocks
from lit_gpt.curation.selection.order import Values, check_size, checked
from lit_gpt.progress import SOON_S, watched

BLOCK = 1_024
WIDE_BLOCK = 8_192
RENEWED = 32  # bounds that are renewed together
TIE = 1e-5  # relative: sums of a hundred thousand similarities in fp32 are off by less


def k_center(vectors_ND: Vectors, k: int, seed: int, start: int | None = None) -> list[int]:
    """k places by Euclidean distance; the first is drawn from the seed unless it is given."""
    check_size(k, len(vectors_ND))
    if not k:
        return []
    first = int(np.random.default_rng(seed).integers(len(vectors_ND))) if start is None else start
    chosen = [first]
    nearest_N = _squared_distances(vectors_ND, first)
    nearest_N[first] = -1  # a chosen row is not chosen again, also where all that is left are its copies
    for _ in watched(range(k - 1), "choosing far rows", "row", k - 1, SOON_S):
        place = int(nearest_N.argmax())
        chosen.append(place)
        nearest_N = np.minimum(nearest_N, _squared_distances(vectors_ND, place))
        nearest_N[place] = -1
    return chosen


def _squared_distances(vectors_ND: Vectors, place: int) -> Values:
    """Of every row to one; differences first, so that copies are at 0."""
    one_D = np.asarray(vectors_ND[place])
    found = [np.square(block.numpy() - one_D).sum(1, dtype=np.float64) for _, block in blocks(vectors_ND, WIDE_BLOCK)]
    return np.concatenate(found)


def facility_location(vectors_ND: Vectors, k: int) -> list[int]:
    """k places, each the one that gains most."""
    return qdit(vectors_ND, np.zeros(len(vectors_ND)), k, alpha=0.0)


def qdit(vectors_ND: Vectors, quality_N: Values, k: int, alpha: float) -> list[int]:
    """k places by coverage and quality. The gain is a sum over all rows: bring quality to that scale, or choose alpha
    accordingly."""
    check_size(k, len(vectors_ND))
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha {alpha}, which is not from 0 to 1")
    lazy = _LazyGreedy(vectors_ND, checked(quality_N), alpha)
    return [lazy.choose() for _ in watched(range(k), "choosing what covers most", "row", k, SOON_S)]


class _LazyGreedy:
    """The state of one greedy choice: who covers each row how well, and how much each row could still gain."""

    def __init__(self, vectors_ND: Vectors, quality_N: Values, alpha: float) -> None:
        self._vectors_ND, self._alpha = vectors_ND, alpha
        self._quality_N = alpha * quality_N
        lengths = [block.norm(dim=1) for _, block in blocks(vectors_ND, WIDE_BLOCK)]
        self._inverse_N = 1 / torch.cat(lengths).clamp(min=torch.finfo(torch.float32).tiny)
        self._covered_N = torch.zeros(len(vectors_ND))
        self._bounds_N = np.empty(len(vectors_ND))
        self._is_fresh_N = np.zeros(len(vectors_ND), bool)
        every_B = np.array_split(np.arange(len(vectors_ND)), max(1, len(vectors_ND) // BLOCK))
        for places in watched(every_B, "similarities of all pairs", "block", len(every_B), SOON_S):
            self._renew(places)

    def choose(self) -> int:
        """The row of the greatest gain, which then covers what it covers."""
        best = self._best()
        for rows, similar_1M in self._similarities(np.array([best])):
            self._covered_N[rows] = torch.maximum(self._covered_N[rows], similar_1M[0])
        self._bounds_N[best] = -np.inf
        self._is_fresh_N[:] = False
        return best

    def _best(self) -> int:
        """The first of the rows whose gain is the greatest, once no old bound reaches it."""
        while True:
            greatest = self._bounds_N.max()
            near = np.flatnonzero(self._bounds_N >= greatest - TIE * abs(greatest))
            old = near[~self._is_fresh_N[near]]
            if not len(old):
                return int(near[0])
            self._renew(old if len(old) > RENEWED else self._greatest_old())

    def _greatest_old(self) -> NDArray[np.int64]:
        """The rows of the greatest bounds that are old: as many as are renewed together."""
        old_N = np.where(self._is_fresh_N, -np.inf, self._bounds_N)
        n_renewed = min(RENEWED, len(old_N))
        places = np.argpartition(-old_N, n_renewed - 1)[:n_renewed]
        return places[old_N[places] > -np.inf]

    def _renew(self, places: NDArray[np.int64]) -> None:
        self._bounds_N[places] = (1 - self._alpha) * self._gains(places) + self._quality_N[places]
        self._is_fresh_N[places] = True

    def _gains(self, places: NDArray[np.int64]) -> Values:
        """By how much each of some rows would raise the coverage of all."""
        gains_Q = torch.zeros(len(places), dtype=torch.float64)
        for rows, similar_QM in self._similarities(places):
            gains_Q += (similar_QM - self._covered_N[rows]).clamp_(min=0).sum(1).double()
        return gains_Q.numpy()

    def _similarities(self, places: NDArray[np.int64]) -> Iterator[tuple[slice, Tensor]]:
        """Of some rows with all, a block of all at a time."""
        queries_QD = torch.from_numpy(np.array(self._vectors_ND[places], np.float32)) * self._inverse_N[places, None]
        for start, block_MD in blocks(self._vectors_ND, WIDE_BLOCK):
            rows = slice(start, start + len(block_MD))
            yield rows, (queries_QD @ block_MD.T).mul_(self._inverse_N[rows]).clamp_(min=0)
