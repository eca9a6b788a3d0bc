"""UniEval's naturalness, coherence and understandability of an answer (Zhong et al. 2022, arXiv 2210.07197).

    score = P(Yes) / (P(Yes) + P(No))     of the first token that a T5 answers a yes-or-no question with

The published scores need the published weights, MingZhong/unieval-dialog, and the very questions they were trained on,
which stand in maszhongming/UniEval, utils.py (MIT licence), are not repeated here, and are an argument.
Naturalness and understandability see the answer alone; coherence sees what was said before it, too, turns joined by
line ends and closed by two. Fields are parted by the literal </s>. There is no local stand-in: without the weights
there are no such scores.
Not covered: engagingness (a sum over sentences) and groundedness (needs a fact).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from lit_gpt.curation.indicators.scores import Missing, Score
from lit_gpt.errors import UserError
from lit_gpt.example import Example

Dimension = Literal["naturalness", "coherence", "understandability"]
SEPARATOR = " </s> "
BATCH_ROWS = 32

# Texts to the logits (yes, no) of the first token of the reply
AskYesNo = Callable[[Sequence[str]], list[tuple[float, float]]]


@dataclass(frozen=True)
class Question:
    """What is asked and how the fields are headed: question, then answer_heading + answer, then for coherence
    history_heading + history."""

    question: str
    answer_heading: str
    history_heading: str = ""

    def text(self, answer: str, history: str) -> str:
        parts = [self.question, self.answer_heading + answer]
        return SEPARATOR.join([*parts, self.history_heading + history] if self.history_heading else parts)


def check_question(dimension: Dimension, question: Question) -> None:
    """UserError where the question shows a history that the dimension does not see, or hides the one it needs."""
    if bool(question.history_heading) != (dimension == "coherence"):
        got = f"a question about {dimension} {'with' if question.history_heading else 'without'} a history"
        raise UserError(got, "a history for coherence alone", "use the strings of the published utils.py")


def share_of_yes(yes_logit: float, no_logit: float) -> float:
    """P(Yes) / (P(Yes) + P(No)): the vocabulary's other tokens cancel out."""
    return 1 / (1 + math.exp(min(no_logit - yes_logit, 700.0)))


def unieval_scores(
    examples: Iterable[Example], ask: AskYesNo, dimension: Dimension, question: Question
) -> Iterator[Score]:
    """One dimension of the last answer of every row, from 0 to 1; Missing for a row without one."""
    check_question(dimension, question)
    examples = iter(examples)
    while window := list(islice(examples, BATCH_ROWS)):
        told = [question.text(*parts) for row in window if (parts := _answer_and_history(row)) is not None]
        found = iter(ask(told) if told else [])
        for row in window:
            yield row.id, Missing("no_answer") if _answer_and_history(row) is None else share_of_yes(*next(found))


def _answer_and_history(example: Example) -> tuple[str, str] | None:
    *earlier, last = example.messages
    if last.role != "assistant" or not last.content.strip():
        return None
    return last.content, "\n".join(message.content for message in earlier) + "\n\n"
