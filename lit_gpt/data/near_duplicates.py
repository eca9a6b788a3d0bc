"""Texts that are nearly the same: MinHash signatures in bands (Broder 1997; "Mining of Massive Datasets", chapter 3).

A text is its set of shingles; two texts are as alike as their sets overlap (Jaccard). Signatures, by the library rensa,
bring together pairs that may be alike: with b bands of r numbers each, a pair of similarity s with probability
1 - (1 - s^r)^b. Every pair so found is measured on the shingles themselves: banding costs recall, never precision.
Memory: a signature for each text, and the texts of those that collide. Not covered: alike in meaning, parts of texts.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

N_PERMUTATIONS = 128
WANTED_RECALL = 0.99  # at the threshold itself
SEED = 1  # of the permutations: part of what a signature is, so nobody chooses it
BATCH_TEXTS = 1_000
WORD = re.compile(r"\w+")

Signatures = NDArray[np.uint32]
Hashes = NDArray[np.int64]
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
Shingle = Callable[[str], set[str]]


@dataclass(frozen=True)
class Bands:
    """b bands of r numbers."""

    n_bands: int
    n_rows: int

    @classmethod
    def for_threshold(cls, threshold: float, n_permutations: int = N_PERMUTATIONS) -> "Bands":
        """The longest bands that still find WANTED_RECALL of the pairs at the threshold; bands of one where none do."""
        choices = (cls(n_permutations // r, r) for r in range(n_permutations, 0, -1))
        return next((b for b in choices if b.collision_probability(threshold) >= WANTED_RECALL), cls(n_permutations, 1))

    def collision_probability(self, similarity: float) -> float:
        """That two texts of this similarity share a band."""
        return 1 - (1 - similarity**self.n_rows) ** self.n_bands

    def curve(self, similarities: Iterable[float]) -> str:
        """The probabilities in words, for a log."""
        return ", ".join(f"{s:.2f}: {self.collision_probability(s):.3f}" for s in similarities)

    def keys(self, signatures_NP: Signatures) -> NDArray[np.uint64]:
        """A number for each text and band (N, B), equal for equal bands."""
        used = signatures_NP[:, : self.n_bands * self.n_rows].astype(np.uint64)
        keys_NB = np.zeros((len(signatures_NP), self.n_bands), dtype=np.uint64)
        for row in range(self.n_rows):
            keys_NB = keys_NB * np.uint64(0x9E3779B97F4A7C15) + used[:, row :: self.n_rows]
        return keys_NB


@dataclass(frozen=True)
class Match:
    """Text number `place` is like text number `of`, which stands before it; `similarity` is their Jaccard."""

    place: int
    of: int
    similarity: float


def word_shingles(n: int) -> Shingle:
    """Every run of n words in lower case, punctuation aside; a shorter text is one shingle."""

    def shingles(text: str) -> set[str]:
        words = WORD.findall(text.lower())
        return {" ".join(words[start : start + n]) for start in range(max(len(words) - n, 0) + 1)} if words else set()

    return shingles


def character_shingles(n: int) -> Shingle:
    """Every run of n characters in lower case, punctuation and runs of blanks as one blank."""

    def shingles(text: str) -> set[str]:
        text = " ".join(WORD.findall(text.lower()))
        return {text[start : start + n] for start in range(max(len(text) - n, 0) + 1)} if text else set()

    return shingles


def jaccard(first: set[str], second: set[str]) -> float:
    """Shared over all; 0 for two empty sets, which say nothing."""
    together = len(first | second)
    return len(first & second) / together if together else 0.0


def signatures_of(texts: Iterable[str], shingle: Shingle, n_permutations: int = N_PERMUTATIONS) -> Signatures:
    """A signature for each text (N, P); the same on every machine."""
    from rensa import RMinHash

    remaining, parts = iter(texts), [np.zeros((0, n_permutations), dtype=np.uint32)]
    while batch := list(islice(remaining, BATCH_TEXTS)):
        sets = [sorted(shingle(text)) for text in batch]
        parts.append(np.array(RMinHash.digests_from_token_sets(sets, n_permutations, SEED), dtype=np.uint32))
    return np.concatenate(parts)


def near_duplicates(
    texts: Callable[[], Iterable[str]], threshold: float, shingle: Shingle, n_permutations: int = N_PERMUTATIONS
) -> Iterator[Match]:
    """For each text that is at least `threshold` like an earlier one that has no such match itself, the most alike.

    `texts` is asked for twice; memory holds the signatures, and the texts that share a band with another.
    """
    bands = Bands.for_threshold(threshold, n_permutations)
    keys_NB = bands.keys(signatures_of(texts(), shingle, n_permutations))
    suspects = _sharing(keys_NB)
    kept: dict[tuple[int, int], list[int]] = defaultdict(list)
    shingles: dict[int, set[str]] = {}
    for place, text in enumerate(texts()):
        if not suspects[place]:
            continue
        own = shingle(text)
        buckets = list(enumerate(keys_NB[place].tolist()))
        candidates = sorted({other for bucket in buckets for other in kept.get(bucket, ())})
        best = _most_alike(own, candidates, shingles)
        if best is not None and best[0] >= threshold:
            yield Match(place, best[1], best[0])
            continue
        shingles[place] = own
        for bucket in buckets:
            kept[bucket].append(place)


def _sharing(keys_NB: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which texts share a band with another."""
    shares = np.zeros(len(keys_NB), dtype=bool)
    for keys_N in keys_NB.T:
        _, inverse, counts = np.unique(keys_N, return_inverse=True, return_counts=True)
        shares |= counts[inverse] > 1
    return shares


