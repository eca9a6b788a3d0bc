"""Command lines: what goes wrong is said in three lines with the contract's exit code, and help comes at once."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from lit_gpt.cli import CommandLine, exit_code_of, parse
from lit_gpt.errors import Interrupted, UserError

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(
    p
    for folder in ("scripts", "finetune", "generate", "chat", "eval", "benchmarks")
    for p in (ROOT / folder).glob("*.py")
)


@dataclass(frozen=True)
class Settings:
    """What the command does.

    Args:
        folder: where
        rate: how fast
        kind: which
    """

    folder: Path = Path("data")
    rate: float = 0.5
    kind: Literal["a", "b"] = "a"
    limit: int | None = None


def command(settings: Settings, flag: bool = True) -> None: ...


LINE = CommandLine(command, aliases={"dir": "folder"}, defaults={"rate": 0.25})


def test_settings_become_flat_flags() -> None:
    arguments = parse(LINE, ["--folder", "x", "--flag", "false", "--limit=3"])
    assert arguments == {"settings": Settings(Path("x"), 0.25, "a", 3), "flag": False}


@pytest.mark.parametrize("words", [["--dir", "x"], ["--dir=x"]])
def test_aliases(words: list[str]) -> None:
    assert parse(LINE, words)["settings"].folder == Path("x")


def test_options_of_another_function() -> None:
    def source(keep: bool = True) -> None: ...

    def main(settings: Settings, **options: object) -> None: ...

    arguments = parse(CommandLine(main, options=source), ["--keep", "false"])
    assert arguments == {"settings": Settings(), "keep": False}


def test_config_file_and_override(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("rate: 3\nkind: b\n")
    arguments = parse(LINE, ["--config", str(tmp_path / "c.yaml"), "--rate", "4"])
    assert arguments["settings"] == Settings(rate=4.0, kind="b")


@pytest.mark.parametrize(
    ("words", "got", "do"),
    [
        (["--ratee", "1"], "unknown setting: ratee", "did you mean rate?"),
        (["--rate", "fast"], "--rate fast", "see --help"),
        (["--kind", "c"], "--kind c", "see --help"),
        (["--config", "nowhere.yaml"], "nowhere.yaml", "check the path"),
        (["stray"], "unknown setting: stray", "see --help"),
        (["--rate"], "--rate", "leave --rate out"),
        (["--limit", "x"], "--limit x", "see --help"),
    ],
)
def test_what_cannot_be_read(words: list[str], got: str, do: str) -> None:
    with pytest.raises(UserError) as error:
        parse(LINE, words)
    assert got in error.value.got
    assert do in error.value.do


def test_unknown_key_in_config(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("ratte: 3\n")
    with pytest.raises(UserError) as error:
        parse(LINE, ["--config", str(tmp_path / "c.yaml")])
    assert "ratte" in error.value.got
    assert "rate" in error.value.do


def raising(error: BaseException) -> int:
    def action() -> None:
        raise error

    return exit_code_of(action)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("a", "b", "c"), 2),
        (OSError(errno.ENOSPC, "No space left on device"), 4),
        (PermissionError(errno.EACCES, "Permission denied"), 4),
        (MemoryError(), 4),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 4),
        (Interrupted(signal.SIGTERM), 143),
        (Interrupted(signal.SIGINT), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(error) == code
    assert "Traceback" not in capsys.readouterr().err


def test_our_own_bug_is_raised() -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        raising(RuntimeError("a bug"))
    with pytest.raises(FileNotFoundError):
        raising(FileNotFoundError(errno.ENOENT, "gone"))


def test_sigterm_ends_with_143() -> None:
    assert exit_code_of(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 143


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_help_says_what_the_script_does_without_torch(script: Path) -> None:
    watcher = (
        "import runpy, sys\n"
        "sys.argv = [sys.argv[1], '--help']\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n    print('HEAVY', sorted({'torch', 'lightning', 'pyarrow', 'transformers'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", watcher, script], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    first_line = script.read_text("utf-8").splitlines()[0].strip('"')
    assert " ".join(first_line.split()) in " ".join(done.stdout.split())
    assert "HEAVY []" in done.stdout


A_FLAG_OF = {
    "curation_cost": "sizes",
    "gpu_lora": "checkpointing",
    "speed": "steps",
    "pick_epoch": "run_dir",
    "train_tiny_base": "work_dir",
    "prepare": "work_dir",
    "budget": "budget_hours",
    "list_models": "search",
    "check_rules": "challenge",
    "list_recipes": "recipe",
    "show_dropped": "reason",
    "download": "repo_id",
    "fit_rule": "table",
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_wrong_flag_is_a_users_mistake(script: Path) -> None:
    right = A_FLAG_OF.get(script.stem, "checkpoint_dir")
    wrong = right[0] + right[2] + right[1] + right[3:]
    done = subprocess.run([sys.executable, script, f"--{wrong}", "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"got:      unknown setting: {wrong}\nexpected: ")
    assert f"did you mean {right}?" in done.stderr
