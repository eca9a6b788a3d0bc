"""Evaluations are taken as written, refused where they contradict themselves, compared by id."""

import json
from pathlib import Path
from typing import Any

import pytest

from lit_gpt.errors import UserError
from lit_gpt.evaluation.results import Judged, write_results
from lit_gpt.files import write_json
from lit_gpt.manifest import Manifest
from lit_gpt.report.evaluations import Comparison, read_evaluation, read_items
from lit_gpt.report.paired import Difference
from lit_gpt.report.result_sections import Results, exact_match_section
from tests.report.build import items, write_evaluation

SHARES = {"trained kinds": 0.5, "new wordings": 0.5, "new kinds": 0.5}


def test_scores_are_those_that_were_written(tmp_path: Path) -> None:
    directory = write_evaluation(tmp_path / "e", items(60, SHARES, 1))
    written = json.loads((directory / "results.json").read_text())
    evaluation = read_evaluation(directory)
    assert evaluation.overall.value == written["value"]
    assert list(evaluation.overall.interval or ()) == written["interval"]
    assert {k: s.value for k, s in evaluation.kinds.items()} == {k: s["value"] for k, s in written["kinds"].items()}
    assert evaluation.kinds["two_steps"].group == "new kinds"
    assert len(evaluation.items) == 60


def test_lines_end_at_line_feeds_alone(tmp_path: Path) -> None:
    row = items(1, SHARES, 1)[0] | {"answer": "a\u2028b\x85c"}
    (tmp_path / "items.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert read_items(tmp_path / "items.jsonl")[row["id"]].answer == "a\u2028b\x85c"


def test_no_evaluation_and_a_changed_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no manifest\.json"):
        read_evaluation(tmp_path)
    directory = write_evaluation(tmp_path / "e", items(12, SHARES, 1))
    with open(directory / "items.jsonl", "a") as file:
        file.write("\n")
    with pytest.raises(UserError, match="damaged"):
        read_evaluation(directory)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"value": 0.9}, "0.900"),
        ({"n": 13}, "13 items"),
        ({"task": None, "groups": 5}, "cannot be read"),
        ({"interval": [1]}, "cannot be read"),
        ({"value": float("nan")}, "cannot be read"),
        ({"interval": [-0.1, 0.5]}, "cannot be read"),
        ({"levels": {"1": {"n": -1, "value": 0.5}}}, "cannot be read"),
        ({"items": "elsewhere.jsonl"}, "cannot be read"),
    ],
)
def test_results_that_are_not_their_items(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    directory = write_evaluation(tmp_path / "e", items(12, SHARES, 1), **change)
    with pytest.raises(UserError) as error:
        read_evaluation(directory)
    assert complaint in str(error.value)


@pytest.mark.parametrize("change", [{"is_correct": 1}, {"id": "world-00000"}])
def test_items_that_are_none(tmp_path: Path, change: dict[str, Any]) -> None:
    rows = items(3, SHARES, 1)
    rows[1] |= change
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ValueError, match="line 2"):
        read_items(path)


def comparison(tmp_path: Path, before: list[dict[str, Any]], after: list[dict[str, Any]], **more: Any) -> Comparison:
    first = read_evaluation(write_evaluation(tmp_path / "before", before))
    return Comparison(first, read_evaluation(write_evaluation(tmp_path / "after", after, **more)))


def test_items_are_compared_by_id_and_question(tmp_path: Path) -> None:
    before, after = items(12, SHARES, 1), items(12, SHARES, 2)
    for row, is_correct in zip(before, [False] * 6 + [True] * 6, strict=True):
        row["is_correct"] = is_correct
    for row in after:
        row["is_correct"] = True
    after[0]["prompt"] = "something else"
    compared = comparison(tmp_path, before[1:], after[:-1])
    assert len(compared.shared) == 10
    assert compared.n_unshared == 2
    assert compared.difference() == Difference(10, 5, 0)
    assert compared.difference(kind="count_letters") == Difference(2, 1, 0)
    assert compared.difference(level="1") == Difference(5, 5, 0)
    assert compared.difference(kind="unheard of") is None


def test_two_tasks_are_not_compared(tmp_path: Path) -> None:
    rows = items(12, SHARES, 1)
    with pytest.raises(UserError, match="version 2"):
        comparison(tmp_path, rows, rows, version=2)


def test_results_may_lack_what_is_optional(tmp_path: Path) -> None:
    rows = items(6, SHARES, 1)
    directory = write_evaluation(tmp_path / "e", rows, groups=None, levels={}, interval=None, elapsed_s=None)
    evaluation = read_evaluation(directory)
    assert (evaluation.groups, evaluation.levels) == ({}, {})
    assert (evaluation.overall.interval, evaluation.elapsed_s) == (None, None)
    write_json(directory / "unrelated.json", {})


def test_what_an_evaluation_writes_is_what_a_report_reads(tmp_path: Path) -> None:
    """The two rooms meet on disk alone: a kind in two groups, a level that is not known, an answer that was cut."""
    judged = [
        Judged("a", "sort", "trained kinds", 1, "p", "e", "e", True, False),
        Judged("b", "sort", "new wordings", None, "p", "e", "x\u2028y", False, True),
        Judged("c", "sort", "new wordings", 2, "p", "e", "e", True, False),
    ]
    made_from = Manifest("evaluation", {"checkpoint": "c" * 64}, {}, {"task": "world", "split": "test"})
    write_results(tmp_path / "e", made_from, judged, elapsed_s=1.5)
    evaluation = read_evaluation(tmp_path / "e")
    assert (evaluation.task, evaluation.split, evaluation.elapsed_s) == ("world", "test", 1.5)
    assert evaluation.items["b"].is_cut and evaluation.items["b"].level == ""
    assert evaluation.items["b"].answer == "x\u2028y"
    assert {(s.kind, s.group, s.n) for s in evaluation.kinds.values()} == {
        ("sort", "trained kinds", 1),
        ("sort", "new wordings", 2),
    }
    page = exact_match_section(Results(evaluation, evaluation)).body
    assert page.count(">sort</th>") == 2
    assert page.index("Kinds trained on") < page.index("New wordings")
    # both rows find their own items: three changed alike, so each difference is a zero without an interval
    assert page.count('<td class="n">0.0</td><td class="n">—</td>') == 7  # all, two groups, two kinds, two levels
