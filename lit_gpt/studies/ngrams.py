"""Unigram and n-gram losses over a TokenSet: what a language model has to beat to have learnt anything.

Interpolated Witten-Bell smoothing (Chen and Goodman 1998, TR-10-98, section 2.5): an order trusts its own counts the
more, the fewer different words followed its context. The order below the unigram is uniform over the vocabulary.
Not covered: vocabularies and orders whose n-grams do not fit into 63 bits.
"""

import numpy as np

from lit_gpt.tokens.store import TokenRows

CODE_BITS = 63


class NGrams:
    """Counts of all n-grams up to `order` within the rows."""

    def __init__(self, train: TokenRows, order: int, vocab_size: int) -> None:
        self.order, self.base = order, vocab_size
        if order * int(vocab_size).bit_length() > CODE_BITS:
            raise ValueError(f"{order}-grams over {vocab_size} ids do not fit into {CODE_BITS} bits")
        self.counts = [np.unique(self._codes(train, n)[1], return_counts=True) for n in range(1, order + 1)]
        self.contexts = [_contexts(codes // vocab_size, counts) for codes, counts in self.counts]

    def losses(self, rows: TokenRows) -> dict[int, float]:
        """For every order up to ours: the mean negative log-probability of every token but each row's first."""
        is_target = np.ones(len(rows.ids), bool)
        is_target[np.asarray(rows.offsets[:-1])] = False
        probability, losses = np.full(len(rows.ids), 1 / self.base), {}
        for n in range(1, self.order + 1):
            places, codes = self._codes(rows, n)
            seen, followed, different = self._look_up(n, codes)
            known = followed > 0
            lower = probability[places]
            share = (seen + different * lower) / np.where(known, followed + different, 1)
            probability[places] = np.where(known, share, lower)
            losses[n] = float(-np.log(probability[is_target]).mean())
        return losses

    def _codes(self, rows: TokenRows, n: int) -> tuple[np.ndarray, np.ndarray]:
        """The places where an n-gram ends, none across rows, and each as one number."""
        ids = np.asarray(rows.ids, dtype=np.int64)
        starts = np.repeat(np.asarray(rows.offsets[:-1]), rows.lengths)
        places = np.flatnonzero(np.arange(len(ids)) - starts >= n - 1)
        codes = np.zeros(len(places), np.int64)
        for back in range(n - 1, -1, -1):
            codes = codes * self.base + ids[places - back]
        return places, codes

    def _look_up(self, n: int, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How often each n-gram was seen, its context followed by anything, and by how many different ids."""
        known, counts = self.counts[n - 1]
        contexts, followed, different = self.contexts[n - 1]
        context_codes = codes // self.base
        return (
            _find(known, counts, codes),
            _find(contexts, followed, context_codes),
            _find(contexts, different, context_codes),
        )


def _contexts(codes: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For every context: how often it was followed, and by how many different ids. `codes` are sorted."""
    contexts, first = np.unique(codes, return_index=True)
    return contexts, np.add.reduceat(counts, first), np.diff([*first, len(codes)])


def _find(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each wanted key, 0 where there is none."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
