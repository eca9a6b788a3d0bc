"""The study of what curation finds: its arithmetic by hand, and a whole small run that adds up."""

import json
from collections import Counter
from pathlib import Path

import pytest

from lit_gpt.curation.recipes import recipe_names
from lit_gpt.curation.scores import ScoreTable
from lit_gpt.curation.texts import first_request_of
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.evaluation.labels import read_defects
from lit_gpt.studies.curation_recall import INDICATORS, JUDGED, OTHERS_MODELS, judge, study_curation_recall, table
from lit_gpt.studies.curation_recall_settings import RecallSettings

ROOT = Path(__file__).resolve().parents[2]


def test_shares_by_hand() -> None:
    spoilt = [""] * 50 + ["wrong"] * 25 + ["cut"] * 25
    kept = {*range(40), *range(50, 60)}  # 40 sound, 10 wrong, none cut
    found = judge([place in kept for place in range(100)], spoilt)
    assert (found["n_kept"], found["precision"]) == (50, 0.8)
    assert found["recall"] == {"cut": 1.0, "wrong": 0.6}
    assert found["verdict"] == {"cut": "finds", "wrong": "blind"}  # 0.6 is one standard error of 0.1 above chance
    prefers = judge([place >= 50 for place in range(100)], spoilt)
    assert prefers["precision"] == 0 and set(prefers["verdict"].values()) == {"prefers"}
    text = table({"another": prefers, "some way": {**found, "precision_of_each": [0.75, 0.85]}, "no": {"failure": "x"}})
    assert "| some way | 50 | 80.0 | 75 85 | **100** | 60 |\n| another | 50 | 0.0 |  | _0_ | _0_ |" in text
    assert text.endswith("no could not run: x\n")


@pytest.fixture(scope="module")
def study(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> RecallSettings:
    folder = tmp_path_factory.mktemp("recall")
    sizes = {"n_rows": 90, "seeds": 1, "n_targets": 60, "n_tests": 200, "learn_steps": 1, "n_finetunes": 10}
    return RecallSettings(folder, tiny_base, ROOT / "configs" / "curate", **sizes)


@pytest.mark.slow
def test_every_recipe_is_judged(study: RecallSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    study_curation_recall(study)
    results = json.loads((study.out_dir / "results.json").read_text())
    defects = read_defects(study.out_dir / "data" / "pool-0-labels", "train")
    assert results["defects"] == dict(Counter(defects.values()))
    assert set(results["recipes"]) == {*recipe_names(study.recipes_dir), *INDICATORS} - {*OTHERS_MODELS, *JUDGED}
    ran = {name: row for name, row in results["recipes"].items() if "failure" not in row}
    # no answer of the world has 1,200 characters, and questions about rows are longer than the tests' base reads
    assert set(results["recipes"]) - set(ran) == {"lima-rules", "deita-local", "selectit"}
    assert ran["full"]["n_kept"] == len(defects) and ran["random"]["n_kept"] == len(defects) // 4
    for row in ran.values():
        dropped = sum(share * results["defects"][name] for name, share in row["recall"].items())
        n_spoilt = len(defects) - results["defects"][""]
        assert round(row["precision"] * row["n_kept"]) + n_spoilt - round(dropped) == row["n_kept"]
    pool, targets = (
        {first_request_of(e) for e in read_examples(study.out_dir / "data" / n)} for n in ("pool-0", "targets")
    )
    assert len(targets) > 40 and len(pool & targets) < len(targets) / 10
    before = (study.out_dir / "results.json").read_bytes()
    monkeypatch.setattr(ScoreTable, "fill", lambda self, known, *others: known)  # again, and nothing is scored again
    study_curation_recall(study)
    assert (study.out_dir / "results.json").read_bytes() == before


@pytest.mark.parametrize("change", [{"n_rows": 0}, {"kept_share": 1.0}, {"learn_steps": 0}, {"seeds": 0}])
def test_settings_that_cannot_be(change: dict) -> None:
    with pytest.raises(UserError):
        RecallSettings(**change)
