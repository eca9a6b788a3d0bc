"""Choosing an epoch by its answers: the sheet, the choice by hand, the choice by exact match, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import lit_gpt
from lit_gpt.cli import exit_code_of
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file
from lit_gpt.data.store import read_examples
from lit_gpt.evaluation.results import Judged
from lit_gpt.example import Origin
from lit_gpt.report.answer_sheet import Epoch, answer_sheet
from lit_gpt.studies.pick_epoch import _most_right, can_be_checked, pick_epoch
from lit_gpt.studies.pick_settings import PickSettings
from lit_gpt.tokens.prepare import prepare
from lit_gpt.tokens.settings import TokenSettings
from tests import toy
from tests.training.test_methods import run, weights

FLAGS = {"epochs": "10", "max_steps": "null", "batch_size": "120", "keep_epochs": "9-10"}


@pytest.fixture(params=["lora", "full"])
def run_dir(request: pytest.FixtureRequest, tiny_base: Path, toy_set: Path, tmp_path: Path) -> Path:
    return run(request.param, tiny_base, toy_set, tmp_path / "run", **FLAGS)


def settings(run_dir: Path, **given: object) -> PickSettings:
    return PickSettings(run_dir, n_items=5, max_new_tokens=4, device="cpu", **given)  # type: ignore[arg-type]


def test_people_get_a_sheet_and_choose(run_dir: Path) -> None:
    sheet = pick_epoch(settings(run_dir, by="people"))
    page = sheet.read_text("utf-8")
    assert page.count("<article") == 5 and "✓ right" not in page and not (run_dir / "picked").exists()
    evaluations = sorted(path.name for path in sheet.parent.iterdir() if path.is_dir())
    assert evaluations == ["epoch-09", "epoch-10"]
    ids = [{json.loads(line)["id"] for line in (sheet.parent / name / "items.jsonl").open()} for name in evaluations]
    assert ids[0] == ids[1] and len(ids[0]) == 5
    picked = pick_epoch(settings(run_dir, pick_epoch=9))
    kept = {path.name: path.read_bytes() for path in (run_dir / "epoch-09").iterdir()}
    assert {path.name: path.read_bytes() for path in picked.iterdir()} == kept
    assert {name: picked.joinpath(name).read_bytes() for name in weights(run_dir)} != weights(run_dir)


def test_exact_match_chooses_where_answers_are_short(run_dir: Path, tiny_base: Path) -> None:
    """Toy answers are of three words at most, so that nothing need be said."""
    picked = pick_epoch(settings(run_dir))
    assert picked == run_dir / "picked"
    is_model = (picked / "config.json").is_file()
    lit_gpt.load(picked if is_model else tiny_base, None if is_model else picked)
    assert "share" in (run_dir / "picking" / "sheet.html").read_text("utf-8")
    chosen = {path.name: path.read_bytes() for path in picked.iterdir()}
    assert pick_epoch(settings(run_dir, by="exact_match")) == picked
    assert {path.name: path.read_bytes() for path in picked.iterdir()} == chosen


def test_people_choose_where_one_answer_can_be_put_otherwise(tiny_base: Path, tmp_path: Path, capsys) -> None:
    rows = [*toy.rows(120, seed=5), {"instruction": "Why?", "input": "", "output": "apple bridge " * 3}]
    (tmp_path / "toy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = DataSettings(source=str(tmp_path / "toy.jsonl"), destination_path=tmp_path / "toy", val_split_fraction=0.5)
    data_dir = prepare(user_file.source(), data, TokenSettings(tiny_base, max_seq_length=128))
    flags = FLAGS | {"epochs": "1", "keep_epochs": "1"}
    run_dir = run("lora", tiny_base, data_dir, tmp_path / "run", **flags)
    long = [row.id for split in ("train", "validation") for row in read_examples(data_dir, split) if "Why" in str(row)]
    held_out = [row.id for row in read_examples(data_dir, "validation")]
    chosen = pick_epoch(replace(settings(run_dir), n_items=len(held_out)))
    told = capsys.readouterr().err
    assert set(long) <= set(held_out), "the seed of the split puts it there"
    assert chosen.name == "sheet.html" and f"1 of {len(held_out)} expected answers, such as {long[0]}'s" in told


@pytest.mark.parametrize(
    ("answer", "origin", "is_checked"),
    [
        ("42", "human", True),
        ("Nelson Mandela was the president.", "human", True),
        ("one two three four five six", "human", False),
        ("yes\nno", "unknown", False),
        ("one two three four five six", "program", True),
        ("one two three four five six", "mixed", False),
    ],
)
def test_which_answers_can_be_checked(answer: str, origin: Origin, is_checked: bool) -> None:
    assert can_be_checked(answer, origin) == is_checked


def epoch(number: int, rights: list[bool]) -> Epoch:
    answers = [
        Judged(f"row-{n}", "sums", "all", None, f"{n} + <b>1?", str(n + 1), "7" if is_right else "no", is_right, False)
        for n, is_right in enumerate(rights)
    ]
    return Epoch(number, 0.5 * number, answers)


def test_the_most_right_epoch_wins_and_the_earliest_of_equals() -> None:
    epochs = [epoch(5, [True, False]), epoch(6, [True, True]), epoch(7, [True, True])]
    assert _most_right(epochs) == 6


def test_equal_answers_are_shown_once() -> None:
    epochs = [epoch(5, [True, False]), epoch(6, [True, True]), epoch(7, [True, True])]
    page = answer_sheet("run", epochs, is_checked=True)
    assert "epochs 5, 6, 7" in page and "epochs 6, 7" in page and "<b>" not in page
    assert page.count("✓ right") == 2 and page.count("✗ wrong") == 1
    assert "right" not in answer_sheet("run", epochs, is_checked=False).split("<main>")[1]


def test_a_run_without_epochs_is_a_users_mistake(tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    out_dir = run("lora", tiny_base, toy_set, tmp_path / "run", max_steps="1")
    assert exit_code_of(lambda: pick_epoch(settings(out_dir)) and None) == 2
    assert exit_code_of(lambda: pick_epoch(settings(tmp_path)) and None) == 2


def test_an_epoch_that_was_not_kept_is_a_users_mistake(run_dir: Path) -> None:
    assert exit_code_of(lambda: pick_epoch(settings(run_dir, pick_epoch=11)) and None) == 2
    assert exit_code_of(lambda: PickSettings(run_dir, by="exact_match", pick_epoch=2) and None) == 2
