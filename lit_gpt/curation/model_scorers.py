"""Scores that a model gives, and those that follow from vectors; the arithmetic is in `indicators/` and `selection/`.

The model is the one of --checkpoint_dir, whatever it is: which model scored stands in the table's name by the hashes of
its files. Scores from vectors depend on the other rows, so they are computed anew for every set of rows.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lit_gpt.curation.bench import Bench, Scores
from lit_gpt.curation.models import checkpoint_of, model_identity
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.scorers import OfRows
from lit_gpt.curation.scores import ScoreRows

WINDOW_ROWS = 512  # what likelihoods are read in: the same windows give the same bits


@dataclass(frozen=True)
class Likelihoods(OfRows):
    """What scores by a model's likelihood share: NAME_scores of likelihoods.py, by a subclass's NAME.

    Args:
        alone_prefix: what stands before an answer that stands alone
        max_tokens: longer rows have no score; 0 for the model's context
    """

    alone_prefix: str = ""
    max_tokens: int = 0

    NAME: ClassVar[str]
    SHARD_ROWS: ClassVar = WINDOW_ROWS

    def identity(self, bench: Bench) -> dict[str, Any]:
        return model_identity(bench)

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators import likelihoods
        from lit_gpt.loading import load
        from lit_gpt.prompt_styles import find_style

        checkpoint_dir = checkpoint_of(bench)
        model, tokenizer = load(checkpoint_dir)
        style = find_style(bench.settings.prompt_style, checkpoint_dir)
        reader = likelihoods.Reader(model, tokenizer, style, self.alone_prefix, self.max_tokens)
        indicator = getattr(likelihoods, f"{self.NAME}_scores")
        return lambda examples: indicator(examples, reader)


@dataclass(frozen=True)
class Perplexity(Likelihoods):
    """exp of the mean NLL of the answers after their prompts."""

    NAME: ClassVar = "perplexity"


@dataclass(frozen=True)
class IfdLoss(Likelihoods):
    """Mean NLL of the answer given its prompt over that of the answer alone."""

    NAME: ClassVar = "ifd_loss"


@dataclass(frozen=True)
class IfdPerplexity(Likelihoods):
    """Perplexity of the answer given its prompt over that of the answer alone."""

    NAME: ClassVar = "ifd_ppl"


@dataclass(frozen=True)
class OutputTokens(OfRows):
    """Tokens of the answers, by the tokenizer of --checkpoint_dir."""

    NAME: ClassVar = "output_tokens"

    def identity(self, bench: Bench) -> dict[str, Any]:
        from lit_gpt.curation.scorers import RowTokens

        return RowTokens().identity(bench)

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.likelihoods import length_scores
        from lit_gpt.prompt_styles import find_style
        from lit_gpt.tokenizer import Tokenizer

        checkpoint_dir = checkpoint_of(bench)
        tokenizer, style = Tokenizer(checkpoint_dir), find_style(bench.settings.prompt_style, checkpoint_dir)
        return lambda examples: ((id, n) for id, _, n in length_scores(examples, tokenizer, style))


@dataclass(frozen=True)
class Mtld(OfRows):
    """Measure of textual lexical diversity of the answers, at a type-token ratio of 0.72."""

    NAME: ClassVar = "mtld"

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.lexical import mtld_scores

        return mtld_scores


@dataclass(frozen=True)
class WordEntropy(OfRows):
    """Bits a word of the answers."""

    NAME: ClassVar = "word_entropy"

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.lexical import word_entropy_scores

        return word_entropy_scores


@dataclass(frozen=True)
class NeighbourDistance:
    """Distance to the i-th nearest other row, by the vectors of that name.

    Args:
        vectors: the recipe's name for the embedder
        i: which neighbour, from 1
    """

    vectors: str = "hashed_ngrams"
    i: int = 6

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        from lit_gpt.curation.indicators.neighbours import neighbour_distances

        return np.asarray(neighbour_distances(bench.vectors(self.vectors, rows), self.i))


@dataclass(frozen=True)
class RowVariance:
    """LIFT's variety: the variance of a row's principal coordinates.

    Args:
        vectors: the recipe's name for the embedder
        variance_kept: how much of the variance the coordinates hold
    """

    vectors: str = "hashed_ngrams"
    variance_kept: float = 0.95

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        from lit_gpt.curation.selection.variety import row_variances

        return np.asarray(row_variances(bench.vectors(self.vectors, rows), self.variance_kept))
