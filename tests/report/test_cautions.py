"""A comparison that is not what it seems says so at the top of the page."""

from pathlib import Path
from typing import Any

import pytest

from lit_gpt.files import hash_json
from lit_gpt.manifest import Manifest, read_manifest
from lit_gpt.report.cautions import cautions
from lit_gpt.report.evaluations import read_evaluation
from lit_gpt.report.result_sections import Results
from lit_gpt.report.run_record import RunRecord, read_run
from tests.report.build import items, write_evaluation, write_run

SHARES = {"trained kinds": 0.5, "new wordings": 0.5, "new kinds": 0.5}
BASE, OTHER = "c" * 64, "9" * 64
MODEL: dict[str, Any] = {"method": "model", "split": "test", "prompt_style": "alpaca"}


@pytest.fixture
def run(tmp_path: Path) -> RunRecord:
    return read_run(write_run(tmp_path / "run", tmp_path / "data"), tmp_path / "data")


def found(tmp_path: Path, run: RunRecord, **changes: dict[str, Any]) -> list[str]:
    """The cautions for two sound evaluations of which some parents or settings are changed; None removes one."""

    def evaluation(name: str, parents: dict[str, str]) -> Any:
        made_from = parents | changes.get(f"{name}_parents", {})
        settings = MODEL | changes.get(f"{name}_settings", {})
        kept = {key: value for key, value in made_from.items() if value is not None}
        return read_evaluation(write_evaluation(tmp_path / name, items(12, SHARES, 1), kept, settings))

    asked = {"checkpoint": BASE, "example_set": run.parents["example_set"]}
    adapter = run.weights["best"].content_hash
    return cautions(run, Results(evaluation("before", asked), evaluation("after", asked | {"adapter": adapter})))


def test_a_sound_comparison_has_none(tmp_path: Path, run: RunRecord) -> None:
    assert found(tmp_path, run) == []
    assert cautions(run, Results(None, None)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"before_parents": {"checkpoint": OTHER}}, "not the one this run started from"),
        ({"before_parents": {"adapter": OTHER}}, "has an adapter already"),
        ({"before_settings": {"method": "constant"}}, "before are those of the baseline constant"),
        ({"after_settings": {"method": "copy-nearest"}}, "after are those of the baseline copy-nearest"),
        ({"after_parents": {"adapter": OTHER}}, "No hash ties the answers after"),
        ({"after_parents": {"adapter": None}}, "No hash ties the answers after"),
        ({"after_parents": {"checkpoint": OTHER}}, "on another base model (999999999999…)"),
        ({"after_settings": {"prompt_style": "raw"}}, "differ in prompt style: alpaca before, raw after"),
        ({"before_parents": {"example_set": OTHER}}, "different data sets"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, run: RunRecord, changes: dict[str, Any], words: str) -> None:
    (said,) = found(tmp_path, run, **changes)
    assert words in said


@pytest.mark.parametrize(("split", "words"), [("train", "learnt from them"), ("validation", "may flatter")])
def test_rows_the_run_has_seen(tmp_path: Path, run: RunRecord, split: str, words: str) -> None:
    changed = {"split": split}
    (said,) = found(tmp_path, run, before_settings=changed, after_settings=changed)
    assert words in said
    elsewhere = {"example_set": OTHER}
    (tmp_path / "again").mkdir()
    changes = {"before_parents": elsewhere, "after_parents": elsewhere}
    assert found(tmp_path / "again", run, before_settings=changed, after_settings=changed, **changes) == []


def test_a_whole_model_is_known_by_the_hash_of_its_files(tmp_path: Path, run: RunRecord) -> None:
    best = tmp_path / "full"
    best.mkdir()
    for name in ("config.json", "model.safetensors", "prompt_style.json"):
        (best / name).write_text(name)
    written = Manifest("full").write(best, ["config.json", "model.safetensors", "prompt_style.json"])
    run.weights["best"] = read_manifest(best, "full")
    model = hash_json({name: written.files[name]["sha256"] for name in ("config.json", "model.safetensors")})
    assert found(tmp_path, run, after_parents={"adapter": None, "checkpoint": model}) == []


def test_an_unfinished_run_ties_nothing(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", tmp_path / "data", is_finished=False), None)
    after = read_evaluation(write_evaluation(tmp_path / "after", items(12, SHARES, 1), {"adapter": OTHER}, MODEL))
    assert len(cautions(run, Results(None, after))) == 1
