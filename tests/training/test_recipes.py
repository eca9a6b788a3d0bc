"""Every recipe of configs/finetune parses, says where its numbers are from, and runs (on other data, for two steps)."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_gpt.cli import CommandLine, exit_code_of, parse
from lit_gpt.end_of_turn import add_end_of_turn
from lit_gpt.training.journal import read_metrics
from tests.training.test_methods import run

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs" / "finetune").glob("*.yaml"))
# what a tiny model on a CPU, and made-up rows, ask for; all else is the recipe's
HERE = {"max_steps": "2", "max_time": "null", "challenge": "null", "precision": "32-true", "device": "cpu"}
HERE |= {"max_seq_length": "128", "batch_size": "4", "micro_batch_size": "2", "eval_every": "2", "eval_rows": "4"}
NAMES = {"lima", "lift_mistral", "lift_starcoder", "birbal", "challenge_a100", "challenge_4090", "alpaca", "quickstart"}


def script_of(config: Path) -> str:
    """The first script that the recipe's comment names."""
    found = re.search(r"finetune/(\w+)\.py", config.read_text("utf-8"))
    return found[1] if found else "lora"


def test_the_recipes_are_those_of_the_tutorials() -> None:
    assert {path.stem for path in CONFIGS} == NAMES


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_number_says_where_it_is_from(config: Path) -> None:
    lines = config.read_text("utf-8").splitlines()
    assert lines[0].startswith("# ") and all(re.search(r"\s# \S", line) for line in lines if line and line[0] != "#")


def parsed(config: Path) -> dict[str, Any]:
    """Every setting as the recipe's script has it from --config, checked as they are born."""
    line = CommandLine(runpy.run_path(str(ROOT / "finetune" / f"{script_of(config)}.py"))["main"], summary="a recipe")
    groups = parse(line, ["--config", str(config)]).values()
    return {name: value for group in groups for name, value in vars(group).items()}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_recipe_parses_as_it_stands(config: Path) -> None:
    settings = parsed(config)
    recipe = yaml.safe_load(config.read_text("utf-8"))
    assert {name: settings[name] for name in recipe} == recipe


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('max_time: "23:00:00"', 'max_time: "23:00"'),
        ("challenge: official", "challenge: offical"),
        ("max_seq_length: 8192", "max_seq_lenght: 8192"),
        ("eval_every: 64", "eval_every: 0"),
    ],
)
def test_a_wrong_line_of_a_recipe_is_noticed(right: str, wrong: str, tmp_path: Path, capsys) -> None:
    birbal = next(path for path in CONFIGS if path.stem == "birbal").read_text("utf-8")
    assert birbal.count(right) == 1
    (tmp_path / "wrong.yaml").write_text(birbal.replace(right, wrong))
    assert exit_code_of(lambda: parsed(tmp_path / "wrong.yaml") and None) == 2
    assert wrong.split(":")[0] in capsys.readouterr().err


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_recipe_runs(config: Path, tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    base = add_end_of_turn(tiny_base, tmp_path / "eot") if config.stem == "lima" else tiny_base
    recipe = yaml.safe_load(config.read_text("utf-8"))
    asked = {name: "null" if value is None else str(value) for name, value in recipe.items()}
    out_dir = run(script_of(config), base, toy_set, tmp_path / "run", **(asked | HERE))
    steps = [record for record in read_metrics(out_dir) if "train_loss" in record]
    assert len(steps) == 2 and (out_dir / "best" / "manifest.json").is_file()
    done = yaml.safe_load((out_dir / "hyperparameters.yaml").read_text("utf-8"))
    kept = {name: done[name] for name in recipe if name not in HERE}
    assert kept == {name: recipe[name] for name in recipe if name not in HERE}
