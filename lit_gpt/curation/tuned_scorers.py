"""What a model that has seen a little of the pool says about its rows: lowest is best.

    tuned_loss     s(A|Q)          the mean negative log-likelihood of the answer's tokens after their prompt
    learned_ifd    s(A|Q) / s(A)   the same over that of the answer alone

Instruction-following difficulty (Cherry LLM, arXiv 2308.12032) under a model that was warmed up on such rows. There
the highest below 1 is kept, as the hardest. Here the lowest: once a model knows the tasks, a prompt that does not
explain its answer is a sign that the two do not belong together. With a difference in the place of the ratio that is
pointwise V-information, and low values are mislabelled rows (Ethayarajh et al. 2022, arXiv 2110.08420, section 4).
Not covered: reading each row by a model that has not seen it; the warm-up sees a few, each once.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.model_scorers import ADAPTER, OfAModel
from lit_gpt.curation.models import folder_identity, model_identity, reader_of
from lit_gpt.curation.scores import ScoreRows


@dataclass(frozen=True)
class OfATunedModel(OfAModel):
    """NAME_scores of likelihoods.py under an adapter.

    Args:
        tuned: the name under which a step makes it, or it is given: --given tuned=DIR
    """

    tuned: str = "tuned"

    INDICATOR: ClassVar[str]
    GIVEN: ClassVar = ("tuned",)

    def identity(self, bench: Bench) -> dict[str, Any]:
        return {**model_identity(bench), "adapter": folder_identity(bench.given(self.tuned, ADAPTER))}

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators import likelihoods

        reader = reader_of(bench, bench.given(self.tuned, ADAPTER))
        indicator = getattr(likelihoods, f"{self.INDICATOR}_scores")
        return lambda examples: indicator(examples, reader)


@dataclass(frozen=True)
class LearnedIfd(OfATunedModel):
    """Mean NLL of the answer given its prompt over that of the answer alone, under the adapter."""

    NAME: ClassVar = "learned_ifd"
    INDICATOR: ClassVar = "ifd_loss"


@dataclass(frozen=True)
class TunedLoss(OfATunedModel):
    """Perplexity of the answers after their prompts, under the adapter."""

    NAME: ClassVar = "tuned_loss"
    INDICATOR: ClassVar = "perplexity"
