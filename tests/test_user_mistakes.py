"""A user's mistake ends with exit code 2 and three lines that say what was got, what was expected, what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(cwd: Path, script: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / script), *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def assert_mistake(done: subprocess.CompletedProcess[str], *said: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    got, expected, do = done.stderr.strip().splitlines()[-3:]
    assert got.startswith("got: ") and expected.startswith("expected: ") and do.startswith("do this: ")
    assert len(do) > len("do this:  ") + 5
    for words in said:
        assert words in done.stderr


def csv(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text)
    return path


def test_wrong_flag(tmp_path: Path) -> None:
    assert_mistake(run(tmp_path, "finetune/lora.py", "--epoch", "2"), "unknown setting: epoch", "did you mean epochs?")


def test_missing_file(tmp_path: Path) -> None:
    assert_mistake(run(tmp_path, "scripts/prepare_csv.py", "--csv_dir", "nowhere.csv"), "nowhere.csv")


def test_csv_without_the_columns(tmp_path: Path) -> None:
    path = csv(tmp_path, "colour,weight\nHi,Ho\n")
    assert_mistake(run(tmp_path, "scripts/prepare_csv.py", "--csv_dir", path), "colour", "instruction", "output")


@pytest.mark.parametrize("text", ["", "instruction,input,output\n", "instruction,input,output\n,,\n"])
def test_empty_dataset(tmp_path: Path, text: str) -> None:
    assert_mistake(run(tmp_path, "scripts/prepare_csv.py", "--csv_dir", csv(tmp_path, text)), "mine.csv")
    assert not (tmp_path / "data" / "csv").exists()


def test_missing_shard(tmp_path: Path, tiny_base: Path, toy_set: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_base, broken)
    (broken / "model.safetensors").rename(broken / "model-00001-of-00002.safetensors")
    shards = '{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'
    (broken / "model.safetensors.index.json").write_text(shards)
    for words in (["scripts/convert_hf_checkpoint.py"], ["finetune/lora.py", "--data_dir", toy_set]):
        done = run(tmp_path, *words, "--checkpoint_dir", broken)
        assert_mistake(done, "model-00002-of-00002.safetensors")


def test_several_checkpoints(tmp_path: Path, tiny_base: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(tiny_base, tmp_path / "checkpoints" / "org" / name)
    assert_mistake(run(tmp_path, "finetune/lora.py"), "checkpoints/org/one", "checkpoints/org/two")


def test_the_only_checkpoint_and_data_set_are_used_and_named(tmp_path: Path, tiny_base: Path, toy_set: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "checkpoints" / "org" / "one")
    shutil.copytree(toy_set, tmp_path / "data" / "toy")
    done = run(tmp_path, "finetune/lora.py", "--max_steps", 1)
    assert done.returncode == 0, done.stderr
    assert "checkpoints/org/one" in done.stderr and "data/toy" in done.stderr
    assert done.stdout.splitlines()[-1] == "out/lora/toy"


def test_a_checkpoint_without_a_tokenizer(tmp_path: Path, tiny_base: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "mute", ignore=shutil.ignore_patterns("tokenizer*"))
    path = csv(tmp_path, "instruction,output\nHi,Ho\n")
    done = run(tmp_path, "scripts/prepare_csv.py", "--csv_dir", path, "--checkpoint_dir", "mute")
    assert_mistake(done, "tokenizer")
    assert not (tmp_path / "data" / "csv").exists(), "found out before the work, not after"


def test_an_unwritable_folder_ends_with_4(tmp_path: Path) -> None:
    path = csv(tmp_path, "instruction,output\nHi,Ho\n")
    (tmp_path / "data").write_text("a file where the folder should be")
    done = run(tmp_path, "scripts/prepare_csv.py", "--csv_dir", path)
    assert done.returncode in (2, 4), done.stderr
    assert "Traceback" not in done.stderr
