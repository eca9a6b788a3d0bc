"""The items of an evaluation: rows of a split as questions with one expected answer each, all of them or a sample.

The last assistant message of a dialogue is expected, and what stands before it is the prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.evaluation.labels import LabelTable
from lit_gpt.example import Example, Message
from lit_gpt.seeds import derive_seed

NO_KIND = "all"  # of a row without a category


@dataclass(frozen=True)
class Question:
    """A dialogue that waits for its answer, and the answer."""

    messages: tuple[Message, ...]
    expected: str

    @classmethod
    def of(cls, example: Example) -> "Question":
        """UserError for a dialogue that nobody answers."""
        last = max((n for n, message in enumerate(example.messages) if message.role == "assistant"), default=0)
        if not last:
            got = f"the row {example.id}, which holds no answer to a question"
            raise UserError(got, "a question and its answer", "leave that row out")
        return cls(example.messages[:last], example.messages[last].content)

    @property
    def text(self) -> str:
        """The prompt without a template: a single question as it stands, a dialogue with its roles."""
        if len(self.messages) == 1:
            return self.messages[0].content
        return "\n\n".join(f"{message.role}: {message.content}" for message in self.messages)


@dataclass(frozen=True)
class Item:
    """A question, and what kind of task it is."""

    id: str
    kind: str
    group: str
    level: int | None
    question: Question


@dataclass(frozen=True)
class Answer:
    """What somebody answered to an item; `is_cut` where a limit ended it."""

    text: str
    is_cut: bool = False


def kind_of(example: Example) -> str:
    return example.category or NO_KIND


def read_items(data_dir: Path, split: str, labels: LabelTable, n_items: int | None, seed: int) -> list[Item]:
    """The items in the split's order; with n_items a sample, stratified by group and kind. UserError for no rows.

    Reads the split twice, so that memory holds only what is drawn.
    """
    rows = [(labels.of(e).group, kind_of(e), e.id) for e in read_examples(data_dir, split)]
    if not rows:
        do = "choose another --split, or prepare the set with one"
        raise UserError(f"{data_dir}, whose split {split} is empty", "at least one row", do)
    chosen = draw(rows, n_items or len(rows), seed)
    return [_item(e, labels) for number, e in enumerate(read_examples(data_dir, split)) if number in chosen]


def _item(example: Example, labels: LabelTable) -> Item:
    label = labels.of(example)
    return Item(example.id, kind_of(example), label.group, label.level, Question.of(example))


def draw(rows: Sequence[tuple[str, str, str]], n_drawn: int, seed: int) -> set[int]:
    """The numbers of the rows drawn, from each row's group, kind and id; all of them where n_drawn asks for more.

    Systematic sampling: rows are sorted by stratum, shuffled within, and taken at even distances from a random start.
    So every stratum gets its share, to within one row, and every row the same chance.
    """
    n_rows = len(rows)
    n_drawn = min(n_drawn, n_rows)
    shuffled = sorted(range(n_rows), key=lambda n: (*rows[n][:2], derive_seed(seed, "item", rows[n][2]), n))
    start = derive_seed(seed, "start") % n_rows  # in n_drawn-ths of a row, so that all numbers are whole
    return {shuffled[(i * n_rows + start) // n_drawn] for i in range(n_drawn)}
