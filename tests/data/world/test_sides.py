"""Train, validation and test never share a problem, and what is kept for tests or for the end stays there."""

import re
from itertools import islice
from random import Random

import pytest

from lit_gpt.data.world.catalogue import FINAL, NEW, TRAINED
from lit_gpt.data.world.defects import FINAL_PLANTS
from lit_gpt.data.world.documents import _forms, documents
from lit_gpt.data.world.pool import TEST_LEAK
from lit_gpt.data.world.problem import LEVELS, side
from lit_gpt.data.world.row import Row
from lit_gpt.data.world.words import NOUNS
from tests.data.world.pools import N_TESTS, content, held_out, pool, prompt

TRIVIAL = "trivial_row"  # whatever its row was, it is no problem of its kind
WORLDS = [
    (seed, has_defects, is_final) for seed in (1, 2, 3) for has_defects in (False, True) for is_final in (False, True)
]
LONG_CHARS = 12  # of a material that no two problems share by chance
CORES = {  # of kinds whose problems are the same whatever is told around them: what of the text makes the problem
    "weekday_later": r"[A-Z]\w+day\b|\d+",
    "missing_letter": r"\b[a-z_]\b",
    "gets_more": r"\d+",
    "add_then_compare": r"\d+",
    "change_due": r"\d+",
}
WITH_CORE = [kind for kind in TRAINED + FINAL if kind.name in CORES]


@pytest.mark.parametrize(("seed", "has_defects", "is_final"), WORLDS)
def test_no_problem_of_a_test_is_trained_on(seed, has_defects, is_final):
    answers = {content(row): row.answer for row in held_out(is_final)}
    rows = pool(seed, has_defects, is_final)
    assert {row.defect for row in rows if content(row) in answers} <= {TEST_LEAK}
    for row in rows:
        if row.defect == TEST_LEAK:
            assert answers[content(row)] == row.answer and row.split == "train" and row.kind not in NEW
    assert any(row.defect == TEST_LEAK for row in rows) == has_defects


def core(kind: str, text: str) -> tuple[str, ...]:
    """What makes it this problem, read from the material and not from what the problem says of itself."""
    return kind, *re.findall(CORES[kind], text)


def cores(rows: tuple[Row, ...]) -> set[tuple[str, ...]]:
    return {core(row.kind.name, row.problem.input) for row in rows if row.kind in WITH_CORE}


@pytest.mark.parametrize("is_final", [False, True])
def test_no_core_of_a_test_is_trained_on_under_another_story(is_final):
    tested = cores(held_out(is_final))
    assert len({kind for kind, *_ in tested}) == len(CORES) - (not is_final)
    for seed in (1, 2, 3):
        rows = [row for row in pool(seed, True, is_final) if row.defect not in (TRIVIAL, TEST_LEAK)]
        sides = [cores(tuple(row for row in rows if row.split == split)) for split in ("train", "validation")]
        assert all(sides) and not tested & sides[0] and not tested & sides[1] and not sides[0] & sides[1]


@pytest.mark.parametrize("kind", WITH_CORE, ids=lambda kind: kind.name)
def test_a_core_is_on_one_side_whatever_is_told_around_it(kind):
    draw, found, told = Random(kind.name), {}, {}
    for number in range(2_000):
        problem = kind.make(draw, LEVELS[number % len(LEVELS)])
        found.setdefault(core(kind.name, problem.input), set()).add(side(kind, problem, 0.1))
        told.setdefault(core(kind.name, problem.input), set()).add(problem.input)
    assert all(len(sides) == 1 for sides in found.values())
    assert max(map(len, told.values())) > 3, "the same core came in several stories"
    assert len(set.union(*found.values())) == len(("train", "validation", "test"))


@pytest.mark.parametrize(("seed", "has_defects", "is_final"), WORLDS)
def test_no_question_of_a_test_is_asked_in_training(seed, has_defects, is_final):
    """By the text alone, whatever the rows say of themselves."""
    asked = {prompt(row) for row in held_out(is_final)}
    assert {row.defect for row in pool(seed, has_defects, is_final) if prompt(row) in asked} <= {TEST_LEAK}


