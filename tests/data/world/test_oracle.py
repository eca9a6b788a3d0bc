"""Every answer of the world is what a reader of the question alone finds, in every kind, level and wording."""

import re
from random import Random

import pytest

from lit_gpt.data.world.catalogue import FINAL, NEW, TRAINED
from lit_gpt.data.world.problem import LEVELS, Kind
from lit_gpt.data.world.row import asked
from lit_gpt.data.world.words import CATEGORIES, NOUNS
from tests.data.world.oracle import SOLVERS, answer_to

KINDS = TRAINED + NEW + FINAL
STORIES = {"gets_more", "add_then_compare", "change_due", "how_many_of"}  # with things in the plural
LEAST_AMOUNT = 2
SPELT = re.compile(r"\b[a-z_](?: [a-z_]\b)+|(?:letter|does|count) a\b")  # letters: no articles
NO_ENGLISH = re.compile(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiou]|\b1 \w{2,}s\b|\b(?!1 )\d+ (?:day|month)\b|[{}]|  ")


def test_every_kind_has_a_solver_and_the_other_way_round():
    assert sorted(SOLVERS) == sorted(kind.name for kind in KINDS)
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def check(kind: Kind, n_problems: int) -> None:
    for level in LEVELS:
        for number, wording in enumerate(kind.wordings):
            draw = Random(f"{kind.name} {level} {number}")
            for _ in range(n_problems):
                row = asked(kind, kind.make(draw, level), level, wording, "train")
                assert answer_to(kind.name, row.messages) == row.answer, row.messages


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_answer_is_the_right_one(kind):
    check(kind, n_problems=12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_answer_is_the_right_one_many_times(kind):
    check(kind, n_problems=400)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_question_is_english(kind):
    """Articles, plurals, slots that were left open: what a program gets wrong."""
    draw = Random(kind.name)
    for number in range(30 * len(kind.wordings)):
        level, wording = draw.choice(LEVELS), kind.wordings[number % len(kind.wordings)]
        row = asked(kind, kind.make(draw, level), level, wording, "train")
        for message in row.messages:
            assert not NO_ENGLISH.search(SPELT.sub("…", message.content)), message.content
        if kind.name in STORIES:
            amounts = re.findall(r"\d+", row.problem.input)
            assert min(map(int, amounts)) >= LEAST_AMOUNT, "no one of them in the plural"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_wording_is_another_one_of_the_kind(kind):
    """Nor the same but for its case and its stops, which would make a new wording a known one."""
    plain = [
        "".join(letter for letter in wording.lower() if letter.isalpha() or letter in "{} ")
        for wording in kind.wordings
    ]
    assert len(set(plain)) == len(plain)
    assert len(kind.known_wordings) >= 4 and len(kind.new_wordings) == 2


def test_a_word_is_of_one_category():
    assert len(NOUNS) == len(set(NOUNS)) == sum(len(set(words)) for words in CATEGORIES.values())
