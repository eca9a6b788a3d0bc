"""What a judge is asked about a row, and how its reply is read. The wording is ours.

accuracy, helpfulness   0 to 5, one dimension at a time, as AlpaGasus does (Chen et al. 2023, arXiv 2307.08701)
quality                 100 points for clarity, difficulty, explanations and accuracy, as in LIFT (arXiv 2312.11508)
curation                1 to 5, whether an answer is what an assistant should say, as in Humpback (arXiv 2308.06259)

The grade comes first, alone on its line, reasons after it; what is judged stands last, behind a fence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lit_gpt.curation.judging.fence import fence_for, fenced, told_of
from lit_gpt.curation.judging.question import Prompt, Question, Reply, UnreadableError
from lit_gpt.example import Example

OPENING = "Score:"
LINE = re.compile(
    r"[\s*_#`\"]*(?:(?:total|final|overall)?\s*(?:score|total|rating|grade)[\s*_`\"]*[:=]?)?[\s*_`\"]*"
    r"(?P<grade>\d{1,3}(?:\.\d+)?)(?:\s*(?:/|out of)\s*(?P<of>\d{1,3})(?:\.0)?)?[\s*_`\".]*",
    re.IGNORECASE,
)
FORM = (
    "The first line of your reply is `Score: ` and the number, and nothing else. Say why after it, in a few sentences."
)


@dataclass(frozen=True)
class Rubric:
    """A scale and what stands for it. `version` changes with the wording."""

    name: str
    version: int
    low: float
    high: float
    step: float
    task: str

    @property
    def choices(self) -> tuple[str, ...]:
        n_steps = round((self.high - self.low) / self.step)
        return tuple(f"{self.low + n * self.step:g}" for n in range(n_steps + 1))

    def read(self, reply: Reply) -> float:
        """The grade on the first line that is not blank; UnreadableError for anything else there."""
        line = next((line for line in reply.text.splitlines() if line.strip()), "")
        match = LINE.fullmatch(line)
        if match is None:
            raise UnreadableError("no grade alone on the first line")
        grade = float(match["grade"])
        if not self.low <= grade <= self.high or (match["of"] and float(match["of"]) != self.high):
            raise UnreadableError(f"a grade that is not from {self.low:g} to {self.high:g}")
        return grade


ACCURACY = Rubric(
    "accuracy",
    1,
    0.0,
    5.0,
    0.5,
    "You grade a reply to a request, for accuracy alone: is what it says true, and is it what was asked for? 5 is a "
    "reply without any mistake that does all of it, 0 one that is wrong throughout or about something else; halves are "
    "allowed.",
)
HELPFULNESS = Rubric(
    "helpfulness",
    1,
    0.0,
    5.0,
    0.5,
    "You grade a reply to a request, for helpfulness alone: how much does it serve whoever asked? 5 is a reply that "
    "leaves nothing to be wished for, 0 one that is of no use; halves are allowed.",
)
CURATION = Rubric(
    "curation",
    1,
    1.0,
    5.0,
    1.0,
    "You decide whether a text would do as the answer of an assistant to a request. 5: written by somebody who knows "
    "the matter, to the point, complete, in an assistant's voice. 4: complete and helpful, with little that could be "
    "better. 3: helpful, but in the manner of a blog or a forum, or with something beside the point. 2: leaves out "
    "much of what was asked. 1: beside the point, vague, advertising, or cut short.",
)
QUALITY = Rubric(
    "quality",
    1,
    0.0,
    100.0,
    1.0,
    "You grade a request with its reply as material to learn from, with up to 100 points: 15 for clarity (request and "
    "reply are well put and easy to follow), 25 for difficulty (the request takes thought or knowledge), 25 for "
    "explanations (the reply says how and why), 35 for accuracy (the reply is right). Be sparing: full marks are for "
    "what cannot be improved.",
)
DIMENSIONS = {rubric.name: rubric for rubric in (ACCURACY, HELPFULNESS, CURATION)}


@dataclass(frozen=True)
class Exemplar:
    """A row with its grade, shown before the one to be graded."""

    request: str
    reply: str
    grade: str


def question_about(
    example: Example, rubric: Rubric, seed: int, exemplars: Sequence[Exemplar] = (), repeat: int = 0
) -> Question[float]:
    """The question what grade a row deserves; another `repeat` asks the same again."""
    texts = texts_of(example)

    def prompt(attempt: int) -> Prompt:
        return grading_prompt(texts, rubric, (seed, repeat, attempt), exemplars)

    return Question(example.id, prompt, rubric.read)


def texts_of(example: Example) -> dict[str, str]:
    """What is judged of a row: its last reply, to all that was said before, in a dialogue with who said it."""
    before, last = example.messages[:-1], example.messages[-1]
    if len(before) == 1:
        return {"request": before[0].content, "reply": last.content}
    said = "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in before)
    return {"request": said, "reply": last.content}


def grading_prompt(
    texts: dict[str, str], rubric: Rubric, purpose: tuple[int, ...], exemplars: Sequence[Exemplar] = ()
) -> Prompt:
    shown = {f"{n} {part}": text for n, e in enumerate(exemplars, 1) for part, text in _parts(e).items()}
    fence = fence_for({**shown, **texts}, rubric.name, rubric.version, *purpose)
    parts = [rubric.task, FORM, told_of(fence)]
    for number, exemplar in enumerate(exemplars, 1):
        parts += [f"Example {number}, which deserves Score: {exemplar.grade}", fenced(_parts(exemplar), fence)]
    parts += ["Now grade this one." if exemplars else "Grade this.", fenced(texts, fence)]
    return Prompt("\n\n".join(parts), rubric.choices, OPENING)


def _parts(exemplar: Exemplar) -> dict[str, str]:
    return {"request": exemplar.request, "reply": exemplar.reply}
