"""The command: what it prints, and how a mistake ends."""

import json
import shutil
from pathlib import Path

import pytest

from tests.evaluation.files import write_set
from tests.test_user_mistakes import assert_mistake, run

SCRIPT = "eval/exact_match.py"
ASK = ("--split", "validation", "--n_items", 3, "--max_new_tokens", 4, "--device", "cpu")


def test_the_last_line_is_the_directory_and_the_only_ones_are_used(
    tmp_path: Path, tiny_base: Path, toy_set: Path
) -> None:
    shutil.copytree(tiny_base, tmp_path / "checkpoints/org/one")
    shutil.copytree(toy_set, tmp_path / "data/toy")
    done = run(tmp_path, SCRIPT, *ASK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "out/eval/toy-validation-org-one"
    results = json.loads((tmp_path / done.stdout.strip() / "results.json").read_text("utf-8"))
    assert (results["n"], results["n_cut"]) == (3, 3)
    again = run(tmp_path, SCRIPT, *ASK)
    assert again.stdout == done.stdout and "already" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--split", "tests"], ["'tests'", "train, validation"]),
        (["--split", "validation", "--n_items", "0"], ["--n_items 0"]),
        (["--split", "validation", "--max_new_tokens", "0"], ["--max_new_tokens 0"]),
        (["--split", "validation", "--prompt_style", "alpacca"], ["did you mean alpaca?"]),
        (["--split", "validation", "--method", "constnat"], ["constnat"]),
        (["--split", "validation", "--checkpoint_dir", "nowhere"], ["nowhere"]),
        (["--split", "validation", "--adapter_dir", "nowhere"], ["--adapter_dir nowhere", "adapter_model.safetensors"]),
        (["--split", "validation", "--data_dir", "nowhere"], ["nowhere", "prepared data set"]),
        (["--split", "validation", "--labels_dir", "nowhere"], ["nowhere"]),
        (["--split", "validation", "--out_dir", "full"], ["--out_dir full", "something else"]),
        (["--split", "validation", "--out_dir", "."], ["--out_dir .", "a folder with a name"]),
        (["--split", "validation", "--method", "constant", "--data_dir", "empty"], ["split validation is empty"]),
    ],
)
def test_mistakes_end_with_2(tmp_path: Path, tiny_base: Path, toy_set: Path, words: list[str], said: list[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    write_set(tmp_path / "empty", [("?", "!", "")], [])
    given = {"--checkpoint_dir": tiny_base, "--data_dir": toy_set}
    paths = [word for flag, path in given.items() if flag not in words for word in (flag, path)]
    assert_mistake(run(tmp_path, SCRIPT, *paths, *words), *said)
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "full/notes.txt").read_text() == "mine"
