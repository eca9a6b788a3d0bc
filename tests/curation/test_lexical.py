"""Lexical indicators: MTLD against lexicalrichness on the same words, entropy against scipy."""

import math
from collections import Counter

import numpy as np
import pytest
from lexicalrichness import LexicalRichness
from scipy.stats import entropy

from lit_gpt.curation.indicators.lexical import (
    _n_stretches,
    count_words,
    mtld,
    mtld_scores,
    word_commonness_scores,
    word_entropy,
    word_entropy_scores,
)
from lit_gpt.curation.indicators.scores import Missing, why_missing, words_of
from lit_gpt.curation.texts import first_request_of
from tests.curation.rows import row


@pytest.mark.parametrize("n_types", [2, 7, 40, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_mtld_is_that_of_lexicalrichness(n_types: int, seed: int) -> None:
    draw = np.random.default_rng([n_types, seed])
    words = [f"w{number}" for number in draw.integers(n_types, size=draw.integers(1, 300))]
    assert mtld(words) == pytest.approx(LexicalRichness(words, preprocessor=None, tokenizer=None).mtld())


def test_a_stretch_ends_at_the_threshold_not_below_it() -> None:
    """18 types in 25 words are exactly 0.72."""
    words = [f"w{number}" for number in range(18)] + ["w0"] * 7
    assert _n_stretches(words, 0.72) == 1 > _n_stretches(words, 0.719) > 0.9
    assert _n_stretches([*words, "more"], 0.72) == 1


@pytest.mark.parametrize("seed", range(4))
def test_entropy_is_scipy_s(seed: int) -> None:
    words = [f"w{number}" for number in np.random.default_rng(seed).integers(9, size=50)]
    assert word_entropy(words) == pytest.approx(entropy(list(Counter(words).values()), base=2))


def test_commonness_by_hand() -> None:
    rows = [row("a", "q", "cat cat dog"), row("b", "q", "Cat!"), row("c", "q", "?")]
    counts = count_words(rows)
    scores = dict(word_commonness_scores(rows, counts))
    assert counts == {"cat": 3, "dog": 1}
    assert scores["a"] == pytest.approx((2 * math.log(3 / 4) + math.log(1 / 4)) / 3)
    assert scores["b"] == pytest.approx(math.log(3 / 4))
    assert why_missing(scores["c"]) == "no_words"
    with pytest.raises(ValueError, match="another pool"):
        list(word_commonness_scores([row("d", "q", "bird")], counts))


def test_a_row_without_words_has_no_number() -> None:
    rows = [row("a", "q", "one two one"), row("b", "q", "...")]
    for scores in (mtld_scores(rows), word_entropy_scores(rows)):
        (_, first), (id, second) = scores
        assert (why_missing(first), id, why_missing(second)) == ("", "b", "no_words")
        assert isinstance(second, Missing) and math.isnan(second)
    assert why_missing(math.nan) == "not_a_number"


def test_words_and_prompts() -> None:
    assert words_of("Don't, I SAID; 3.5!") == ["don't", "i", "said", "3", "5"]
    assert first_request_of(row("a", "first", "answer", "second", "another")) == "first"
