"""Few rows often or many once: every size takes as many steps, and a smaller draw lies within the larger."""

import json
from pathlib import Path

import pytest

from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.studies.epochs_or_rows import study_epochs
from lit_gpt.studies.epochs_settings import EpochsSettings
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings

BASE = Path(__file__).resolve().parents[2] / "assets" / "tiny_base"


def test_equal_steps_and_nested_draws(tmp_path: Path) -> None:
    study = EpochsSettings(tmp_path, BASE, n_rows=[8, 32], n_test=12)
    out_dir = study_epochs(study, ScheduleSettings(batch_size=8, learning_rate=3e-3, plateau=0.9), LoraSettings())
    few, many = json.loads((out_dir / "results.json").read_text())["sizes"]
    assert (few["n_epochs"], many["n_epochs"]) == (4, 1)
    assert few["n_steps_planned"] == many["n_steps_planned"] == many["n_steps"] == 4
    assert few["n_steps"] == 2, "two epochs of one step, and then the plateau that was asked for"
    assert 0 <= few["token_accuracy"] <= 1 and 0 <= many["exact_match"] <= 1
    ids = [{example.id for example in read_examples(tmp_path / "data" / f"world-0-{n}")} for n in (8, 32)]
    assert ids[0] < ids[1] and list(map(len, ids)) == [8, 32]


def test_sizes_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(UserError, match="n_rows"):
        EpochsSettings(n_rows=[100, 250])
