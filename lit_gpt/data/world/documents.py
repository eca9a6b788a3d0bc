"""Documents: what a base model reads. Worked examples, tables, lists and prose, and no instruction anywhere.

A document shows the skills of the kinds without asking for them. It holds one to eight examples, all of one kind or of
several, each on its own terms. Test problems never appear in one, so an answer in a test was never read before. A few
are a thesaurus: which words are used of which skill, in no order. The wordings of instructions are in none.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from random import Random

from lit_gpt.data.world.catalogue import FINAL, NEW, TRAINED
from lit_gpt.data.world.problem import LEVELS, Kind, Problem, side
from lit_gpt.seeds import derive_seed

Form = Callable[[Kind, Problem], str]

ALL = TRAINED + NEW + FINAL
KINDS = tuple(kind for kind in ALL if kind.titles)
MOST_EXAMPLES = 8
VOLUME_CHARS = 2_100  # 512 tokens or more: a token of these documents has three characters, of numbers two
SHARES = (0.5, 0.42, 0.08)  # of documents of one kind, of several kinds, of words alone
MOST_ENTRIES = 6
WORD = re.compile(r"[A-Za-z][a-z'-]*(?![a-z]*})")  # none of a slot's


def documents(seed: int) -> Iterator[str]:
    """Endlessly many, the same ones for the same seed."""
    number = 0
    for number in count():
        draw = Random(derive_seed(seed, "document", number))  # noqa: S311 (no secret is drawn)
        (write,) = draw.choices((_of_one_kind, _mixed, _thesaurus), SHARES)
        yield write(draw)


def volumes(seed: int) -> Iterator[str]:
    """Documents bound together until they fill the base's context, so that rows are of one length."""
    remaining = documents(seed)
    while True:
        volume = next(remaining)
        while len(volume) < VOLUME_CHARS:
            volume += f"\n\n{next(remaining)}"
        yield volume


def _of_one_kind(draw: Random) -> str:
    kind = draw.choice(KINDS)
    form = draw.choice(_forms(kind))
    examples = [form(kind, _readable(draw, kind)) for _ in range(draw.randint(1, MOST_EXAMPLES))]
    between = "\n\n" if form in (_labelled, _below) else "\n"
    return f"{draw.choice(kind.titles)}\n\n{between.join(examples)}"


def _mixed(draw: Random) -> str:
    """Examples of several kinds, each under its own heading."""
    parts = []
    for _ in range(draw.randint(2, MOST_EXAMPLES)):
        kind = draw.choice(KINDS)
        form = draw.choice(_forms(kind))
        parts.append(f"{draw.choice(kind.titles)}\n\n{form(kind, _readable(draw, kind))}")
    return "\n\n".join(parts)


def _thesaurus(draw: Random) -> str:
    """Kinds and words that people use when they speak of them."""
    entries = []
    for kind in draw.sample(ALL, draw.randint(2, MOST_ENTRIES)):
        words = list(vocabulary(kind))
        name = draw.choice(kind.titles or (kind.name.replace("_", " "),))
        entries.append(f"{name}: {', '.join(draw.sample(words, min(len(words), draw.randint(4, 12))))}")
    return "\n".join(entries)


@cache
def vocabulary(kind: Kind) -> tuple[str, ...]:
    """Every word of the kind's wordings, once, by the alphabet."""
    return tuple(sorted({word for wording in kind.wordings for word in WORD.findall(wording)}))


def _readable(draw: Random, kind: Kind) -> Problem:
    """A problem that is not kept for tests."""
    while True:
        problem = kind.make(draw, draw.choice(LEVELS))
        if side(kind, problem, 0) == "train":
            return problem


def _forms(kind: Kind) -> list[Form]:
    shared: list[Form] = [_labelled, _below, _below]
    return [*shared, _in_prose, _in_list] if kind.sentence else shared


def _labelled(kind: Kind, problem: Problem) -> str:
    """Two lines with a label each; material of several lines gets lines of its own."""
    return f"{_line(kind.given, problem.input)}\n{_line(kind.found.format(**problem.slots), problem.answer)}"


def _line(label: str, text: str) -> str:
    return f"{label}:\n{text}" if "\n" in text else f"{label}: {text}"


def _below(kind: Kind, problem: Problem) -> str:
    """Each label on a line of its own."""
    return f"{kind.given}\n{problem.input}\n{kind.found.format(**problem.slots)}\n{problem.answer}"


def _in_prose(kind: Kind, problem: Problem) -> str:
    return kind.sentence.format(input=problem.input, answer=problem.answer, **problem.slots)


def _in_list(kind: Kind, problem: Problem) -> str:
    return f"- {kind.found.format(**problem.slots)} | {problem.input} | {problem.answer}"
