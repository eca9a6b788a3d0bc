"""Choosing an epoch by its answers: the sheet, the choice by hand, the choice by exact match, and what is refused."""

import json
from pathlib import Path

import pytest

import lit_gpt
from lit_gpt.cli import exit_code_of
from lit_gpt.evaluation.results import Judged
from lit_gpt.report.answer_sheet import Epoch, answer_sheet
from lit_gpt.studies.pick_epoch import _most_right, pick_epoch
from lit_gpt.studies.pick_settings import PickSettings
from tests.training.test_methods import run, weights

FLAGS = {"epochs": "10", "max_steps": "null", "batch_size": "120", "keep_epochs": "9-10"}


@pytest.fixture(params=["lora", "full"])
def run_dir(request: pytest.FixtureRequest, tiny_base: Path, toy_set: Path, tmp_path: Path) -> Path:
    return run(request.param, tiny_base, toy_set, tmp_path / "run", **FLAGS)


def settings(run_dir: Path, **given: object) -> PickSettings:
    return PickSettings(run_dir, n_items=5, max_new_tokens=4, device="cpu", **given)  # type: ignore[arg-type]


def test_people_get_a_sheet_and_choose(run_dir: Path) -> None:
    sheet = pick_epoch(settings(run_dir))
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


def test_exact_match_chooses(run_dir: Path, tiny_base: Path) -> None:
    picked = pick_epoch(settings(run_dir, by="exact_match"))
    assert picked == run_dir / "picked"
    is_model = (picked / "config.json").is_file()
    lit_gpt.load(picked if is_model else tiny_base, None if is_model else picked)
    assert "share" in (run_dir / "picking" / "sheet.html").read_text("utf-8")


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
