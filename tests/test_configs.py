"""Settings files parse against the scripts they are for, and every flag of a run is an observable difference."""

import runpy
from pathlib import Path

import pytest

from lit_gpt.cli import CommandLine, parse

ROOT = Path(__file__).resolve().parents[1]


def lora_line() -> CommandLine:
    """The command line of finetune/lora.py."""
    return CommandLine(runpy.run_path(str(ROOT / "finetune" / "lora.py"))["main"], summary="LoRA")


@pytest.mark.parametrize(
    ("path", "script"),
    [(path, "compare_datasets.py") for path in sorted((ROOT / "configs" / "compare").glob("*.yaml"))]
    + [(path, "size_curve.py") for path in sorted((ROOT / "configs" / "sizes").glob("*.yaml"))],
    ids=lambda value: Path(value).stem,
)
def test_comparisons_and_size_curves_parse(path: Path, script: str) -> None:
    line = CommandLine(runpy.run_path(str(ROOT / "eval" / script))["main"], summary=script)
    comparison = parse(line, ["--config", str(path), "--seeds", "7"])["comparison"]
    recipes = {each.stem for each in (ROOT / "configs" / "curate").glob("*.yaml")}
    assert comparison.seeds == 7 and set(comparison.recipes) < recipes


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "merge").glob("*.yaml")), ids=lambda path: path.stem)
def test_merges_parse(path: Path) -> None:
    line = CommandLine(runpy.run_path(str(ROOT / "scripts" / "prepare_merged.py"))["main"], summary="merge")
    merge = parse(line, ["--config", str(path), "--seed", "7"])["merge"]
    assert len(merge.repeat) == len(merge.sources) > 1 and merge.seed == 7
