"""Every method, with every technique: learns, goes on to the bit after an interruption, and is handed out whole."""

import json
import runpy
import shutil
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

import lit_gpt
from lit_gpt.cli import CommandLine, exit_code_of, parse
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file
from lit_gpt.loading import adapter_hash, merge_adapter
from lit_gpt.tokens.prepare import prepare
from lit_gpt.tokens.settings import TokenSettings
from lit_gpt.training.journal import read_metrics
from tests import toy

ROOT = Path(__file__).resolve().parents[2]
METHODS = ["lora", "full", "adapter", "adapter_v2"]
BASE = {"max_steps": "6", "batch_size": "8", "device": "cpu", "eval_every": "3", "save_every": "3"}
BASE |= {"learning_rate": "3e-3", "warmup_steps": "1"}
IDS_BT = torch.tensor([[0, 17, 230, 45, 301, 9, 88]])
# name -> method and flags
RUNS: dict[str, tuple[str, dict[str, str]]] = {
    "adapter": ("adapter", {"adapter_start_layer": "1"}),
    "adapter_v2": ("adapter_v2", {}),
    "adapter on nf4": ("adapter", {"quantize": "nf4"}),
    "DoRA, rank-stabilised": ("lora", {"lora_dora": "true", "lora_rslora": "true", "lora_rank_pattern.q_proj": "3"}),
    "noise": ("lora", {"neftune_alpha": "5"}),
    "residual dropout": ("full", {"residual_dropout": "0.3", "activation_checkpointing": "true"}),
    "nf4": ("lora", {"quantize": "nf4", "activation_checkpointing": "true"}),
    "nf4-dq": ("lora", {"quantize": "nf4-dq"}),
    "int8": ("lora", {"quantize": "int8", "precision": "bf16-true"}),
    "8-bit moments": ("full", {"optimizer": "adamw8bit", "activation_checkpointing": "true"}),
    "offloaded moments": ("full", {"optimizer": "adamw-offload"}),
}


def run(method: str, checkpoint_dir: Path, data_dir: Path, out_dir: Path, **settings: str) -> Path:
    script = runpy.run_path(str(ROOT / "finetune" / f"{method}.py"))
    places = {"checkpoint_dir": str(checkpoint_dir), "data_dir": str(data_dir), "out_dir": str(out_dir)}
    flags = [f"--{name}={value}" for name, value in (places | BASE | settings).items()]
    line = CommandLine(script["main"], summary=method)
    return line.command(**parse(line, flags))


def losses(out_dir: Path, name: str = "train_loss") -> list[float]:
    return [record[name] for record in read_metrics(out_dir) if name in record]


def weights(out_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out_dir / "final").glob("*.safetensors")}


def stop_after_3_steps(whole: Path, stopped: Path) -> None:
    """What a run that was killed between its third and its sixth step leaves."""
    shutil.copytree(whole, stopped)
    shutil.rmtree(stopped / "state" / "step-00000006")
    shutil.rmtree(stopped / "final")
    (stopped / "manifest.json").unlink()


