"""The study of the embedded default, whole, at a small size: it runs, adds up, and goes on where it stopped."""

import json
from pathlib import Path

import numpy as np
import pytest

from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.errors import UserError
from lit_gpt.evaluation.labels import read_defects
from lit_gpt.evaluation.results import read_judged
from lit_gpt.studies.clean_or_random import draw_tokens, row_lengths
from lit_gpt.studies.embedded import study_embedded_default
from lit_gpt.studies.embedded_settings import StudySettings
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings


@pytest.fixture(scope="module")
def study(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> StudySettings:
    return StudySettings(
        out_dir=tmp_path_factory.mktemp("study"),
        checkpoint_dir=tiny_base,
        n_rows=80,
        n_seeds=2,
        n_pool_rows=150,
        n_tokens=3_000,
        n_pool_seeds=2,
        n_test=24,
        n_indicator_rows=40,
    )


@pytest.fixture(scope="module")
def results(study: StudySettings) -> dict:
    schedule = ScheduleSettings(max_steps=2, batch_size=8)
    out_dir = study_embedded_default(study, schedule, LoraSettings())
    return json.loads((out_dir / "results.json").read_text())


def test_numbers_are_those_of_the_evaluations(study: StudySettings, results: dict) -> None:
    before = read_judged(study.out_dir / "evaluations" / "before")
    after = [read_judged(study.out_dir / "evaluations" / f"after-{seed}") for seed in range(2)]
    numbers = results["before_and_after"]
    assert len(before) == 24 and numbers["groups"].keys() == {"trained kinds", "new wordings", "new kinds"}
    assert sum(group["n_items"] for group in numbers["groups"].values()) == 24
    trained = [id for id, item in before.items() if item.group == "trained kinds"]
    share = np.mean([[judged[id].is_correct for id in trained] for judged in after])
    assert numbers["groups"]["trained kinds"]["after"] == pytest.approx(share)
    assert numbers["n_kinds"] == len(numbers["kinds"]) == 12


def test_both_draws_hold_as_many_tokens_and_the_clean_one_no_defect(study: StudySettings, results: dict) -> None:
    lengths = row_lengths(study.out_dir / "data" / "pool-1", study.checkpoint_dir)
    defects = read_defects(study.out_dir / "data" / "pool-1-labels", "train")
    for draw in ("clean", "random"):
        data_dir = study.out_dir / "data" / f"pool-1-{draw}"
        ids = [example.id for example in read_examples(data_dir)]
        n_tokens = sum(lengths[id] for id in ids)
        assert study.n_tokens <= n_tokens < study.n_tokens + max(lengths.values())
        assert any(defects[id] for id in ids) == (draw == "random")
        assert load_example_set(data_dir).counts["dropped"]["not_drawn"] > 0
    assert len(results["clean_or_random"]["clean"]) == 2


def test_indicators_have_an_area_for_every_defect_that_occurs(results: dict) -> None:
    for name in ("length", "type_token_ratio", "perplexity"):
        areas = results["indicators"][name]["auc"]
        assert "wrong_answer" in areas and all(0 <= area <= 1 for area in areas.values())


def test_a_second_time_nothing_is_done_again(study: StudySettings, results: dict) -> None:
    runs = sorted((study.out_dir / "runs").glob("*/manifest.json"))
    stamps = [path.stat().st_mtime_ns for path in runs]
    study_embedded_default(study, ScheduleSettings(max_steps=2, batch_size=8), LoraSettings())
    assert len(runs) == 6
    assert [path.stat().st_mtime_ns for path in runs] == stamps
    assert json.loads((study.out_dir / "results.json").read_text()) == results


def test_more_tokens_than_there_are_is_refused() -> None:
    assert draw_tokens({"a": 5, "b": 5}, 6, seed=0) == {"a", "b"}
    with pytest.raises(UserError, match="tokens to draw"):
        draw_tokens({"a": 5}, 6, seed=0)