def _most_alike(own: set[str], candidates: Sequence[int], shingles: dict[int, set[str]]) -> tuple[float, int] | None:
    """The best (similarity, place), of equals the first."""
    measured = [(jaccard(own, shingles[other]), other) for other in candidates]
    return max(measured, key=lambda pair: (pair[0], -pair[1])) if measured else None


class NearIndex:
    """Texts to be found again, though changed a little.

    Memory, a text: 8 bytes a shingle (Python's hash of it, which differs from process to process and is kept by none;
    two shingles meet by chance in 1 of 10^19 pairs) and 16 a band.
    """

    def __init__(self, texts: Sequence[str], threshold: float, shingle: Shingle) -> None:
        self.threshold, self._shingle = threshold, shingle
        self._bands = Bands.for_threshold(threshold)
        self._shingles = [_hashed(shingle(text)) for text in texts]
        keys_NB = self._bands.keys(signatures_of(texts, shingle))
        self._places_NB = np.argsort(keys_NB, axis=0, kind="stable")
        self._keys_NB = np.take_along_axis(keys_NB, self._places_NB, axis=0)

    def find(self, texts: Sequence[str]) -> list[list[tuple[float, int]]]:
        """For each text the (similarity, place) of all that are at least the threshold alike, most alike first."""
        keys_QB = self._bands.keys(signatures_of(texts, self._shingle))
        found = [
            np.searchsorted(self._keys_NB[:, band], keys, side) for side in SIDES for band, keys in enumerate(keys_QB.T)
        ]
        firsts_QB, ends_QB = np.array(found).reshape(2, *keys_QB.T.shape).transpose(0, 2, 1)
        return [self._alike(text, *span) for text, *span in zip(texts, firsts_QB, ends_QB, strict=True)]

    def _alike(self, text: str, firsts_B: NDArray[np.int64], ends_B: NDArray[np.int64]) -> list[tuple[float, int]]:
        spans = ((band, firsts_B[band], ends_B[band]) for band in np.flatnonzero(ends_B > firsts_B))
        candidates = {place for band, first, end in spans for place in self._places_NB[first:end, band].tolist()}
        if not candidates:
            return []
        own = _hashed(self._shingle(text))
        measured = ((_overlap(own, self._shingles[other]), other) for other in candidates)
        found = [pair for pair in measured if pair[0] >= self.threshold]
        return sorted(found, key=lambda pair: (-pair[0], pair[1]))


def _hashed(shingles: set[str]) -> Hashes:
    """In order."""
    return np.sort(np.fromiter(map(hash, shingles), np.int64, len(shingles)))


def _overlap(first: Hashes, second: Hashes) -> float:
    """Jaccard of two sets of hashes."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    together = len(first) + len(second) - shared
    return shared / together if together else 0.0