@pytest.mark.parametrize("name", RUNS)
def test_goes_on_to_the_bit(name: str, tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    method, flags = RUNS[name]
    whole = run(method, tiny_base, toy_set, tmp_path / "whole", **flags)
    assert losses(whole, "val_loss")[-1] < losses(whole, "val_loss")[0]
    stop_after_3_steps(whole, tmp_path / "stopped")
    again = run(method, tiny_base, toy_set, tmp_path / "stopped", **flags)
    assert {"resumed_at": 3} in read_metrics(again)
    assert losses(again)[-3:] == losses(whole)[-3:]
    assert weights(again) == weights(whole)


@pytest.mark.parametrize("method", ["adapter", "adapter_v2"])
def test_an_adapter_is_handed_out_whole(method: str, tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    """Through the one door: loading, hashing, and no merging."""
    out_dir = run(method, tiny_base, toy_set, tmp_path / "run", learning_rate="0.05")
    best = out_dir / "best"
    plain, _ = lit_gpt.load(tiny_base)
    adapted, tokenizer = lit_gpt.load(tiny_base, best)
    assert (adapted(IDS_BT) - plain(IDS_BT)).abs().max() > 1e-3
    assert isinstance(lit_gpt.generate(adapted, tokenizer, "Repeat", max_new_tokens=3, temperature=0.0), str)
    assert adapter_hash(best) == json.loads((best / "manifest.json").read_text())["content_hash"]
    assert json.loads((best / "adapter.json").read_text())["is_v2"] == (method == "adapter_v2")
    assert exit_code_of(lambda: merge_adapter(tiny_base, best, tmp_path / "merged") and None) == 2


def test_an_adapters_settings_decide_what_is_trained(tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    flags = {"adapter_prompt_length": "3", "adapter_start_layer": "1", "max_steps": "1"}
    out_dir = run("adapter", tiny_base, toy_set, tmp_path / "run", **flags)
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(out_dir / "best" / "adapter.safetensors").items()}
    layers = [f"transformer.h.{i}.attn" for i in (1, 2)]
    expected = {f"{layer}.prompts": (3, 96) for layer in layers} | {f"{layer}.gate": (6,) for layer in layers}
    assert shapes == expected


def test_a_lora_of_a_quantised_base_merges_into_the_other(tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    out_dir = run("lora", tiny_base, toy_set, tmp_path / "run", quantize="nf4", learning_rate="0.05")
    merged, _ = lit_gpt.load(merge_adapter(tiny_base, out_dir / "best", tmp_path / "merged"))
    adapted, _ = lit_gpt.load(tiny_base, out_dir / "best")
    expected = adapted(IDS_BT)
    assert (merged(IDS_BT) - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_full_finetuning_of_a_quantised_base_is_a_users_mistake(
    tiny_base: Path, toy_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(lambda: run("full", tiny_base, toy_set, tmp_path, quantize="nf4") and None) == 2
    assert "--quantize nf4" in capsys.readouterr().err


def test_a_pattern_that_fits_nothing_is_a_users_mistake(
    tiny_base: Path, toy_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {"lora_rank_pattern": '{"down_prj": 4}'}
    assert exit_code_of(lambda: run("lora", tiny_base, toy_set, tmp_path / "run", **flags) and None) == 2
    assert "down_prj" in capsys.readouterr().err


def toy_data(checkpoint_dir: Path, folder: Path) -> Path:
    with open(folder / "toy.jsonl", "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in toy.rows(40, seed=5))
    settings = DataSettings(source=str(folder / "toy.jsonl"), destination_path=folder / "toy")
    return prepare(user_file.source(), settings, TokenSettings(checkpoint_dir, max_seq_length=128))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("base", ["embedded", "stories260K"])
def test_every_script_runs_the_same_way(method: str, base: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    checkpoint_dir = ROOT / "assets" / "tiny_base"
    if base == "stories260K":
        shared: Any = request.getfixturevalue("shared")
        checkpoint_dir = shared / "checkpoints" / "karpathy" / "stories260K"
        if not checkpoint_dir.is_dir():
            pytest.skip(f"needs the model {checkpoint_dir.name}, which is not there")
    data_dir = toy_data(checkpoint_dir, tmp_path)
    out_dir = run(method, checkpoint_dir, data_dir, tmp_path / "run", max_steps="2", batch_size="4", eval_rows="2")
    assert len(losses(out_dir)) == 2
    assert {path.name for path in out_dir.iterdir()} >= {"best", "final", "metrics.jsonl", "hyperparameters.yaml"}


def test_the_scripts_are_short() -> None:
    for method in METHODS:
        assert len((ROOT / "finetune" / f"{method}.py").read_text("utf-8").splitlines()) < 40


@pytest.mark.slow
def test_a_lora_on_nf4_is_as_good_as_on_bf16(tmp_path: Path) -> None:
    """On the embedded base: within 2 % of its validation loss, or four fifths of what quantising cost are recovered."""
    from lit_gpt.data.sources import world

    checkpoint_dir, data_dir = ROOT / "assets" / "tiny_base", tmp_path / "world"
    source = world.source(n_rows=2000)
    tokens = TokenSettings(checkpoint_dir, max_seq_length=256, prompt_style="chat")
    prepare(source, DataSettings(destination_path=data_dir), tokens)
    recipe = yaml.safe_load((ROOT / "configs/finetune/quickstart.yaml").read_text("utf-8"))
    flags = {name: str(value) for name, value in recipe.items()} | {
        "eval_every": "50",
        "max_steps": "null",
        "precision": "bf16-true",
    }
    found: dict[str, list[list[float]]] = {"null": [], "nf4": []}
    for seed in range(4):  # one training's loss lies within some 5 % of another's
        for kind, of_seeds in found.items():
            out_dir = tmp_path / f"{kind}-{seed}"
            done = run("lora", checkpoint_dir, data_dir, out_dir, **flags, quantize=kind, seed=str(seed))
            of_seeds.append(losses(done, "val_loss"))
            print(kind, seed, [round(loss, 4) for loss in of_seeds[-1]])
    before, after = ({kind: fmean(map(of, runs)) for kind, runs in found.items()} for of in (itemgetter(0), min))
    assert after["nf4"] < before["null"], "it learns"
    left = after["nf4"] - after["null"]
    assert left <= 0.02 * after["null"] or left <= 0.2 * (before["nf4"] - before["null"])
