"""Perplexity and instruction-following difficulty as scores, made of two shared tables of likelihoods.

The arithmetic is in `indicators/likelihoods.py`. Read with an adapter, difficulty is learned: under a model that has
seen a few of the rows, a low ratio says that the prompt explains the answer. As a difference in the ratio's place it
is pointwise V-information, low where labels are wrong (Ethayarajh et al. 2022, arXiv 2110.08420, section 4).
"""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.model_scorers import ADAPTER, OfAModel
from lit_gpt.curation.models import folder_identity, model_identity, reader_of
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.scores import ScoreRows, from_table

if TYPE_CHECKING:
    from lit_gpt.curation.indicators.likelihoods import Reader

AFTER_PROMPTS = "answers after their prompts"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a model reads the answers of a row.

    Args:
        max_tokens: longer ones have no score; 0 for the model's context
        tuned: the name of an adapter that reads them, made by the step warm_up or given: --given NAME=DIR; the base
            alone without it
        ends: count the token that ends an answer, too, which is unlikely after an answer that was cut off
    """

    max_tokens: int = 0
    tuned: str = ""
    ends: bool = False

    NEEDS: ClassVar[tuple[str, ...]] = ("checkpoint_dir",)
    GIVEN: ClassVar = {"tuned": ADAPTER}

    @property
    def given(self) -> "MeanNll":
        """The table of answers after their prompts, read in this way."""
        return MeanNll(max_tokens=self.max_tokens, tuned=self.tuned, ends=self.ends)


@dataclass(frozen=True, kw_only=True)
class ReadingTwice(Reading):
    """The same with each answer by itself, too.

    Args:
        alone_prefix: what stands before it
    """

    alone_prefix: str = ""

    @property
    def alone(self) -> "MeanNllAlone":
        """The table of answers alone, read in this way."""
        return MeanNllAlone(**asdict(self))


class Table(OfAModel):
    """A pass over all rows by the base, or by the adapter of the name `tuned`: what others are made of."""

    tuned: str

    def identity(self, bench: Bench) -> dict[str, Any]:
        adapter = {"adapter": folder_identity(bench.given(self.tuned, ADAPTER))} if self.tuned else {}
        return {**model_identity(bench), **adapter}

    def reader(self, bench: Bench, **how: Any) -> "Reader":
        return replace(reader_of(bench, bench.given(self.tuned, ADAPTER) if self.tuned else None), **how)


@dataclass(frozen=True, kw_only=True)
class MeanNll(Table, Reading):
    """Mean NLL of the answers' tokens after their prompts, in nats."""

    NAME: ClassVar = "nll_given"

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.likelihoods import nll_given_scores

        reader = self.reader(bench, max_tokens=self.max_tokens, ends=self.ends)
        return lambda examples: nll_given_scores(examples, reader)


@dataclass(frozen=True, kw_only=True)
class MeanNllAlone(Table, ReadingTwice):
    """The same of each answer by itself."""

    NAME: ClassVar = "nll_alone"

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.likelihoods import nll_alone_scores

        reader = self.reader(bench, alone_prefix=self.alone_prefix, max_tokens=self.max_tokens, ends=self.ends)
        return lambda examples: nll_alone_scores(examples, reader)


@dataclass(frozen=True, kw_only=True)
class Perplexity(Reading):
    """exp of the mean NLL of the answers after their prompts."""

    def combine(self, rows: Rows, bench: Bench) -> list[float]:
        from lit_gpt.curation.indicators.likelihoods import Likelihood

        return [Likelihood(nll).perplexity for nll in from_table(self.given, AFTER_PROMPTS, rows, bench)]


@dataclass(frozen=True, kw_only=True)
class Ifd(ReadingTwice):
    """What the two ways to tell instruction-following difficulty share: both passes, by a subclass's RATIO."""

    RATIO: ClassVar[str]

    def combine(self, rows: Rows, bench: Bench) -> list[float]:
        from lit_gpt.curation.indicators.likelihoods import Likelihood

        given = from_table(self.given, AFTER_PROMPTS, rows, bench)
        alone = from_table(self.alone, "answers alone", rows, bench)
        return [getattr(Likelihood(*pair), self.RATIO) for pair in zip(given, alone, strict=True)]


@dataclass(frozen=True, kw_only=True)
class IfdLoss(Ifd):
    """Mean NLL of the answer given its prompt over that of the answer alone."""

    RATIO: ClassVar = "ifd_loss"


@dataclass(frozen=True, kw_only=True)
class IfdPerplexity(Ifd):
    """Perplexity of the answer given its prompt over that of the answer alone."""

    RATIO: ClassVar = "ifd_ppl"
