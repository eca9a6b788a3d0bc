"""The blind measurement of the default recipe, small."""

import json
from pathlib import Path

import pytest

from benchmarks.default_recipe import BlindSettings, main
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings


@pytest.mark.slow
def test_the_default_is_measured_beside_others_and_its_cost_is_told(tiny_base: Path, tmp_path: Path) -> None:
    study = BlindSettings(
        pool_seed=1,
        out_dir=tmp_path / "out",
        checkpoint_dir=tiny_base,
        recipes=["rds+", "less"],
        baselines=["random"],
        n_rows=400,
        n_tests=8,
        n_targets=9,
        budget_tokens=3_000,
        seeds=2,
    )
    main(study, ScheduleSettings(epochs=1), LoraSettings(lora_r=2))
    found = json.loads((tmp_path / "out/results.json").read_text())
    assert set(found["candidates"]) == {"random", "random again", "default", "rds+", "less"}
    assert {"held_out_loss", "exact_match"} == set(found["measures"])
    costs = {name: each["cost"]["cpu_s"] for name, each in found["candidates"].items()}
    assert costs["default"] > costs["random"]
    assert (tmp_path / "out/report.html").is_file()
