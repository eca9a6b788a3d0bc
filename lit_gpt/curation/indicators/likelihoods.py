"""Perplexity and instruction-following difficulty of a row's answers, of two packed passes, each made once.

    perplexity   exp s(A|Q)                  s is the mean negative log-likelihood of a token in nats
    ifd_loss     s(A|Q) / s(A)               Cherry LLM (arXiv 2308.12032): at most 1 is kept, then the highest
    ifd_ppl      exp(s(A|Q) - s(A))          Superfiltering (arXiv 2402.00530): below 1 is kept, then the highest

The two are no monotone functions of each other, so their rankings differ. Where a row has several answers, both means
run over the tokens of all of them. Published programs differ further: Cherry LLM writes its response heading before
an answer that stands alone (`alone_prefix`), Superfiltering writes nothing and so leaves its first token unscored.
Not covered: windows over texts that are longer than the context; such a row is Missing.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from lit_gpt.curation.indicators.documents import Document, Passes, passes_of
from lit_gpt.curation.indicators.packed import summed_nll
from lit_gpt.curation.indicators.scores import Missing, Score
from lit_gpt.example import Example
from lit_gpt.model import GPT
from lit_gpt.prompts import PromptStyle
from lit_gpt.tokens.encode import Encoder

# Rows that are sorted and packed together. Who feeds a scorer in pieces of this many rows gets, bit for bit, what one
# long stream gives: so scoring can stop after any such piece and go on later.
WINDOW_ROWS = 512


@dataclass(frozen=True)
class Reader:
    """Who reads the rows, and how they are told to it.

    alone_prefix: see `passes_of`
    max_tokens: longer rows are Missing; 0 for the model's context
    ends: see `passes_of`
    """

    model: GPT
    tokenizer: Encoder
    style: PromptStyle
    alone_prefix: str = ""
    max_tokens: int = 0
    ends: bool = False

    @property
    def most_tokens(self) -> int:
        return min(self.max_tokens or self.model.config.block_size, self.model.config.block_size)

    def passes(self, examples: Iterable[Example]) -> Iterator[Passes]:
        return passes_of(examples, self.tokenizer, self.style, self.alone_prefix, self.ends)


@dataclass(frozen=True)
class Likelihood:
    """Mean negative log-likelihoods of a row's answer tokens, in nats; a Missing says why there is none."""

    given: float
    alone: float = Missing("not_asked_for")

    @property
    def perplexity(self) -> float:
        return _exp(self.given)

    @property
    def ifd_loss(self) -> float:
        if self.alone == 0:
            return Missing("certain_alone")
        return _first_missing(self.given, self.alone) or self.given / self.alone

    @property
    def ifd_ppl(self) -> float:
        return _first_missing(self.given, self.alone) or _exp(self.given - self.alone)


def _exp(nats: float) -> float:
    try:
        return _first_missing(nats) or math.exp(nats)
    except OverflowError:
        return Missing("overflow")


def _first_missing(*means: float) -> Missing | None:
    return next(
        (mean if isinstance(mean, Missing) else Missing("not_a_number") for mean in means if mean != mean), None
    )


def likelihoods(
    examples: Iterable[Example], reader: Reader, given: bool = True, alone: bool = True
) -> Iterator[tuple[str, Likelihood]]:
    """Every row's likelihoods, in order, by the passes asked for: answers given their prompts, answers alone.

    Missing: `too_long` of what is read, `no_answer_tokens`, and for the second pass `nothing_to_score_alone`, where
    each answer is the first token of its document.
    """
    rows = reader.passes(examples)
    while window := list(islice(rows, WINDOW_ROWS)):
        asked = [([row.given] if given else [], row.alone if alone else []) for row in window]
        reasons = [_reason(row, [*own, *bare], reader) for row, (own, bare) in zip(window, asked, strict=True)]
        read = [documents for documents, reason in zip(asked, reasons, strict=True) if not reason]
        sums = iter(summed_nll(reader.model, [document for pair in read for part in pair for document in part]))
        for row, (own, bare), reason in zip(window, asked, reasons, strict=True):
            means = (Missing(reason),) * 2 if reason else (_mean(own, sums, given), _mean(bare, sums, alone))
            yield row.id, Likelihood(*means)


def _reason(row: Passes, documents: Sequence[Document], reader: Reader) -> str:
    if not row.given.places:
        return "no_answer_tokens"
    return "too_long" if max(len(document.ids) for document in documents) > reader.most_tokens else ""


def _mean(documents: Sequence[Document], sums: Iterator[float], is_asked: bool) -> float:
    """Over the places of these documents, whose sums come next."""
    if not is_asked:
        return Missing("not_asked_for")
    total = sum(next(sums) for _ in documents)
    n_places = sum(len(document.places) for document in documents)
    return total / n_places if n_places else Missing("nothing_to_score_alone")


def nll_given_scores(examples: Iterable[Example], reader: Reader) -> Iterator[Score]:
    """Mean NLL of the answers' tokens after their prompts, in nats."""
    return ((id, row.given) for id, row in likelihoods(examples, reader, alone=False))


def nll_alone_scores(examples: Iterable[Example], reader: Reader) -> Iterator[Score]:
    """The same of each answer by itself."""
    return ((id, row.alone) for id, row in likelihoods(examples, reader, given=False))


def learnability_scores(examples: Iterable[Example], before: Reader, after: Reader) -> Iterator[Score]:
    """By how many nats a token a short finetuning on the pool lowers the loss of a row's answers.

    Two readings of the same rows, so `examples` is held a window long; the readers differ in their models.
    """
    examples = iter(examples)
    while window := list(islice(examples, WINDOW_ROWS)):
        pairs = zip(likelihoods(window, before, alone=False), likelihoods(window, after, alone=False), strict=True)
        for (id, first), (_, second) in pairs:
            yield id, first.given if first.given != first.given else first.given - second.given


def length_scores(
    examples: Iterable[Example], tokenizer: Encoder, style: PromptStyle
) -> Iterator[tuple[str, int, int]]:
    """Tokens of all but the answers as the model is told them, and of the answers."""
    return ((row.id, row.n_input, row.n_output) for row in passes_of(examples, tokenizer, style))
