"""Answers without a model, from the training rows alone: what a finetuned model must beat to have learnt anything.

constant       the most frequent training answer of that kind of task
copy-nearest   the answer to the most similar training prompt (nearest.py)
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from lit_gpt.data.store import count_examples, read_examples
from lit_gpt.errors import UserError
from lit_gpt.evaluation.exact_match import normalise
from lit_gpt.evaluation.items import Answer, Item, Question, kind_of
from lit_gpt.evaluation.nearest import nearest
from lit_gpt.example import Example
from lit_gpt.progress import watched

Baseline = Callable[[Path, Sequence[Item]], list[Answer]]
SPLIT = "train"


def constant(data_dir: Path, items: Sequence[Item]) -> list[Answer]:
    """The most frequent normalised answer of each item's kind, the first seen of equals.

    A kind that nothing was trained on gets the most frequent answer of all.
    """
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    overall: Counter[str] = Counter()
    for example in _training_rows(data_dir, "counting answers"):
        answer = normalise(Question.of(example).expected)
        by_kind[kind_of(example)][answer] += 1
        overall[answer] += 1
    usual = {kind: counts.most_common(1)[0][0] for kind, counts in by_kind.items()}
    fallback = overall.most_common(1)[0][0]
    return [Answer(usual.get(item.kind, fallback)) for item in items]


def copy_nearest(data_dir: Path, items: Sequence[Item]) -> list[Answer]:
    """The answer to the training prompt that is most similar to each item's whole prompt, the first of equals."""
    numbers = [number for number, _ in nearest([item.question.text for item in items], partial(_prompts, data_dir))]
    wanted = set(numbers)
    rows = enumerate(read_examples(data_dir, SPLIT))
    answers = {number: Answer(Question.of(example).expected) for number, example in rows if number in wanted}
    return [answers[number] for number in numbers]


def _prompts(data_dir: Path) -> Iterator[str]:
    return (Question.of(example).text for example in _training_rows(data_dir, "searching"))


def _training_rows(data_dir: Path, doing: str) -> Iterator[Example]:
    n_rows = count_examples(data_dir, SPLIT)
    if not n_rows:
        raise UserError(f"{data_dir} without training rows", "rows to take answers from", "choose another --data_dir")
    return watched(read_examples(data_dir, SPLIT), doing, "row", n_rows)


BASELINES: dict[str, Baseline] = {"constant": constant, "copy-nearest": copy_nearest}
