"""Scores read off a row's words and tokens: no model, though some need its tokenizer."""

import sys
from dataclasses import dataclass
from typing import Any, ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.models import tokenizer_and_style, tokenizer_identity
from lit_gpt.curation.scorers import OfRows, row_by_row
from lit_gpt.curation.scores import ScoreRows
from lit_gpt.curation.texts import answer_of, prompt_of


@dataclass(frozen=True)
class AnswerWords(OfRows):
    """Words of the answers, parted by white space."""

    NAME: ClassVar = "answer_words"

    def start(self, bench: Bench) -> ScoreRows:
        return row_by_row(lambda example: len(answer_of(example).split()))


@dataclass(frozen=True)
class PromptWords(OfRows):
    """Words of the prompts, parted by white space."""

    NAME: ClassVar = "prompt_words"

    def start(self, bench: Bench) -> ScoreRows:
        return row_by_row(lambda example: len(prompt_of(example).split()))


class Tokens(OfRows):
    """What counts by the tokenizer of --checkpoint_dir."""

    NEEDS: ClassVar = ("checkpoint_dir",)

    def identity(self, bench: Bench) -> dict[str, Any]:
        return tokenizer_identity(bench)


@dataclass(frozen=True)
class RowTokens(Tokens):
    """Tokens of the whole row as training encodes it, by the tokenizer of --checkpoint_dir.

    With --max_seq_length those that training keeps of it: 0 of a row whose answer begins too late.
    """

    NAME: ClassVar = "row_tokens"

    def identity(self, bench: Bench) -> dict[str, Any]:
        cut = bench.settings.max_seq_length
        return {**super().identity(bench), **({} if cut is None else {"max_seq_length": cut})}

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.tokens.encode import encode_examples, fit

        tokenizer, style = tokenizer_and_style(bench)
        cut = bench.settings.max_seq_length or sys.maxsize
        rows = lambda examples: encode_examples(examples, tokenizer, style)  # noqa: E731
        return lambda examples: ((e.id, len(fit(row, cut, "trim").ids)) for e, row in rows(examples))


@dataclass(frozen=True)
class InputTokens(Tokens):
    """Tokens of all but the answers, by the tokenizer of --checkpoint_dir."""

    NAME: ClassVar = "input_tokens"

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.likelihoods import length_scores

        asked = tokenizer_and_style(bench)
        return lambda examples: ((id, n_input) for id, n_input, _ in length_scores(examples, *asked))


@dataclass(frozen=True)
class OutputTokens(Tokens):
    """Tokens of the answers, by the tokenizer of --checkpoint_dir."""

    NAME: ClassVar = "output_tokens"

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.likelihoods import length_scores

        asked = tokenizer_and_style(bench)
        return lambda examples: ((id, n_output) for id, _, n_output in length_scores(examples, *asked))


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
class WordCommonness(OfRows):
    """Mean log share that the words of the answers have of all words of the pool's answers."""

    NAME: ClassVar = "word_commonness"

    def identity(self, bench: Bench) -> dict[str, Any]:
        return {"pool": bench.pool_hash}

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.lexical import count_words, word_commonness_scores

        counts = count_words(bench.pool_rows("counting words"))
        return lambda examples: word_commonness_scores(examples, counts)
