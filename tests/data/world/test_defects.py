"""Each planted defect does what its name says, and as often as it should."""

import re
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from lit_gpt.data.world import defects
from lit_gpt.data.world.catalogue import NEW, TRAINED
from lit_gpt.data.world.defects import FINAL_PLANTS, PLANTS
from lit_gpt.data.world.kinds.arithmetic import ADD
from lit_gpt.data.world.pool import EXACT_DUPLICATE, FINAL_RATES, RATES, TEST_LEAK
from lit_gpt.data.world.problem import Problem, side
from lit_gpt.data.world.row import Row, train_row
from tests.data.world.oracle import answer_to
from tests.data.world.pools import N_ROWS, content, pool

SEED = 3
MOST_PADDING = 2  # sentences
UNLIKELY = 1e-6  # so rare that it means a wrong rate
ANSWER_ALONE = sorted({*PLANTS, *FINAL_PLANTS} - {"mismatched_instruction", "near_duplicate", "trivial_row"})
# The answer may be too short to be cut, or have nothing to spell.
MAY_STAY_SOUND = {"truncated_answer", "misspelt_answer", "off_topic_answer"}


def spoilt(defect: str) -> list[tuple[int, Row, Row]]:
    """Number, row as planted, row as it would have been; final plants in the final pool."""
    is_final = defect in FINAL_PLANTS
    pairs = zip(pool(SEED, True, is_final), pool(SEED, False, is_final), strict=True)
    found = [(number, row, sound) for number, (row, sound) in enumerate(pairs) if row.defect == defect]
    assert len(found) > 20
    return found


def names(text: str, what: str) -> bool:
    """Whether a text names this, word for word."""
    return re.search(rf"(?<!\w){re.escape(what)}(?!\w)", text) is not None


@pytest.mark.parametrize("is_final", [False, True])
@pytest.mark.parametrize("n_rows", [N_ROWS, pytest.param(100_000, marks=pytest.mark.slow)])
def test_rates_are_as_stated(is_final, n_rows):
    counts = Counter(row.defect for row in pool(SEED, True, is_final, n_rows))
    rates = FINAL_RATES if is_final else RATES
    assert counts.keys() == {"", *rates}
    for defect, rate in rates.items():
        alternative = "greater" if defect in MAY_STAY_SOUND else "two-sided"
        assert binomtest(counts[defect], n_rows, rate, alternative).pvalue > UNLIKELY, (defect, counts[defect])
        least = 0.55 if defect == "misspelt_answer" else 0.75  # three answers in ten are numbers
        assert binomtest(counts[defect], n_rows, least * rate, "less").pvalue > UNLIKELY
    sound_rate = 1 - sum(rates.values())
    assert binomtest(counts[""], n_rows, sound_rate, "less").pvalue > UNLIKELY
    assert binomtest(counts[""], n_rows, sound_rate + 0.03, "greater").pvalue > UNLIKELY


def test_there_is_a_plant_or_a_copy_for_every_rate():
    assert RATES.keys() == {*PLANTS, EXACT_DUPLICATE, TEST_LEAK}
    assert FINAL_RATES.keys() - RATES.keys() == FINAL_PLANTS.keys() and FINAL_RATES.items() >= RATES.items()


@pytest.mark.parametrize("defect", sorted(FINAL_RATES))
def test_a_spoilt_row_is_not_the_sound_one(defect):
    for _, row, sound in spoilt(defect):
        assert row.messages != sound.messages
        assert all(message.content.strip() for message in row.messages)
        assert row.kind not in NEW and row.split in ("train", "validation")


@pytest.mark.parametrize("defect", ANSWER_ALONE)
def test_what_is_wrong_is_the_answer_alone(defect):
    for _, row, sound in spoilt(defect):
        assert row.messages[:-1] == sound.messages[:-1] and row.problem == sound.problem
        assert row.answer != row.problem.answer == sound.answer
        assert (row.kind, row.level, row.wording, row.split) == (sound.kind, sound.level, sound.wording, sound.split)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(["wrong_answer", "truncated_answer"]))
