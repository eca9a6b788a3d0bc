"""The most similar of many texts, by TF-IDF and cosine (Salton and Buckley 1988, doi 10.1016/0306-4573(88)90021-0).

Features are words, pairs of neighbouring words, and triples of neighbouring characters, all in lower case and with
runs of white space as one blank. A feature counts as often as it occurs, times 1 + ln((1 + n) / (1 + df)), where df of
the n texts have it: scikit-learn's default. Features are hashed into N_BUCKETS, so that memory does not grow with the
vocabulary; two that fall together count as one. Texts stream by: once to be counted, once for each block of queries.
Not covered: approximate search, an index that is kept.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

N_BUCKETS = 1 << 22  # of 100,000 features, about one in forty shares its bucket
MAX_CELLS = 1 << 25  # of a block of queries as a table, features by queries: 256 MiB
TEXT_BLOCK = 256

Texts = Callable[[], Iterable[str]]  # asked for once a pass
Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Bag:
    """A text's distinct features, as buckets in ascending order, and a number for each."""

    buckets: NDArray[np.int64]
    weights: Weights

    @classmethod
    def of(cls, text: str) -> "Bag":
        """How often each feature occurs."""
        hashed = [zlib.crc32(feature.encode("utf-8", "surrogatepass")) % N_BUCKETS for feature in features(text)]
        buckets, counts = np.unique(np.array(hashed, dtype=np.int64), return_counts=True)
        return cls(buckets, counts.astype(np.float64))

    def scaled(self, idf_U: Weights) -> "Bag":
        """TF-IDF of length 1; of length 0 where every weight is zero."""
        weights = self.weights * idf_U[self.buckets]
        return Bag(self.buckets, weights / (np.linalg.norm(weights) or 1.0))


def features(text: str) -> Iterator[str]:
    """Words, word pairs, and character triples; the latter marked, for a word may look like one."""
    text = re.sub(r"\s+", " ", text.lower())
    words = re.findall(r"\w+", text)
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
    yield from (f"\0{text[start : start + 3]}" for start in range(len(text) - 2))


def nearest(queries: Sequence[str], texts: Texts) -> list[tuple[int, float]]:
    """For each query the number of the nearest text (the first of equals) and their cosine. ValueError for no texts."""
    idf_U = inverse_document_frequencies(texts())
    bags = [Bag.of(query).scaled(idf_U) for query in queries]
    return [found for block in _blocks(bags) for found in _search(block, texts(), idf_U)]


def inverse_document_frequencies(texts: Iterable[str]) -> Weights:
    """The factor of each bucket (U of them), zero where no text has it. ValueError for no texts."""
    n_texts = 0
    n_having_U = np.zeros(N_BUCKETS, dtype=np.int64)
    for text in texts:
        n_texts += 1
        n_having_U[Bag.of(text).buckets] += 1
    if not n_texts:
        raise ValueError("no texts to search")
    return np.where(n_having_U > 0, 1 + np.log((1 + n_texts) / (1 + n_having_U)), 0.0)


def _blocks(queries: Sequence[Bag]) -> Iterator[list[Bag]]:
    """The queries in order, in blocks whose table stays small."""
    block: list[Bag] = []
    n_features = 0
    for query in queries:
        n_features += len(query.buckets)
        if block and n_features * (len(block) + 1) > MAX_CELLS:
            yield block
            block, n_features = [], len(query.buckets)
        block.append(query)
    if block:
        yield block


def _search(queries: list[Bag], texts: Iterable[str], idf_U: Weights) -> list[tuple[int, float]]:
    """`nearest` for one block of queries (Q of them)."""
    row_of_U, table_FQ = _table(queries)
    best_Q, number_Q = np.full(len(queries), -1.0), np.zeros(len(queries), dtype=np.int64)
    remaining, start = iter(texts), 0
    while block := list(islice(remaining, TEXT_BLOCK)):
        cosines_TQ = _cosines([Bag.of(text).scaled(idf_U) for text in block], row_of_U, table_FQ)
        first_Q = cosines_TQ.argmax(0)
        top_Q = cosines_TQ.max(0)
        is_better_Q = top_Q > best_Q
        best_Q = np.where(is_better_Q, top_Q, best_Q)
        number_Q = np.where(is_better_Q, start + first_Q, number_Q)
        start += len(block)
    return list(zip(number_Q.tolist(), best_Q.tolist(), strict=True))


def _table(queries: list[Bag]) -> tuple[NDArray[np.int64], Tensor]:
    """The queries as columns of a table with a row for each feature they have, and each bucket's row (-1 for none)."""
    buckets_F = np.unique(np.concatenate([query.buckets for query in queries]))
    row_of_U = np.full(N_BUCKETS, -1, dtype=np.int64)
    row_of_U[buckets_F] = np.arange(len(buckets_F))
    table_FQ = np.zeros((len(buckets_F), len(queries)))
    for column, query in enumerate(queries):
        table_FQ[row_of_U[query.buckets], column] = query.weights
    return row_of_U, torch.from_numpy(table_FQ)


def _cosines(texts: list[Bag], row_of_U: NDArray[np.int64], table_FQ: Tensor) -> Weights:
    """The cosine of each text with each query: a sparse matrix times a table, which is what an embedding bag is."""
    if not len(table_FQ):
        return np.zeros((len(texts), table_FQ.size(1)))
    rows = [row_of_U[text.buckets] for text in texts]
    known = [row >= 0 for row in rows]
    sizes = [int(is_known.sum()) for is_known in known]
    flat = np.concatenate([row[is_known] for row, is_known in zip(rows, known, strict=True)])
    weights = np.concatenate([text.weights[is_known] for text, is_known in zip(texts, known, strict=True)])
    cosines_TQ = F.embedding_bag(
        torch.from_numpy(flat),
        table_FQ,
        torch.from_numpy(np.cumsum([0, *sizes[:-1]])),
        mode="sum",
        per_sample_weights=torch.from_numpy(weights),
    )
    return cosines_TQ.numpy()
