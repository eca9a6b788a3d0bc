"""The end of an epoch: weights that are kept, and a run that ends where nothing more is learnt."""

import shutil
from pathlib import Path

import peft
import pytest
import torch
import transformers

from lit_gpt.cli import exit_code_of
from lit_gpt.tokens.prepare import Wanted, find_or_encode
from lit_gpt.training.journal import read_metrics
from lit_gpt.training.run_directory import epoch_name
from lit_gpt.training.schedule import has_plateaued
from tests.training.test_methods import losses, run, stop_after_3_steps, weights

LIMA = {"epochs": "3", "max_steps": "null", "batch_size": "60", "lora_tokens": "['</s>']", "residual_dropout": "0.3"}
LIMA |= {"plateau": "1e-9", "keep_epochs": "2-3", "decay": "linear", "min_learning_rate": "3e-4", "warmup_steps": "0"}
ADAPTER = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def whole(tiny_base: Path, toy_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of two steps, with all that LIMA's recipe has."""
    return run("lora", tiny_base, toy_set, tmp_path_factory.mktemp("lima") / "run", **LIMA)


@pytest.mark.parametrize(
    ("accuracies", "is_over"),
    [([], False), ([0.2], False), ([0.2, 0.3], False), ([0.2, 0.3, 0.305], True), ([0.5, 0.4], True)],
)
def test_the_rule(accuracies: list[float], is_over: bool) -> None:
    assert has_plateaued(accuracies, 0.01) == is_over
    assert not has_plateaued(accuracies, 0.0)


def test_the_epochs_asked_for_are_kept(whole: Path) -> None:
    assert sorted(path.name for path in whole.glob("epoch-*")) == ["epoch-02", "epoch-03"]
    second, third, final = ((whole / name / ADAPTER).read_bytes() for name in ("epoch-02", "epoch-03", "final"))
    assert second != third == final


def test_all_of_it_goes_on_to_the_bit(whole: Path, tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    stop_after_3_steps(whole, tmp_path / "stopped")
    shutil.rmtree(tmp_path / "stopped" / "epoch-03")
    again = run("lora", tiny_base, toy_set, tmp_path / "stopped", **LIMA)
    assert {"resumed_at": 3} in read_metrics(again)
    assert losses(again)[-3:] == losses(whole)[-3:]
    assert losses(again, "token_accuracy")[-1] == losses(whole, "token_accuracy")[-1]
    assert weights(again) == weights(whole)
    assert (again / "epoch-03" / ADAPTER).read_bytes() == (whole / "epoch-03" / ADAPTER).read_bytes()


def test_the_share_is_what_transformers_and_peft_find(whole: Path, tiny_base: Path, toy_set: Path) -> None:
    base = transformers.AutoModelForCausalLM.from_pretrained(tiny_base)
    model = peft.PeftModel.from_pretrained(base, whole / "final").eval()
    tokens = find_or_encode(toy_set, tiny_base, Wanted()).split("train")
    n_right = n_targets = 0
    for ids, is_target in (tokens[row] for row in range(len(tokens))):
        predicted = model(torch.tensor(ids[None].astype(int))).logits[0, :-1].argmax(-1).numpy()
        n_right += int(((predicted == ids[1:]) & is_target[1:].astype(bool)).sum())
        n_targets += int(is_target[1:].sum())
    assert losses(whole, "token_accuracy")[-1] == n_right / n_targets > 0


def test_a_run_ends_where_nothing_more_is_learnt(tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    flags = LIMA | {"plateau": "0.9", "epochs": "9"}
    out_dir = run("lora", tiny_base, toy_set, tmp_path / "run", **flags)
    assert epoch_name(9) == "epoch-09" and epoch_name(10) == "epoch-10"
    accuracies = losses(out_dir, "token_accuracy")
    assert len(accuracies) == 2 and len(losses(out_dir)) == 4, "two epochs of two steps, and not nine"
    assert {path.name for path in out_dir.iterdir()} >= {"best", "final", "manifest.json", "epoch-02"}
    run("lora", tiny_base, toy_set, out_dir, **flags)
    assert len(losses(out_dir)) == 4, "it is finished"


@pytest.mark.parametrize("wanted", ["0-3", "5-4", "all", "-1"])
def test_epochs_that_are_none_are_a_users_mistake(wanted: str, tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    assert exit_code_of(lambda: run("lora", tiny_base, toy_set, tmp_path / "run", keep_epochs=wanted) and None) == 2
