"""Which vectors are alike: exactly, and block by block, so that memory does not grow with the square of the rows."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
BLOCK = 1_024  # rows against rows: 4 MiB of similarities


def unit_rows(vectors_ND: Vectors) -> Vectors:
    """Each row at length 1; rows of zeros stay."""
    lengths_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.asarray(vectors_ND / np.where(lengths_N1 > 0, lengths_N1, 1), dtype=np.float32)


def earlier_alike(vectors_ND: Vectors, above: float, block: int = BLOCK) -> Iterator[tuple[int, int, float]]:
    """(place, place of the most similar earlier row that is kept, cosine) of every row above the bound, in order.

    A row that is left out stands for nobody: what is like it alone is kept.
    """
    is_kept = np.ones(len(vectors_ND), dtype=bool)
    for start in range(0, len(vectors_ND), block):
        own_BD = unit_rows(vectors_ND[start : start + block])
        best_B, of_B = _best_before(own_BD, vectors_ND, start, is_kept, block)
        inside_BB = own_BD @ own_BD.T
        for place in range(start, start + len(own_BD)):
            row = place - start
            near = np.where(is_kept[start:place], inside_BB[row, :row], -np.inf)
            if len(near) and near.max() > best_B[row]:
                best_B[row], of_B[row] = near.max(), start + int(near.argmax())
            if best_B[row] > above:
                is_kept[place] = False
                yield place, int(of_B[row]), float(best_B[row])


def _best_before(
    own_BD: Vectors, vectors_ND: Vectors, end: int, is_kept: NDArray[np.bool_], block: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The highest cosine with a kept row before `end`, and that row; -inf where there is none."""
    best_B = np.full(len(own_BD), -np.inf, dtype=np.float32)
    of_B = np.full(len(own_BD), -1, dtype=np.int64)
    for start in range(0, end, block):
        cosines_BK = own_BD @ unit_rows(vectors_ND[start : start + block]).T
        cosines_BK[:, ~is_kept[start : start + cosines_BK.shape[1]]] = -np.inf
        top_B = cosines_BK.max(axis=1)
        better_B = top_B > best_B
        of_B[better_B] = start + cosines_BK.argmax(axis=1)[better_B]
        best_B = np.maximum(best_B, top_B)
    return best_B, of_B
