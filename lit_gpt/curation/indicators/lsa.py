"""Latent semantic analysis: words by TF-IDF, and of their matrix over a pool the first directions (Deerwester et al.
1990, doi 10.1002/(SICI)1097-4571(199009)41:6<391::AID-ASI1>3.0.CO;2-9).

    text -> counts of words in hashed buckets -> * idf, length 1 -> coordinates on the n first right singular vectors

Words that keep the same company come to lie together, which is a little of meaning; no model, the same everywhere. The
directions are eigenvectors of the words' products, summed over the pool a block at a time, so that memory holds
buckets squared and not the pool. Each direction's largest part is positive.
"""

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.indicators.embeddings import BATCH_TEXTS, Vectors, unit

WORD = re.compile(r"\w+")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LatentWords:
    """An Embedder, fitted to a pool."""

    idf_W: Floats
    directions_WD: Floats

    @property
    def name(self) -> str:
        return f"latent-words-{self.n_dims}"

    @property
    def n_dims(self) -> int:
        return self.directions_WD.shape[1]

    def embed(self, texts: Sequence[str]) -> Vectors:
        return unit((weighted(bucket_counts(texts, len(self.idf_W)), self.idf_W) @ self.directions_WD).astype("f4"))


def fit_latent_words(texts: Callable[[], Iterable[str]], n_dims: int, n_buckets: int) -> LatentWords:
    """Directions of a pool, whose texts are asked for twice. ValueError for more directions than buckets."""
    if n_dims > n_buckets:
        raise ValueError(f"{n_dims} directions of {n_buckets} buckets")
    n_texts, having_W = 0, np.zeros(n_buckets)
    for counts_BW in _blocks(texts(), n_buckets):
        n_texts += len(counts_BW)
        having_W += (counts_BW > 0).sum(axis=0)
    idf_W = idf(having_W, n_texts)
    products_WW = np.zeros((n_buckets, n_buckets))
    for counts_BW in _blocks(texts(), n_buckets):
        rows_BW = weighted(counts_BW, idf_W)
        products_WW += rows_BW.T @ rows_BW
    _, vectors_WW = np.linalg.eigh(products_WW)
    return LatentWords(idf_W, positive_directions(vectors_WW[:, ::-1][:, :n_dims]))


def _blocks(texts: Iterable[str], n_buckets: int) -> Iterator[Floats]:
    remaining = iter(texts)
    while batch := list(islice(remaining, BATCH_TEXTS)):
        yield bucket_counts(batch, n_buckets)


def bucket_counts(texts: Sequence[str], n_buckets: int) -> Floats:
    """How often the words of each bucket occur in each text (N, W)."""
    counts_NW = np.zeros((len(texts), n_buckets))
    for row, text in zip(counts_NW, texts, strict=True):
        for word, n in Counter(WORD.findall(text.lower())).items():
            row[zlib.crc32(word.encode("utf-8", "surrogatepass")) % n_buckets] += n
    return counts_NW


def idf(having_W: Floats, n_texts: int) -> Floats:
    """1 + ln((1 + N) / (1 + texts that have it)), as scikit-learn's."""
    return np.asarray(1 + np.log((1 + n_texts) / (1 + having_W)))


def weighted(counts_NW: Floats, idf_W: Floats) -> Floats:
    """TF-IDF at length 1; a text without words stays 0."""
    weighted_NW = counts_NW * idf_W
    lengths_N1 = np.linalg.norm(weighted_NW, axis=1, keepdims=True)
    return np.asarray(weighted_NW / np.where(lengths_N1 > 0, lengths_N1, 1))


def positive_directions(columns: Floats) -> Floats:
    """Each column with its sign such that its largest part is positive."""
    largest = np.abs(columns).argmax(axis=0)
    return np.asarray(columns * np.where(columns[largest, range(columns.shape[1])] < 0, -1, 1))
