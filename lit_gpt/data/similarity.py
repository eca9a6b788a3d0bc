"""Near-duplicates: texts that share most of their word 5-grams.

MinHash (Broder 1997) with locality-sensitive hashing finds candidates, the exact Jaccard similarity decides; 5-grams
and 0.8 are those of Lee et al. 2022 (arXiv 2107.06499). 128 values in 32 bands: a pair of similarity s is a candidate
with probability 1 - (1 - s^4)^32, which is above 0.9998 from LEAST_THRESHOLD on. Signatures by rensa.

Not covered: paraphrases, and texts in other alphabets without blanks between words, which are one shingle each.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from lit_gpt.example import Message

N_VALUES, N_BANDS = 128, 32
N_WORDS = 5
LEAST_THRESHOLD = 0.7  # merge_settings.py holds users to it
SEED = 1


class Match(NamedTuple):
    """The nearest text of an index: its number, in the order they were added, and the Jaccard similarity."""

    number: int
    similarity: float


def dialogue_text(messages: Iterable[Message]) -> str:
    return "\n".join(message.content for message in messages)


def shingles(text: str) -> list[str]:
    """The distinct runs of five words, in lower case, in order; a shorter text is one shingle."""
    words = text.lower().split()
    if len(words) < N_WORDS:
        return [" ".join(words)]
    return list(dict.fromkeys(" ".join(words[i : i + N_WORDS]) for i in range(len(words) - N_WORDS + 1)))


class NearDuplicates:
    """An index of texts that is asked for a text at least `threshold` similar to another."""

    def __init__(self, threshold: float) -> None:
        import rensa

        self._threshold = threshold
        self._sketch = rensa.RMinHash
        self._lsh = rensa.RMinHashLSH(threshold=threshold, num_perm=N_VALUES, num_bands=N_BANDS)
        self._hashes: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, text: str) -> None:
        parts = shingles(text)
        self._lsh.insert(len(self), self._signature(parts))
        self._hashes.append(_hashed(parts))

    def find(self, text: str) -> Match | None:
        """The most similar text of the index, the first of several; None where none reaches the threshold."""
        parts = shingles(text)
        candidates = sorted(self._lsh.query(self._signature(parts)))
        if not candidates:
            return None
        hashes = _hashed(parts)
        matches = [Match(number, _jaccard(hashes, self._hashes[number])) for number in candidates]
        best = max(matches, key=lambda match: match.similarity)
        return best if best.similarity >= self._threshold else None

    def _signature(self, parts: list[str]) -> object:
        sketch = self._sketch(num_perm=N_VALUES, seed=SEED)
        sketch.update(parts)
        return sketch


def _hashed(parts: list[str]) -> np.ndarray:
    """Sorted 64-bit hashes; Python's own, which differ between processes, so they never leave this one."""
    return np.sort(np.array([hash(part) for part in parts], np.int64))


def _jaccard(a: np.ndarray, b: np.ndarray) -> float:
    n_shared = len(np.intersect1d(a, b, assume_unique=True))
    return n_shared / (len(a) + len(b) - n_shared)
