"""No dead options: every setting of a run, changed alone, changes something one can see."""

import dataclasses
import functools
import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lit_gpt import chunked_loss, lora_layers
from lit_gpt.cli import exit_code_of, parse
from lit_gpt.model import GPT
from lit_gpt.training.budget_settings import BudgetSettings
from lit_gpt.training.journal import read_metrics
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings
from tests.test_configs import lora_line

TIMES = ("elapsed_s", "tokens_per_s", "peak_memory_gib", "data_wait_share")
BASE = {"max_steps": "6", "batch_size": "8", "device": "cpu", "clip_norm": "0.1", "eval_every": "3", "save_every": "3"}
# another value for every setting; those that name the run's place or device have tests of their own below
OTHER = {
    "seed": "1",
    "precision": "bf16-true",
    "max_seq_length": "60",
    "prompt_style": "chat",
    "mask_prompt": "false",
    "epochs": "1",
    "max_steps": "5",
    "batch_size": "7",
    "steps_per_epoch": "12",
    "learning_rate": "1e-2",
    "min_learning_rate": "1e-4",
    "warmup_steps": "0",
    "decay": "linear",
    "weight_decay": "0.9",
    "beta1": "0.5",
    "beta2": "0.5",
    "clip_norm": "0",
    "optimizer": "adamw8bit",
    "neftune_alpha": "5",
    "residual_dropout": "0.3",
    "quantize": "nf4",
    "lora_r": "4",
    "lora_alpha": "64",
    "lora_dropout": "0.5",
    "lora_targets": "q",
    "lora_rank_pattern": '{"layers.1.self_attn.q_proj": 3}',
    "lora_alpha_pattern": '{"v_proj": 3}',
    "lora_rslora": "true",
    "lora_dora": "true",
    "lora_tokens": "[</s>]",
    "eval_every": "2",
    "eval_rows": "3",
    "save_every": "2",
    "log_every": "2",
    "tensorboard": "true",
    "order": "short_to_long",
}
TIME = {"max_time"}  # test_budget
BUDGET = {"budget_hours", "dry_run", "power_w", "power_source", "grams_co2_per_kwh", "grid_source"}
PLACES = {"checkpoint_dir", "data_dir", "out_dir", "resume", "device"}
ORDER_AND_RULES = {"order_by", "specialised", "score_table", "score_column", "challenge", "allow_llm_scores"}
OF_THEIR_OWN = {
    "activation_checkpointing",
    "chunked_loss",
    "lora_fused",
    "compile",
    "lean_activations",
    "document_attention",
    "keep_freed_pages",
    "overflow",
    "micro_batch_size",
}
OF_EPOCHS = {"plateau", "keep_epochs"}
# test_order, test_rules, test_epochs, and below; BUDGET: test_budget, test_outlook
ELSEWHERE = TIME | PLACES | ORDER_AND_RULES | OF_THEIR_OWN | OF_EPOCHS


def run(tiny_base: Path, toy_set: Path, out_dir: Path, **settings: str) -> Path:
    places = {"checkpoint_dir": str(tiny_base), "data_dir": str(toy_set), "out_dir": str(out_dir)}
    flags = [f"--{name}={value}" for name, value in (places | BASE | settings).items()]
    line = lora_line()
    return line.command(**parse(line, flags))


def observe(out_dir: Path) -> dict[str, Any]:
    """What a user sees of a run: its numbers, times aside, and its files."""
    records = [{k: v for k, v in record.items() if k not in TIMES} for record in read_metrics(out_dir)]
    files = {str(path.relative_to(out_dir)).split(".tfevents")[0] for path in out_dir.rglob("*")}
    return {"records": records, "files": files}


