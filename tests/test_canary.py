"""A token in the environment is in nothing that any command says or writes."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from tests import toy
from tests.fake_hub import FakeHub, serving

ROOT = Path(__file__).resolve().parents[1]
CANARY = "hf_canaryDoNotShowThisAnywhere"


def run(monkeypatch: pytest.MonkeyPatch, script: str, *words: object) -> int:
    """A command in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", [script, *map(str, words)])
    monkeypatch.setattr(sys, "stderr", sys.stderr)  # put back what the command wraps
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    return int(ended.value.code or 0)


def test_a_token_in_the_environment_is_never_shown(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy.rows(40, seed=5)))
    base = ("--checkpoint_dir", tiny_base)
    tuned = (*base, "--adapter_dir", "out/lora/mine/best")
    commands: list[tuple[object, ...]] = [
        ("scripts/prepare_csv.py", "--source", "mine.jsonl", "--destination_path", "data/mine", *base),
        ("scripts/show_examples.py", *base, "--data_dir", "data/mine", "--out", "out/samples.json"),
        ("finetune/lora.py", *base, "--data_dir", "data/mine", "--max_steps", 2, "--device", "cpu"),
        ("finetune/full.py", *base, "--data_dir", "data/mine", "--max_steps", 1, "--device", "cpu"),
        ("generate/base.py", *tuned, "--max_new_tokens", 4),
        ("generate/base.py", *tuned, "--max_new_tokens", 4, "--prompts", "mine.jsonl", "--out", "out/answers.jsonl"),
        (
            "eval/exact_match.py",
            *tuned,
            "--data_dir",
            "data/mine",
            "--split",
            "train",
            "--n_items",
            3,
            "--max_new_tokens",
            4,
        ),
        ("scripts/write_report.py", "--run_dir", "out/lora/mine", "--out", "out/report.html"),
        ("scripts/merge_lora.py", *tuned, "--out_dir", "checkpoints/merged"),
        ("scripts/convert_hf_checkpoint.py", "--checkpoint_dir", "checkpoints/merged"),
        (
            "scripts/convert_lit_checkpoint.py",
            "--checkpoint_dir",
            "checkpoints/merged",
            "--out_dir",
            "checkpoints/again",
        ),
        ("scripts/list_models.py", "--search", "pythia-70m"),
    ]
    for command in commands:
        assert run(monkeypatch, *command) == 0, command
    mistakes: list[tuple[object, ...]] = [
        ("finetune/lora.py", *base, "--data_dir", "nowhere"),
        ("scripts/download.py", "--repo_id", "org/../x"),
        ("finetune/lora.py", "--token", "x"),
    ]
    for command in mistakes:
        assert run(monkeypatch, *command) == 2, command
    said = "".join(capfd.readouterr())
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(said) > 1000 and len(written) > 30, "the commands did something"
    assert CANARY not in said
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]


def test_a_token_given_to_the_hub_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the download command, when it is let in and when it is not."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_TOKEN", CANARY)
    monkeypatch.chdir(tmp_path)
    files = {"config.json": b"{}", "model.safetensors": b"x" * 99}
    with serving(FakeHub("org/tiny", files, large={"model.safetensors"})) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
        template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", hub.endpoint)
        assert run(monkeypatch, "scripts/download.py", "--repo_id", "org/tiny") == 0
        asked = [headers.get("authorization") for path, headers in hub.seen if "org/tiny" in path]
        assert asked and set(asked) == {f"Bearer {CANARY}"}
        for refusal in ((403, {"X-Error-Code": "GatedRepo"}, CANARY.encode()), (401, {"X-Error-Message": CANARY}, b"")):
            hub.refusal = refusal
            assert run(monkeypatch, "scripts/download.py", "--repo_id", "org/tiny", "--out_dir", "again") == 2
    assert CANARY not in "".join(capfd.readouterr())
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
