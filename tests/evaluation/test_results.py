"""results.json and items.jsonl: hand-counted, written whole, found again, and nothing of a user's replaced."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lit_gpt.errors import UserError
from lit_gpt.evaluation.items import Answer, Item, Question
from lit_gpt.evaluation.results import (
    ACCURACIES,
    ITEMS,
    RESULTS,
    Judged,
    accuracies,
    describe,
    holds,
    judge,
    summarise,
    write_results,
)
from lit_gpt.example import Message
from lit_gpt.manifest import MANIFEST, Manifest, damaged_files, read_manifest

MADE_FROM = Manifest("evaluation", {"example_set": "abc"}, settings={"task": "world", "split": "test"})


def judged(kind: str, group: str, level: int | None, is_correct: bool, is_cut: bool = False) -> Judged:
    return Judged("id", kind, group, level, "Why?", "So.", "So." if is_correct else "No.", is_correct, is_cut)


ALL = [
    judged("sums", "trained kinds", 1, True),
    judged("sums", "trained kinds", 2, False, is_cut=True),
    judged("sums", "new wordings", 2, False),
    judged("sums", "new wordings", 10, False),
    judged("colours", "trained kinds", None, True),
]


def brief(numbers: dict[str, dict]) -> dict[str, tuple]:
    return {name: (part["n"], part["value"]) for name, part in numbers.items()}


def test_counts_by_hand() -> None:
    numbers = summarise(ALL)
    assert (numbers["n"], numbers["value"], numbers["n_cut"]) == (5, 0.4, 1)
    assert brief(numbers["groups"]) == {"new wordings": (2, 0.0), "trained kinds": (3, pytest.approx(2 / 3))}
    assert brief(numbers["levels"]) == {"1": (1, 1.0), "2": (2, 0.0), "10": (1, 0.0)}
    assert list(numbers["levels"]) == ["1", "2", "10"]
    assert brief(numbers["kinds"]) == {
        "colours": (1, 1.0),
        "sums (new wordings)": (2, 0.0),
        "sums (trained kinds)": (2, 0.5),
    }
    assert numbers["kinds"]["sums (trained kinds)"]["kind"] == "sums"
    assert numbers["kinds"]["colours"]["group"] == "trained kinds"
    low, high = numbers["interval"]
    assert 0 < low < 0.4 < high < 1


def test_a_kind_in_one_group_keeps_its_name() -> None:
    assert list(summarise(ALL[:2])["kinds"]) == ["sums"]


def test_the_numbers_in_words() -> None:
    first, *groups = describe({"task": "world", **summarise(ALL)})
    assert first == "world, exact_match: 40.0% of 5 (11.8% to 76.9%), 1 answers cut at the limit"
    assert groups[0] == "  new wordings: 0.0% of 2 (0.0% to 65.8%)"
    assert groups[1].startswith("  trained kinds: 66.7% of 3 (")
    assert len(describe({"task": "world", **summarise(ALL[:1])})) == 1


def test_accuracies_are_of_a_category_in_all_groups() -> None:
    assert accuracies(ALL) == [{"id": "colours", "value": 1.0, "n": 1}, {"id": "sums", "value": 0.25, "n": 4}]


def test_no_items() -> None:
    with pytest.raises(ValueError, match="0 of 0"):
        summarise([])


def test_judging() -> None:
    question = Question((Message("user", "Why?"),), "So.")
    items = [Item(str(n), "k", "g", 2, question) for n in range(3)]
    found = judge(items, [Answer("So.\n"), Answer("So. And so on.", is_cut=True), Answer("so.")])
    assert [item.is_correct for item in found] == [True, False, False]
    assert [item.is_cut for item in found] == [False, True, False]
    assert (found[1].id, found[1].kind, found[1].group, found[1].level) == ("1", "k", "g", 2)
    assert (found[1].prompt, found[1].expected, found[1].answer) == ("Why?", "So.", "So. And so on.")
    with pytest.raises(ValueError):
        judge(items, [Answer("So.")])


def test_files_by_name_and_field(tmp_path: Path) -> None:
    hostile = replace(ALL[0], answer='a\u2028b\x85c"\n</script>🎈', prompt="Ärger")
    write_results(tmp_path / "e", MADE_FROM, [hostile, *ALL[1:]], elapsed_s=1.23456)
    results = json.loads((tmp_path / "e" / RESULTS).read_text("utf-8"))
    assert results.keys() == {
        *("task", "version", "metric", "n", "value", "standard_error", "interval", "n_cut"),
        *("groups", "kinds", "levels", "elapsed_s", "items"),
    }
    assert (results["task"], results["metric"], results["elapsed_s"]) == ("world", "exact_match", 1.235)
    lines = (tmp_path / "e" / results["items"]).read_text("utf-8").splitlines()
    assert len(lines) == len(ALL), "no character within an answer ends its line"
    assert json.loads(lines[0]) == {
        **{"id": "id", "kind": "sums", "group": "trained kinds", "level": 1, "prompt": "Ärger", "expected": "So."},
        **{"answer": hostile.answer, "is_correct": True, "is_cut": False},
    }
    manifest = read_manifest(tmp_path / "e", "evaluation")
    assert manifest.parents == {"example_set": "abc"}
    assert manifest.counts == {"n": 5, "n_cut": 1, "n_correct": 2}
    assert set(manifest.files) == {RESULTS, ITEMS, ACCURACIES} and not damaged_files(tmp_path / "e", manifest)


def test_the_same_evaluation_is_found_again_and_another_is_not(tmp_path: Path) -> None:
    out_dir = tmp_path / "e"
    assert not holds(out_dir, MADE_FROM)
    write_results(out_dir, MADE_FROM, ALL, 1.0)
    assert holds(out_dir, MADE_FROM)
    assert not holds(out_dir, replace(MADE_FROM, parents={"example_set": "abd"}))
    assert not holds(out_dir, replace(MADE_FROM, settings={"task": "world", "split": "validation"}))
    (out_dir / ITEMS).write_text("{}\n")
    assert not holds(out_dir, MADE_FROM), "it is damaged"


def test_an_empty_folder_is_free(tmp_path: Path) -> None:
    assert not holds(tmp_path, MADE_FROM)


@pytest.mark.parametrize("names", [["notes.txt"], [RESULTS], [RESULTS, ITEMS, MANIFEST, "notes.txt"]])
def test_nothing_of_a_users_is_replaced(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match="something else"):
        holds(tmp_path, MADE_FROM)


def test_neither_a_file_nor_another_artefact_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="something else"):
        holds(tmp_path / "file", MADE_FROM)
    (tmp_path / "checkpoint").mkdir()
    Manifest("checkpoint").write(tmp_path / "checkpoint")
    with pytest.raises(UserError, match="holds a checkpoint"):
        holds(tmp_path / "checkpoint", MADE_FROM)


def test_a_failure_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out_dir = tmp_path / "e"
    write_results(out_dir, MADE_FROM, ALL, 1.0)
    monkeypatch.setattr(Manifest, "write", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_results(out_dir, MADE_FROM, ALL[:1], 1.0)
    assert holds(out_dir, MADE_FROM)
    assert [path.name for path in tmp_path.iterdir()] == ["e"]