@pytest.fixture(scope="module")
def base(tiny_base: Path, toy_set: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return observe(run(tiny_base, toy_set, tmp_path_factory.mktemp("base") / "run"))


def test_the_same_settings_give_the_same_run(base, tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    assert observe(run(tiny_base, toy_set, tmp_path / "run")) == base


@pytest.mark.parametrize("name", OTHER)
def test_a_setting_changes_something(name: str, base, tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "toy"
    shutil.copytree(toy_set, data_dir)  # encoding for other settings must not touch the set others use
    settings = {name: OTHER[name]} | ({"max_steps": "null"} if name == "epochs" else {})
    assert observe(run(tiny_base, data_dir, tmp_path / "run", **settings)) != base


def test_every_setting_has_a_case() -> None:
    groups = (RunSettings, ScheduleSettings, JournalSettings, LoraSettings)  # AdapterSettings: see test_methods.py
    names = {field.name for group in groups for field in dataclasses.fields(group)}
    assert names == OTHER.keys() | ELSEWHERE
    assert {field.name for field in dataclasses.fields(BudgetSettings)} == BUDGET


def test_micro_batch_size_changes_how_much_is_computed_at_once(
    tiny_base: Path, toy_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lit_gpt.training import loop

    sizes: list[int] = []
    honest = loop.summed_loss
    monkeypatch.setattr(loop, "summed_loss", lambda m, batch, d: sizes.append(len(batch.ids)) or honest(m, batch, d))
    largest = []
    for micro_batch_size in ("1", "2"):
        run(tiny_base, toy_set, tmp_path / micro_batch_size, micro_batch_size=micro_batch_size)
        largest.append(max(sizes))
        sizes.clear()
    assert largest[0] <= 128 < largest[1] <= 256


def test_compile_compiles_and_changes_no_loss(
    base, tiny_base: Path, toy_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    def compile_for_eager(model: GPT) -> None:  # the same graphs without a C++ compiler's minute
        compiled.append(model)
        nn.Module.compile(model, backend="eager")

    monkeypatch.setattr(GPT, "compile", compile_for_eager)
    out_dir = run(tiny_base, toy_set, tmp_path / "run", compile="true")
    assert len(compiled) == 1
    ours, theirs = (
        [r["train_loss"] for r in seen["records"] if "train_loss" in r] for seen in (observe(out_dir), base)
    )
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_activation_checkpointing_changes_no_loss_and_computes_blocks_twice(
    base, tiny_base: Path, toy_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lit_gpt.model import Block

    n_calls = 0
    honest = Block.forward

    def counted(self: Block, *args: Any, **kwargs: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        return honest(self, *args, **kwargs)

    monkeypatch.setattr(Block, "forward", counted)
    counts = []
    for value in ("false", "true"):
        n_calls = 0
        out_dir = run(tiny_base, toy_set, tmp_path / value, activation_checkpointing=value)
        counts.append(n_calls)
        assert observe(out_dir) == base
    assert counts[0] < counts[1] < 2 * counts[0]


def test_chunked_loss_decides_how_many_logits_there_are(
    base, tiny_base: Path, toy_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunked_loss, "LOGITS_AT_ONCE", 8192)
    rows: dict[str, list[int]] = {"true": [], "false": []}
    honest = GPT.head
    losses = {}
    for choice, seen in rows.items():
        monkeypatch.setattr(GPT, "head", lambda model, x, seen=seen: seen.append(x.size(0)) or honest(model, x))
        out_dir = run(tiny_base, toy_set, tmp_path / choice, chunked_loss=choice)
        losses[choice] = [r["train_loss"] for r in read_metrics(out_dir) if "train_loss" in r]
    assert max(rows["true"]) < max(rows["false"]) / 2
    assert losses["true"] == pytest.approx(losses["false"], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("lean_activations", "false", "lean_activations._Gated"),
        ("document_attention", "plain", "document_attention._Attended"),
        ("keep_freed_pages", "false", "freed_pages.ctypes.CDLL"),
    ],
)
def test_fast_paths_are_taken_unless_they_are_turned_off(
    name: str, value: str, where: str, base, tiny_base: Path, toy_set: Path, tmp_path: Path, monkeypatch
) -> None:
    """And change no loss beyond its last digits."""
    calls = []
    module, *attributes = where.split(".")
    owner = functools.reduce(getattr, attributes[:-1], importlib.import_module(f"lit_gpt.{module}"))
    honest = getattr(owner, attributes[-1])
    if isinstance(honest, type) and issubclass(honest, torch.autograd.Function):
        owner, attribute, honest = honest, "apply", honest.apply
    else:
        attribute = attributes[-1]
    monkeypatch.setattr(owner, attribute, lambda *args: calls.append(1) or honest(*args))
    run(tiny_base, toy_set, tmp_path / "on")
    n_on = len(calls)
    seen = observe(run(tiny_base, toy_set, tmp_path / "off", **{name: value}))
    assert n_on > 0 and len(calls) == n_on
    ours, theirs = ([r["train_loss"] for r in found["records"] if "train_loss" in r] for found in (seen, base))
    assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({}, "auto or plain with --device cpu"),
        ({"device": "auto", "compile": "true"}, "auto or plain with --compile"),
        ({"device": "auto"}, "varlen on cpu in 32-true"),
        ({"device": "auto", "precision": "bf16-true"}, "varlen on cpu in bf16-true"),
        ({"device": "auto", "dry_run": "true"}, "varlen on cpu in 32-true"),
    ],
)
def test_varlen_attention_asks_for_a_gpu(
    flags: dict[str, str], said: str, tiny_base: Path, toy_set: Path, tmp_path: Path, capsys
) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the GPU that should be missing")
    flags = {"document_attention": "varlen"} | flags
    assert exit_code_of(lambda: run(tiny_base, toy_set, tmp_path / "run", **flags)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run" / "final").exists()


@pytest.mark.parametrize("choice", ["true", "false"])
def test_lora_fused_decides_how_updates_are_added(
    choice: str, base, tiny_base: Path, toy_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the CPU the masks are the same, and the losses to the last digits."""
    calls = []
    honest = lora_layers.linear_with_updates
    monkeypatch.setattr(lora_layers, "linear_with_updates", lambda *args: calls.append(1) or honest(*args))
    seen = observe(run(tiny_base, toy_set, tmp_path / "run", lora_fused=choice))
    ours, theirs = ([r["train_loss"] for r in found["records"] if "train_loss" in r] for found in (seen, base))
    assert bool(calls) == (choice == "true")
    assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("overflow", ["trim", "drop", "error"])
def test_overflow(overflow: str, tiny_base: Path, toy_set: Path, tmp_path: Path, capsys) -> None:
    data_dir = tmp_path / "toy"
    shutil.copytree(toy_set, data_dir)
    settings = {"overflow": overflow, "max_seq_length": "14", "prompt_style": "raw"}
    code = exit_code_of(lambda: run(tiny_base, data_dir, tmp_path / "run", **settings))
    said = capsys.readouterr().err
    assert code == (2 if overflow == "error" else 0)
    assert {"trim": "trimmed", "drop": "dropped_over_long", "error": "--overflow trim or drop"}[overflow] in said


def test_a_device_that_is_not_there_is_a_users_mistake(tiny_base: Path, toy_set: Path, tmp_path: Path, capsys) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has the GPU that should be missing")
    assert exit_code_of(lambda: run(tiny_base, toy_set, tmp_path / "run", device="cuda")) == 2
    assert "the device cuda" in capsys.readouterr().err


def test_resume_takes_a_directory(tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    first = run(tiny_base, toy_set, tmp_path / "first")
    shutil.copytree(first, tmp_path / "stopped")
    shutil.rmtree(tmp_path / "stopped" / "state" / "step-00000006")
    (tmp_path / "stopped" / "manifest.json").unlink()
    stopped = str(tmp_path / "stopped")
    second = run(tiny_base, toy_set, tmp_path / "stopped", resume=stopped)
    assert {"resumed_at": 3} in read_metrics(second)
    weights = "final/adapter_model.safetensors"
    assert (second / weights).read_bytes() == (first / weights).read_bytes()
    for out_dir, resume in ((tmp_path / "third", stopped), (tmp_path / "no", str(tmp_path / "no"))):
        assert exit_code_of(functools.partial(run, tiny_base, toy_set, out_dir, resume=resume)) == 2


def test_a_run_never_writes_into_a_directory_of_something_else(tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "best").mkdir(parents=True)
    (tmp_path / "mine" / "best" / "novel.txt").write_text("chapter one")
    for resume in ("auto", "never"):
        assert exit_code_of(functools.partial(run, tiny_base, toy_set, tmp_path / "mine", resume=resume)) == 2
    assert (tmp_path / "mine" / "best" / "novel.txt").read_text() == "chapter one"


def test_a_start_over_that_cannot_start_leaves_the_old_run(tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    out_dir = run(tiny_base, toy_set, tmp_path / "run")
    (tmp_path / "broken").mkdir()
    for path in tiny_base.iterdir():
        shutil.copy(path, tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"cut short")
    before = {path: path.read_bytes() for path in out_dir.rglob("*") if path.is_file()}
    assert exit_code_of(lambda: run(tmp_path / "broken", toy_set, out_dir, resume="never")) == 2
    assert {path: path.read_bytes() for path in out_dir.rglob("*") if path.is_file()} == before


def test_what_a_run_encoded_for_itself_is_not_what_others_get(tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "toy"
    shutil.copytree(toy_set, data_dir)
    first = run(tiny_base, data_dir, tmp_path / "first", max_steps="2")
    run(tiny_base, data_dir, tmp_path / "chat", max_steps="2", prompt_style="chat")
    again = run(tiny_base, data_dir, tmp_path / "again", max_steps="2")
    assert observe(again) == observe(first)
