"""Indicators that need no model: lexical diversity, entropy, how common the words are.

    mtld              measure of textual lexical diversity (McCarthy and Jarvis 2010, doi 10.3758/BRM.42.2.381), at a
                      type-token ratio of 0.72: how many words on average keep the ratio above it
    word_entropy      bits a word, of the answer's own words: information entropy
    word_commonness   mean natural log of the share that the answer's words have of all words of the pool

MTLD as in the package `lexicalrichness`: a stretch ends where the ratio is at or below the threshold, no stretch has a
least length, the rest counts in part, both directions are averaged. Other programs differ in each of these.
Not covered: lemmas, languages that do not part words by blanks.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from lit_gpt.curation.indicators.scores import Missing, Score, words_of
from lit_gpt.curation.texts import answer_of
from lit_gpt.example import Example

MTLD_THRESHOLD = 0.72  # McCarthy and Jarvis, page 385: where the curves of most texts level off


def mtld_scores(examples: Iterable[Example]) -> Iterator[Score]:
    """MTLD of the answers in words."""
    return ((example.id, mtld(words_of(answer_of(example)))) for example in examples)


def mtld(words: Sequence[str], threshold: float = MTLD_THRESHOLD) -> float:
    """The mean of both directions; Missing for no words. Words of which none repeats count as one stretch."""
    if not words:
        return Missing("no_words")
    n_forward, n_backward = _n_stretches(words, threshold), _n_stretches(words[::-1], threshold)
    return (len(words) / (n_forward or 1) + len(words) / (n_backward or 1)) / 2


def _n_stretches(words: Sequence[str], threshold: float) -> float:
    """How often the type-token ratio falls to the threshold, the last stretch in part."""
    n_whole, n_words, types = 0, 0, set[str]()
    for word in words:
        n_words += 1
        types.add(word)
        if len(types) / n_words <= threshold:
            n_whole, n_words = n_whole + 1, 0
            types.clear()
    rest = (1 - len(types) / n_words) / (1 - threshold) if n_words else 0.0
    return n_whole + rest


def word_entropy_scores(examples: Iterable[Example]) -> Iterator[Score]:
    """Bits a word of the answers."""
    return ((example.id, word_entropy(words_of(answer_of(example)))) for example in examples)


def word_entropy(words: Sequence[str]) -> float:
    """Shannon's entropy of the words' shares, in bits: 0 for one word over and over."""
    if not words:
        return Missing("no_words")
    shares = [count / len(words) for count in Counter(words).values()]
    return -sum(share * math.log2(share) for share in shares) + 0.0


def count_words(examples: Iterable[Example]) -> Counter[str]:
    """How often each word occurs in the answers of a pool."""
    counts: Counter[str] = Counter()
    for example in examples:
        counts.update(words_of(answer_of(example)))
    return counts


def word_commonness_scores(examples: Iterable[Example], counts: Counter[str]) -> Iterator[Score]:
    """The mean log share of the answers' words; `counts` from a first pass over the same pool."""
    n_words = counts.total()
    for example in examples:
        words = words_of(answer_of(example))
        if not words:
            yield example.id, Missing("no_words")
        elif unknown := [word for word in words if not counts[word]]:
            raise ValueError(f"the counts lack {unknown[0]!r}: they are of another pool")
        else:
            yield example.id, sum(math.log(counts[word] / n_words) for word in words) / len(words)
