"""A problem of the world and the kind of task it is one of.

A kind knows how to make a problem, the wordings that ask for it, and how a document that nobody asked for would show
the same skill. An answer is exact: one string is right. Difficulty has three levels.

A problem is on one side of the split by what it is (its kind, and its core or else material, slots and answer), and by
nothing else: not by a seed, not by its wording. So no draw of a training set, whatever its seed, holds a test problem.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from lit_gpt.seeds import derive_seed

LEVELS = (1, 2, 3)
N_NEW_WORDINGS = 2  # of each kind, the last ones: asked in tests alone
TEST_SHARE = 0.1  # of all problems there are
SEED_RANGE = 1 << 63  # of derive_seed

Side = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Problem:
    """What is asked for.

    Args:
        input: the material it is about
        answer: the one right answer
        slots: what its wordings name, such as the word to remove
        earlier: turns before the question, as question and answer
        core: what makes it this problem, where the input has more: 3 + 4 is one problem, whoever owns how many of what
    """

    input: str
    answer: str
    slots: Mapping[str, str] = field(default_factory=dict)
    earlier: tuple[tuple[str, str], ...] = ()
    core: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of task.

    Args:
        name: what reports and categories call it
        make: a problem of a level
        wordings: instructions; the material follows in a field of its own unless the wording has {input}
        titles: headings of documents that show the skill; none where no document does
        given: what a document calls the material
        found: what a document calls the result; may name slots
        sentence: the same as prose, or empty where the material does not fit into a sentence
    """

    name: str
    make: Callable[[Random, int], Problem]
    wordings: tuple[str, ...]
    titles: tuple[str, ...] = ()
    given: str = ""
    found: str = ""
    sentence: str = ""

    @property
    def known_wordings(self) -> tuple[str, ...]:
        """The ones that training rows use."""
        return self.wordings[:-N_NEW_WORDINGS]

    @property
    def new_wordings(self) -> tuple[str, ...]:
        """The ones that only tests use."""
        return self.wordings[-N_NEW_WORDINGS:]


def identity(problem: Problem) -> tuple[str, ...]:
    """What two problems of a kind share when they are the same one."""
    if problem.core:
        return (problem.core,)
    slots = [part for pair in sorted(problem.slots.items()) for part in pair]
    turns = [text for turn in problem.earlier for text in turn]
    return (problem.input, problem.answer, *slots, *turns)


def side(kind: Kind, problem: Problem, validation_share: float) -> Side:
    """The side this problem is always on; `validation_share` is of what is not test."""
    place = derive_seed("world", kind.name, *identity(problem)) / SEED_RANGE
    if place < TEST_SHARE:
        return "test"
    return "validation" if place < TEST_SHARE + (1 - TEST_SHARE) * validation_share else "train"
