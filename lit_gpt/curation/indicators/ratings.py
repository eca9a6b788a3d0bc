"""A rating read off the probabilities of digits: DEITA's complexity and quality (arXiv 2312.15685).

    score = sum over i of i * p(i)        p: softmax over the logits of the digit tokens 1 ... 6 alone, at the first
                                          token of the reply
    row   = sum over turns of complexity * quality

The published scorers are two language models made for this; their prompts come with them (hkust-nlp/deita) and are an
argument here. Such a prompt is filled in as it stands, without a fence: those models learned their grades behind these
words and no others. Without one, the question is ours, with what is graded behind a fence and the cue after it, as in
SelectIT. Under any other model the same arithmetic gives that model's opinion, named after the model. A base that
never learned to rate rates at random. A digit that is no single token is an error, never a middle score.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import torch
from torch import Tensor

from lit_gpt.curation.indicators.documents import Document
from lit_gpt.curation.indicators.likelihoods import WINDOW_ROWS
from lit_gpt.curation.indicators.packed import next_logits
from lit_gpt.curation.indicators.scores import Missing, Score
from lit_gpt.curation.judging.fence import behind_fence
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.model import GPT
from lit_gpt.tokens.encode import Encoder

N_GRADES = 6
# Ours, for models that were made for nothing of the sort.
COMPLEXITY_TASK = "Say how hard the request is to answer, with a grade from 1 (trivial) to 6 (very hard)."
QUALITY_TASK = "Say how good the reply to the request is, with a grade from 1 (useless) to 6 (perfect)."


@dataclass(frozen=True)
class Rater:
    """Who grades, and in what words it is asked; {instruction} and {output} are a turn's. Empty: in ours, fenced."""

    model: GPT
    tokenizer: Encoder
    complexity_question: str = ""
    quality_question: str = ""

    def complexity_text(self, asked: str, answered: str) -> str:
        if self.complexity_question:
            return _told(self.complexity_question, asked, answered)
        return _cued(COMPLEXITY_TASK, {"request": asked})

    def quality_text(self, asked: str, answered: str) -> str:
        if self.quality_question:
            return _told(self.quality_question, asked, answered)
        return _cued(QUALITY_TASK, {"request": asked, "reply": answered})

    def grades(self, questions: Sequence[str]) -> list[float]:
        """The expected grade for each text; Missing where it is longer than the context."""
        opening = [self.tokenizer.bos_id] if self.tokenizer.adds_bos and self.tokenizer.bos_id is not None else []
        ids = [opening + own for own in self.tokenizer.encode_batch(list(questions))]
        fitting = [Document(own, []) for own in ids if len(own) <= self.model.config.block_size]
        logits_NV = next_logits(self.model, fitting)
        found = iter(expected_grades(logits_NV[:, digit_ids(self.tokenizer)]).tolist())
        return [next(found) if len(own) <= self.model.config.block_size else Missing("too_long") for own in ids]


def expected_grades(logits_NG: Tensor) -> Tensor:
    """The sum of i * p(i) over the grades' logits, (N,) in fp64."""
    grades_G = torch.arange(1, logits_NG.size(1) + 1, dtype=torch.float64)
    return logits_NG.double().softmax(-1) @ grades_G


def digit_ids(tokenizer: Encoder) -> list[int]:
    """The tokens of the digits 1 ... 6. UserError where one of them is no single token."""
    encoded = tokenizer.encode_batch([str(grade) for grade in range(1, N_GRADES + 1)])
    # tokenizers of Llama's family put a token for a blank before a text; the digit is the last one
    if len({tuple(ids[:-1]) for ids in encoded}) > 1 or len({ids[-1] for ids in encoded}) < N_GRADES:
        raise UserError("a tokenizer in which a digit is no single token", "one token a digit", "choose another model")
    return [ids[-1] for ids in encoded]


def turns_of(example: Example) -> list[tuple[str, str]]:
    """Each request with the answer that follows it."""
    pairs = pairwise(message for message in example.messages if message.role != "system")
    return [(first.content, second.content) for first, second in pairs if second.role == "assistant"]


def complexity_scores(examples: Iterable[Example], rater: Rater) -> Iterator[Score]:
    """The grades of a row's requests, added up."""
    for id, grades in _graded(examples, rater, rater.complexity_text):
        yield id, _sum([complexity for (complexity,) in grades])


def quality_scores(examples: Iterable[Example], rater: Rater) -> Iterator[Score]:
    """The grades of a row's answers, added up."""
    for id, grades in _graded(examples, rater, rater.quality_text):
        yield id, _sum([quality for (quality,) in grades])


def deita_scores(examples: Iterable[Example], rater: Rater) -> Iterator[Score]:
    """Complexity times quality, added up over turns."""
    for id, grades in _graded(examples, rater, rater.complexity_text, rater.quality_text):
        products = [c * q if c == c and q == q else Missing("too_long") for c, q in grades]
        yield id, _sum(products)


def _graded(
    examples: Iterable[Example], rater: Rater, *questions: Callable[[str, str], str]
) -> Iterator[tuple[str, list[tuple[float, ...]]]]:
    """The grades of every turn, one for each of the questions."""
    examples = iter(examples)
    while window := list(islice(examples, WINDOW_ROWS)):
        turns = [turns_of(example) for example in window]
        flat = [turn for own in turns for turn in own]
        found = zip(*(rater.grades([question(*turn) for turn in flat]) for question in questions), strict=True)
        for example, own in zip(window, turns, strict=True):
            yield example.id, list(islice(found, len(own)))


def _cued(task: str, texts: dict[str, str]) -> str:
    """Behind a fence, with the cue for a digit after it."""
    return f"{behind_fence(task, texts)}\nGrade: "


def _told(question: str, asked: str, answered: str) -> str:
    """Filled in without a look at braces in what is filled in."""
    found = {"{instruction}": asked, "{output}": answered}
    return re.sub("|".join(map(re.escape, found)), lambda match: found[match[0]], question)


def _sum(grades: Sequence[float]) -> float:
    missing = next((grade for grade in grades if grade != grade), None)
    if missing is not None:
        return missing
    return sum(grades) if grades else Missing("no_answer")