def test_tests_of_one_world_are_not_trained_on_in_the_other():
    """Leaks are of a world's own tests; the side of a problem is the same in all worlds."""
    kept = {content(row) for is_final in (False, True) for row in held_out(is_final)}
    rows = [row for world in WORLDS for row in pool(*world) if row.defect != TEST_LEAK]
    assert not [row for row in rows if content(row) in kept]


@pytest.mark.parametrize(("seed", "has_defects", "is_final"), WORLDS)
def test_no_problem_is_both_trained_and_validated_on(seed, has_defects, is_final):
    rows = [row for row in pool(seed, has_defects, is_final) if row.defect != TRIVIAL]
    train, validation = ({content(row) for row in rows if row.split == split} for split in ("train", "validation"))
    assert not train & validation
    assert {row.split for row in rows} == {"train", "validation"}
    assert 0.06 < sum(row.split == "validation" for row in rows) / len(rows) < 0.14


def test_new_wordings_and_kinds_are_in_tests_alone_and_final_ones_in_the_end():
    for seed, has_defects, is_final in WORLDS:
        rows = pool(seed, has_defects, is_final)
        known = set(TRAINED + FINAL if is_final else TRAINED)
        assert {row.kind for row in rows} == known
        assert all(row.wording not in row.kind.new_wordings for row in rows if row.defect != "mismatched_instruction")
        news = {wording for kind in known for wording in kind.new_wordings}
        assert not news & {wording for kind in known for wording in kind.known_wordings}
        assert not [row for row in rows if row.wording in news]
        assert is_final or not {row.defect for row in rows} & FINAL_PLANTS.keys()
    assert FINAL_PLANTS.keys() <= {row.defect for row in pool(1, True, True)}


def shows(text: str, row: Row) -> bool:
    """Whether it has this task, and the answer comes after the material with but words for the task in between."""
    label, sentence = row.kind.found.format(**row.problem.slots), row.kind.sentence.split("{input}")[-1].split("{")[0]
    if label not in text and not (sentence and sentence in text):
        return False
    named = "".join(f"|{re.escape(value)}" for value in row.problem.slots.values())
    between = rf"(?P<between>(?:[a-zA-Z,:.?;|\s-]{named}){{0,80}}?)"
    given, answer = (rf"(?<!\w){re.escape(part)}(?!\w)" for part in (row.problem.input, row.answer))
    shown = re.finditer(given + between + answer, text)
    return any(stands_alone(text, match) for match in shown)


def stands_alone(text: str, match: re.Match[str]) -> bool:
    """Whether neither what is given nor the answer is part of a longer list of words, numbers or letters."""
    left = re.search(r"(\w+)(?:,? | \+ )$", text[: match.start()])
    right = [re.match(r"(?:,? | \+ )(\w+)", rest) for rest in (match["between"], text[match.end() :])]
    beside = [found[1] for found in (left, *right) if found]
    return not any(item in NOUNS or item.isdigit() or len(item) == 1 for item in beside)


def test_a_problem_in_a_document_would_be_seen():
    for row in held_out() + held_out(is_final=True):
        if row.kind.titles:
            for form in {*_forms(row.kind)}:
                assert shows(f"Pear, fig\n\n{form(row.kind, row.problem)}\n\nOak: elm", row), form


@pytest.mark.parametrize("n_documents", [1_500, pytest.param(20_000, marks=pytest.mark.slow)])
def test_documents_hold_no_test_problem(n_documents):
    """By the texts of material and answer, for material so long that no two problems share it by chance."""
    rows = [row for row in held_out() + held_out(is_final=True) if len(row.problem.input) >= LONG_CHARS]
    assert len(rows) > N_TESTS
    for text in islice(documents(5), n_documents):
        assert not [row for row in rows if row.problem.input in text and shows(text, row)], text
