"""Rows as questions, their labels, and which of them a sample holds."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_gpt.errors import UserError
from lit_gpt.evaluation.items import Question, draw, read_items
from lit_gpt.evaluation.labels import LabelTable, read_labels
from lit_gpt.example import Example, Message, Provenance
from tests.evaluation.files import example, write_labels, write_set

NO_LABELS = LabelTable({})
ROWS = [(f"q{n}", f"a{n}", "sums" if n % 4 else "colours") for n in range(20)]


def dialogue(*turns: tuple[str, str]) -> Example:
    messages = tuple(Message(role, text) for role, text in turns)
    return Example("d-1", messages, Provenance("tiny", "1", 0, "CC0-1.0", "program"))


def test_a_single_question_stands_as_it_is() -> None:
    question = Question.of(example(0, "Why?\n", " Because. "))
    assert (question.text, question.expected) == ("Why?\n", " Because. ")


def test_the_last_answer_of_a_dialogue_is_expected() -> None:
    row = dialogue(("system", "Be brief."), ("user", "Hi"), ("assistant", "Ho"), ("user", "Why?"), ("assistant", "So."))
    question = Question.of(row)
    assert question.messages == row.messages[:4]
    assert question.expected == "So."
    assert question.text == "system: Be brief.\n\nuser: Hi\n\nassistant: Ho\n\nuser: Why?"


@pytest.mark.parametrize("turns", [[("user", "Why?")], [("assistant", "So.")], []])
def test_a_row_without_question_or_answer_is_refused(turns: list[tuple[str, str]]) -> None:
    with pytest.raises(UserError, match="d-1"):
        Question.of(dialogue(*turns))


def test_all_rows_in_order(tmp_path: Path) -> None:
    items = read_items(write_set(tmp_path / "set", [], ROWS), "validation", NO_LABELS, None, seed=1)
    assert [(item.question.text, item.question.expected, item.kind) for item in items] == ROWS
    assert {(item.group, item.level) for item in items} == {("all", None)}


def test_a_row_without_a_category_is_of_the_kind_all(tmp_path: Path) -> None:
    items = read_items(write_set(tmp_path / "set", [], [("q", "a", "")]), "validation", NO_LABELS, None, seed=1)
    assert items[0].kind == "all"


def test_a_sample_keeps_order_and_shares_and_follows_from_the_seed(tmp_path: Path) -> None:
    directory = write_set(tmp_path / "set", [], ROWS)
    samples = [read_items(directory, "validation", NO_LABELS, 8, seed) for seed in (1, 1, 2)]
    ids = [[item.id for item in sample] for sample in samples]
    assert ids[0] == ids[1] == sorted(ids[0])
    assert ids[0] != ids[2]
    for sample in samples:
        assert Counter(item.kind for item in sample) == {"sums": 6, "colours": 2}
    assert len(read_items(directory, "validation", NO_LABELS, 99, seed=1)) == 20


@given(
    sizes=st.dictionaries(st.tuples(st.sampled_from("gh"), st.sampled_from("klmn")), st.integers(1, 30), min_size=1),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 99),
)
def test_every_stratum_gets_its_share_to_within_one_row(
    sizes: dict[tuple[str, str], int], share: float, seed: int
) -> None:
    rows = [(*stratum, f"{stratum}{n}") for stratum, size in sizes.items() for n in range(size)]
    n_drawn = max(1, int(share * len(rows)))
    drawn = draw(rows, n_drawn, seed)
    assert len(drawn) == n_drawn and drawn <= set(range(len(rows)))
    counts = Counter(rows[number][:2] for number in drawn)
    for stratum, size in sizes.items():
        assert abs(counts[stratum] - n_drawn * size / len(rows)) < 1


def test_every_row_has_the_same_chance() -> None:
    rows = [("g", "k" if n < 3 else "m", f"row {n}") for n in range(10)]
    counts = Counter(number for seed in range(3000) for number in draw(rows, 3, seed))
    assert max(abs(counts[n] / 3000 - 0.3) for n in range(10)) < 0.04  # 4.8 standard deviations


# ---- labels


def test_groups_and_levels_come_from_the_table(tmp_path: Path) -> None:
    directory = write_set(tmp_path / "set", [], ROWS[:2])
    rows = [("validation-0001", "sums", "new kinds", 3), ("validation-0000", "colours", "trained kinds", None)]
    labels = read_labels(write_labels(tmp_path / "labels", rows), "validation", "any")
    items = read_items(directory, "validation", labels, None, seed=1)
    assert [(item.group, item.level) for item in items] == [("trained kinds", None), ("new kinds", 3)]


def test_a_row_without_its_label_or_with_anothers_is_refused(tmp_path: Path) -> None:
    directory = write_set(tmp_path / "set", [], ROWS[:2])
    first = ("validation-0000", "colours", "g", 1)
    for name, rows in {"few": [first], "other": [first, ("validation-0001", "colours", "g", 1)]}.items():
        labels = read_labels(write_labels(tmp_path / name, rows), "validation", "any")
        with pytest.raises(UserError, match="validation-0001"):
            read_items(directory, "validation", labels, None, seed=1)


def test_labels_of_another_set_twice_or_not_at_all(tmp_path: Path) -> None:
    row = ("validation-0000", "sums", "g", 1)
    of_one = write_labels(tmp_path / "one", [row], example_set="abc")
    assert read_labels(of_one, "validation", "abc").labels["validation-0000"].level == 1
    with pytest.raises(UserError, match="another data set"):
        read_labels(of_one, "validation", "def")
    with pytest.raises(UserError, match="cannot be read"):
        read_labels(of_one, "test", "abc")
    with pytest.raises(UserError, match="twice"):
        read_labels(write_labels(tmp_path / "two", [row, row]), "validation", "abc")
    with pytest.raises(UserError, match="holds an example set"):
        read_labels(write_set(tmp_path / "set", [], []), "validation", "abc")


def test_a_table_without_the_columns(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    directory = write_labels(tmp_path / "labels", [("a", "k", "g", 1)])
    pq.write_table(pa.table({"id": ["a"], "kind": ["k"]}), directory / "validation.parquet")
    with pytest.raises(UserError, match="no column group, level"):
        read_labels(directory, "validation", "any")
