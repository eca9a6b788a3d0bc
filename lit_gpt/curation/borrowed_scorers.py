"""Scores by the published scorers' own networks, through Transformers: needs `pip install 'lit-gpt[transformers]'`.

Each reads a downloaded directory that is given by name, such as --given reward_model=checkpoints/ORG/NAME.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.models import folder_identity
from lit_gpt.curation.scorers import OfRows
from lit_gpt.curation.scores import ScoreRows

MODEL = "the directory of a downloaded model"


@dataclass(frozen=True)
class RewardModel(OfRows):
    """A sequence classifier with one output reads prompt and answer; rows that are too long have no score.

    Args:
        model: the name under which it is given
        max_tokens: longer rows have no score
    """

    model: str = "reward_model"
    max_tokens: int = 512

    NAME: ClassVar = "reward_model"
    GIVEN: ClassVar = {"model": MODEL}

    def identity(self, bench: Bench) -> dict[str, Any]:
        return {"model": folder_identity(bench.given(self.model, MODEL))}

    def start(self, bench: Bench) -> ScoreRows:
        from dataclasses import replace

        from lit_gpt.curation.indicators.hugging_face import SequenceReward

        return replace(SequenceReward.load(bench.given(self.model, MODEL)), max_tokens=self.max_tokens).scores


@dataclass(frozen=True)
class UniEval(OfRows):
    """One dimension of UniEval (dialogue): the share of Yes. The questions stand in maszhongming/UniEval, utils.py.

    Args:
        dimension: which
        question: what is asked
        answer_heading: what stands before the answer
        history_heading: what stands before the history, for coherence alone
        model: the name under which MingZhong/unieval-dialog is given
    """

    dimension: Literal["naturalness", "coherence", "understandability"]
    question: str
    answer_heading: str
    history_heading: str = ""
    model: str = "unieval"

    NAME: ClassVar = "unieval"
    GIVEN: ClassVar = {"model": MODEL}

    def __post_init__(self) -> None:
        from lit_gpt.curation.indicators.unieval import check_question

        check_question(self.dimension, self._asked())

    def _asked(self) -> Any:
        from lit_gpt.curation.indicators.unieval import Question

        return Question(self.question, self.answer_heading, self.history_heading)

    def identity(self, bench: Bench) -> dict[str, Any]:
        return {"model": folder_identity(bench.given(self.model, MODEL))}

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.hugging_face import YesNo
        from lit_gpt.curation.indicators.unieval import unieval_scores

        ask = YesNo.load(bench.given(self.model, MODEL))
        return lambda examples: unieval_scores(examples, ask, self.dimension, self._asked())