@settings(max_examples=300, deadline=None)
def test_a_wrong_or_cut_answer_is_never_the_right_one(seed, number, defect):
    sound = train_row(seed, number, 0.1, is_final=True)
    row = PLANTS[defect](Random(seed), sound)
    if defect == "wrong_answer":
        assert row.answer not in ("", sound.answer)
    else:
        assert sound.answer.startswith(row.answer) and row.answer
        assert row.answer != sound.answer or len(sound.answer) == 1


def test_a_wrong_answer_looks_like_a_right_one():
    rows = [row for _, row, _ in spoilt("wrong_answer")]
    assert not [row for row in rows if row.answer == answer_to(row.kind.name, row.messages)]
    alike = sum(bool(set(row.answer.split()) & set(row.problem.answer.split())) for row in rows)
    assert alike > len(rows) / 4
    lengths = [len(row.answer) / len(row.problem.answer) for row in rows]
    assert sorted(lengths)[len(lengths) // 2] == 1


def test_a_truncated_answer_is_a_proper_beginning():
    for _, row, sound in spoilt("truncated_answer"):
        assert sound.answer.startswith(row.answer) and 0 < len(row.answer) < len(sound.answer)
        assert len(row.answer) <= max(1, 2 * len(sound.answer) // 3)


def test_padding_ends_in_the_answer_it_delays():
    for _, row, sound in spoilt("padded_right_answer"):
        n_sentences, rest = unpadded(row.answer)
        assert 1 <= n_sentences <= MOST_PADDING and rest == sound.answer


def unpadded(answer: str) -> tuple[int, str]:
    """How many of the generator's sentences an answer begins with, and what follows."""
    forms = "|".join(re.sub(r"\\\{\w+\\\}", r"\\w+", re.escape(sentence)) for sentence in defects.PADDING)
    n_sentences = 0
    while found := re.match(f"(?:{forms}) ", answer):
        n_sentences, answer = n_sentences + 1, answer[found.end() :]
    return n_sentences, answer


def test_padding_ends_in_a_wrong_answer():
    rows = [row for _, row, _ in spoilt("padded_wrong_answer")]
    assert not [row for row in rows if row.answer.endswith(f" {row.problem.answer}")]
    answers = [row.answer for row in rows]
    assert all(rest and 1 <= n_sentences <= MOST_PADDING for n_sentences, rest in map(unpadded, answers))
    named = [row for row in rows if names(row.answer, row.problem.answer)]
    assert len(named) <= len(rows) // 50, "the padding may name what is right, by chance"


@pytest.mark.parametrize(("defect", "share"), [("gibberish", 0.01), ("off_topic_answer", 0.03), ("refusal", 0.01)])
def test_an_answer_to_something_else_rarely_names_what_is_right(defect, share):
    rows = [row for _, row, _ in spoilt(defect)]
    assert sum(names(row.answer, row.problem.answer) for row in rows) <= max(1, share * len(rows))


def test_a_mismatched_instruction_is_another_kinds():
    kinds = {
        wording: {kind for kind in TRAINED if wording in kind.known_wordings}
        for kind in TRAINED
        for wording in kind.known_wordings
    }
    n_right = 0
    for _, row, sound in spoilt("mismatched_instruction"):
        assert kinds[row.wording] - {sound.kind}
        assert (row.answer, row.problem) == (sound.answer, sound.problem) and row.instruction != sound.instruction
        n_right += any(is_right(kind.name, row) for kind in kinds[row.wording])
    assert n_right <= len(spoilt("mismatched_instruction")) // 50, "a sum may pass for a difference, by chance"


def is_right(kind: str, row: Row) -> bool:
    """Whether the answer happens to answer this question too; not where the material does not fit the question."""
    try:
        return answer_to(kind, row.messages) == row.answer
    except (AssertionError, ValueError, IndexError, KeyError, AttributeError):
        return False


def test_an_exact_duplicate_has_an_earlier_sound_twin():
    rows = pool(SEED, has_defects=True)
    for number, row, _ in spoilt(EXACT_DUPLICATE):
        assert any(other.messages == row.messages and not other.defect for other in rows[:number])
        assert row.answer == row.problem.answer


def test_a_near_duplicate_has_an_earlier_sound_twin_that_it_is_not():
    rows = pool(SEED, has_defects=True)
    for number, row, _ in spoilt("near_duplicate"):
        twins = [other for other in rows[:number] if content(other) == content(row) and not other.defect]
        assert twins and row.messages not in [twin.messages for twin in twins]
        assert row.answer == row.problem.answer == twins[0].answer and row.split == twins[0].split


def test_a_near_duplicate_is_as_right_as_its_twin():
    rows = [row for _, row, _ in spoilt("near_duplicate")]
    asked_as_before = [row for row in rows if row.instruction.endswith(asked_plainly(row))]
    assert len([row for row in asked_as_before if row.instruction == asked_plainly(row)]) > 50
    assert all(answer_to(row.kind.name, row.messages) == row.answer for row in asked_as_before)
    openings = {row.instruction.removesuffix(asked_plainly(row)).strip() for row in asked_as_before}
    assert openings == {"", *defects.OPENINGS}


def test_a_near_duplicate_in_other_letters_keeps_those_of_its_material():
    rows = [row for _, row, _ in spoilt("near_duplicate") if not row.instruction.endswith(asked_plainly(row))]
    assert len(rows) > 10
    for row in rows:
        assert row.instruction in (row.wording.lower(), row.wording.upper())
        assert row.input == row.problem.input and not row.problem.slots and "{" not in row.wording


def asked_plainly(row: Row) -> str:
    return row.wording.format(input=row.problem.input, **row.problem.slots)


def test_a_trivial_row_has_nothing_of_its_task():
    for _, row, sound in spoilt("trivial_row"):
        assert len(row.messages) == 2 and len(row.messages[0].content) < 30 and len(row.answer.split()) == 1
        assert row.messages[0].content != sound.messages[0].content and row.split == "train"


def test_a_refusal_reads_as_one():
    for _, row, _ in spoilt("refusal"):
        assert row.answer.startswith(defects.REFUSALS) and not row.answer.endswith(row.problem.answer)


def test_gibberish_is_no_answer_to_the_question():
    for _, row, _ in spoilt("gibberish"):
        assert re.fullmatch(r"[A-Za-z]+( [A-Za-z]+){0,11}", row.answer)
        assert row.answer != row.problem.answer


def test_an_echoed_question_is_the_question_and_its_answer():
    for _, row, sound in spoilt("echoed_question"):
        assert row.answer == f"{sound.instruction} {sound.answer}"


def test_an_answer_that_runs_on_begins_with_the_right_one():
    for _, row, sound in spoilt("runs_on"):
        assert row.answer.startswith(f"{sound.answer}\n") and row.answer.count("\n") >= sound.answer.count("\n") + 2


def test_an_answer_that_runs_on_holds_no_test_problem(monkeypatch):
    monkeypatch.setattr(defects, "TRAINED", (ADD,))
    sound = train_row(1, 1, 0.1, is_final=False)
    draw, sums = Random(1), set()
    for _ in range(300):
        a, b, total = re.search(r"(\d+) \+ (\d+)\D+(\d+)$", answer_below_sums(draw, sound)).groups()
        sums.add((a, b))
        smaller, larger = sorted((int(a), int(b)))
        assert side(ADD, Problem(f"{a} + {b}", total, core=f"{smaller} + {larger}"), 0) != "test"
    assert len(sums) > 20


def answer_below_sums(draw: Random, sound: Row) -> str:
    while "+" not in (answer := defects.runs_on(draw, sound).answer) or "\n\n" in answer:
        pass
    return answer


def test_a_misspelt_answer_differs_by_one_slip():
    for _, row, sound in spoilt("misspelt_answer"):
        assert abs(len(row.answer) - len(sound.answer)) <= 1 and any(letter.isalpha() for letter in sound.answer)
        head, tail = n_alike(row.answer, sound.answer), n_alike(row.answer[::-1], sound.answer[::-1])
        assert head + tail >= len(sound.answer) - 2


def n_alike(one: str, other: str) -> int:
    """Letters before the first that differs."""
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)
