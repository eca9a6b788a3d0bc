"""The study of what curation finds: its arithmetic by hand, and a whole small run that adds up."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lit_gpt.curation.indicators.scores import prompt_text
from lit_gpt.errors import UserError
from lit_gpt.evaluation.labels import read_defects
from lit_gpt.studies.curation_recall import METHODS, judge, study_curation_recall, table
from lit_gpt.studies.curation_recall_settings import RecallSettings
from lit_gpt.studies.curation_scores import Pool
from lit_gpt.studies.workbench import Workbench
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings


def test_shares_by_hand() -> None:
    spoilt = [""] * 50 + ["wrong"] * 25 + ["cut"] * 25
    kept = [*range(40), *range(50, 60)]  # 40 sound, 10 wrong, none cut
    found = judge(kept, spoilt)
    assert (found["n_kept"], found["precision"]) == (50, 0.8)
    assert found["recall"] == {"cut": 1.0, "wrong": 0.6}
    assert found["verdict"] == {"cut": "finds", "wrong": "blind"}  # 0.6 is one standard error of 0.1 above chance
    prefers = judge(range(50, 100), spoilt)
    assert prefers["precision"] == 0 and set(prefers["verdict"].values()) == {"prefers"}
    text = table({"some way": found, "another": prefers})
    assert "| some way | 50 | 80.0 | **100** | 60 |" in text and "| another | 50 | 0.0 | _0_ | _0_ |" in text


@pytest.fixture(scope="module")
def study(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> RecallSettings:
    folder = tmp_path_factory.mktemp("recall")
    return RecallSettings(folder, tiny_base, n_rows=150, n_pairs=20, n_targets=8, learn_steps=1)


@pytest.fixture(scope="module")
def results(study: RecallSettings) -> dict:
    study_curation_recall(study)
    return json.loads((study.out_dir / "results.json").read_text())


def test_every_method_is_judged(study: RecallSettings, results: dict) -> None:
    defects = read_defects(study.out_dir / "data" / "pool-labels", "train")
    assert results["n_rows"] == len(defects) and results["defects"] == dict(Counter(defects.values()))
    assert list(results["methods"]) == list(METHODS)
    sizes = {name: judged["n_kept"] for name, judged in results["methods"].items()}
    assert results["k"] == len(defects) // 2 == sizes["random"] == sizes["less"] == sizes["facility location"]
    assert all(0 < size <= results["k"] for size in sizes.values())
    for judged in results["methods"].values():
        dropped = sum(share * results["defects"][name] for name, share in judged["recall"].items())
        n_sound_kept = round(judged["precision"] * judged["n_kept"])
        n_spoilt = len(defects) - results["defects"][""]
        assert n_sound_kept + n_spoilt - round(dropped) == judged["n_kept"]
    assert len((study.out_dir / "table.md").read_text().splitlines()) == len(METHODS) + 2


def test_what_is_there_is_not_computed_again(study: RecallSettings, results: dict, monkeypatch) -> None:
    monkeypatch.setattr(Pool, "_compute", None)
    before = (study.out_dir / "results.json").read_bytes()
    study_curation_recall(study)
    assert (study.out_dir / "results.json").read_bytes() == before


def test_targets_and_pairs_are_not_in_the_pool(study: RecallSettings, results: dict) -> None:
    bench = Workbench(study.out_dir, study.checkpoint_dir, ScheduleSettings(max_steps=1), LoraSettings())
    pool = Pool(study, bench, study.out_dir / "data" / "pool")
    prompts = {prompt_text(example) for example in pool.examples}
    assert len(pool.targets) == 8 and not prompts & {prompt_text(example) for example in pool.targets}
    assert pool.scores("mtld").shape == (len(pool.examples),) and np.isfinite(pool.scores("mtld")).mean() > 0.5


@pytest.mark.parametrize("change", [{"n_rows": 0}, {"kept_share": 1.0}, {"learn_steps": 0}])
def test_settings_that_cannot_be(change: dict) -> None:
    with pytest.raises(UserError):
        RecallSettings(**change)
