"""DEITA's filter: rows in order of their score, without those too much like one that was kept.

A row is dropped where its cosine with any kept row is above the limit, 0.9 (Liu et al. 2023, arXiv 2312.15685, who call
it distance; hkust-nlp/deita compares similarities). A copy's better-scored twin stays. Compare distilabel's filter of
the same name, which keeps rows whose cosine *distance* to the whole pool is at least 0.9: another method.
"""

import torch

from lit_gpt.curation.indicators.embeddings import Vectors
from lit_gpt.curation.selection.order import Values, best_first

MOST_SIMILAR = 0.9
BLOCK = 256


def unlike_each_other(scores_N: Values, vectors_ND: Vectors, k: int, most_similar: float = MOST_SIMILAR) -> list[int]:
    """At most k places, the best score first; fewer where the pool runs out of rows that differ."""
    order = best_first(scores_N)
    kept: list[int] = []
    kept_KD = torch.empty(0, vectors_ND.shape[1])
    for start in range(0, len(order), BLOCK):
        places = order[start : start + BLOCK]
        block_BD = torch.nn.functional.normalize(torch.from_numpy(vectors_ND[places]).float(), dim=1)
        fresh = _fresh(block_BD, kept_KD, most_similar)[: k - len(kept)]
        kept += [places[row] for row in fresh]
        if len(kept) >= k:
            break
        kept_KD = torch.cat((kept_KD, block_BD[fresh]))
    return kept


def _fresh(block_BD: torch.Tensor, kept_KD: torch.Tensor, most_similar: float) -> list[int]:
    """Rows of the block unlike those kept before, and unlike the block's own that are kept."""
    is_old_B = (block_BD @ kept_KD.T > most_similar).any(1)
    alike_BB = block_BD @ block_BD.T > most_similar
    fresh: list[int] = []
    for row in range(len(block_BD)):
        if not is_old_B[row] and not alike_BB[row, fresh].any():
            fresh.append(row)
    return fresh
