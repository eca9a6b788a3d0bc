"""Rows taken in order, without those too much like one that was taken: DEITA's filter, and semantic duplicates.

A row is dropped where its cosine with any kept row is above the limit: 0.9 in DEITA (Liu et al. 2023, arXiv 2312.15685,
who call it distance; hkust-nlp/deita compares similarities), rows in order of their score, so that a copy's
better-scored twin stays; in order of the file for duplicates in meaning (SemDeDup, arXiv 2303.09540). A row that is
left out stands for nobody: what is like it alone is kept. Compare distilabel's filter of DEITA's name, which keeps rows
whose cosine *distance* to the whole pool is at least 0.9: another method.
Exact, a block of rows against a block of those kept, so that memory does not grow with the square of the rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.indicators.embeddings import Vectors, unit
from lit_gpt.curation.selection.order import Values, best_then_earliest
from lit_gpt.progress import SOON_S, watched

MOST_SIMILAR = 0.9
BLOCK = 1_024


@dataclass(frozen=True)
class Judged:
    """A row, and the kept row before it that is most like it, if that is too like it; else -1."""

    place: int
    like: int
    cosine: float

    @property
    def is_kept(self) -> bool:
        return self.like < 0


def unlike_each_other(scores_N: Values, vectors_ND: Vectors, k: int, most_similar: float = MOST_SIMILAR) -> list[int]:
    """At most k places, the best score first; fewer where the pool runs out of rows that differ."""
    found = judged_in_order(vectors_ND, best_then_earliest(scores_N), most_similar)
    return list(islice((row.place for row in found if row.is_kept), k))


def judged_in_order(vectors_ND: Vectors, order: Sequence[int], above: float, block: int = BLOCK) -> Iterator[Judged]:
    """Every row in the order given, kept unless its cosine with a kept one is above the bound."""
    kept = np.empty(0, dtype=np.int64)
    starts = range(0, len(order), block)
    for start in watched(starts, "comparing with rows that are kept", "block", len(starts), SOON_S):
        places = np.asarray(order[start : start + block])
        own_BD = unit(np.asarray(vectors_ND[places]))
        best_B, of_B = _most_like(own_BD, vectors_ND, kept, block)
        inside_BB = own_BD @ own_BD.T
        fresh: list[int] = []  # rows of the block that are kept
        for row in range(len(places)):
            near = inside_BB[row, fresh]
            if len(near) and near.max() > best_B[row]:
                best_B[row], of_B[row] = near.max(), places[fresh[int(near.argmax())]]
            if best_B[row] <= above:
                fresh.append(row)
            yield Judged(int(places[row]), int(of_B[row]) if best_B[row] > above else -1, float(best_B[row]))
        kept = np.concatenate((kept, places[fresh]))


def _most_like(
    own_BD: Vectors, vectors_ND: Vectors, kept: NDArray[np.int64], block: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The highest cosine with a kept row, and that row; -inf where none is kept yet."""
    best_B = np.full(len(own_BD), -np.inf, dtype=np.float32)
    of_B = np.full(len(own_BD), -1, dtype=np.int64)
    for start in range(0, len(kept), block):
        others = kept[start : start + block]
        cosines_BK = own_BD @ unit(np.asarray(vectors_ND[others])).T
        top_B = cosines_BK.max(axis=1)
        better_B = top_B > best_B
        of_B[better_B] = others[cosines_BK.argmax(axis=1)[better_B]]
        best_B = np.maximum(best_B, top_B)
    return best_B, of_B
