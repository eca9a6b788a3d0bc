"""The loss in chunks is torch's cross-entropy over all logits: the value, and the gradient of everything."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lit_gpt import chunked_loss
from lit_gpt.checkpoint import load_model
from lit_gpt.lora import LoraOptions, add_lora, lora_layers
from lit_gpt.model import GPT
from lit_gpt.training.loss import SummedLoss
from tests.tiny import save_checkpoint

IDS_BT = torch.randint(101, (1, 60), generator=torch.Generator().manual_seed(3))
DOC_LENGTHS = [13, 13, 34]
PREDICTING_N = torch.tensor([*range(3, 12), *range(15, 25), *range(30, 59)])


def gradients(model: GPT, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    (loss / 7).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def plain_loss(model: GPT) -> Tensor:
    logits_NV = model(IDS_BT, doc_lengths=DOC_LENGTHS, logits_at=PREDICTING_N)
    return F.cross_entropy(logits_NV.float(), IDS_BT[0, PREDICTING_N + 1], reduction="sum")


def adapt(model: GPT, targets: tuple[str, ...]) -> None:
    add_lora(model, LoraOptions(r=3, alpha=10, dropout=0.0, targets=targets), seed=1)
    for _, layer in lora_layers(model):
        for pair in layer.pairs.values():
            torch.nn.init.normal_(pair.B, std=0.1)


CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "all trained, tied": ("llama", {"tie_word_embeddings": True}, ()),
    "all trained, untied": ("llama", {}, ()),
    "capped": ("gemma2", {}, ()),
    "biased": ("phi", {}, ()),
    "head frozen": ("llama", {}, ("q", "v")),
    "head adapted": ("llama", {}, ("q", "head")),
}


@pytest.mark.parametrize("logits_at_once", [1, 101 * 7, 101 * 48, 2**23])
@pytest.mark.parametrize("case", CASES)
def test_value_and_gradients_are_those_of_all_logits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, logits_at_once: int
) -> None:
    family, settings, targets = CASES[case]
    save_checkpoint(tmp_path, family, **settings)
    model = load_model(tmp_path)
    if targets:
        adapt(model, targets)
    monkeypatch.setattr(chunked_loss, "LOGITS_AT_ONCE", logits_at_once)
    expected, actual = plain_loss(model), SummedLoss(model)(IDS_BT, DOC_LENGTHS, PREDICTING_N)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=0)
    expected_grads, actual_grads = gradients(model, expected), gradients(model, actual)
    assert actual_grads.keys() == expected_grads.keys()
    for name, grad in expected_grads.items():
        assert (actual_grads[name] - grad).abs().max() <= 1e-5 * grad.abs().max(), name
    with torch.no_grad():
        torch.testing.assert_close(SummedLoss(model)(IDS_BT, DOC_LENGTHS, PREDICTING_N), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_in_bf16_it_is_as_near_the_truth(tmp_path: Path, dtype: torch.dtype) -> None:
    """bf16 weights, or fp32 ones under autocast."""
    save_checkpoint(tmp_path, "llama")
    truth = plain_loss(load_model(tmp_path, dtype=torch.float64)).item()
    model = load_model(tmp_path, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.float32):
        plain, chunked = plain_loss(model), SummedLoss(model)(IDS_BT, DOC_LENGTHS, PREDICTING_N)
    assert abs(chunked.item() - truth) <= 1.1 * abs(plain.item() - truth) + 1e-4 * truth
    expected, actual = gradients(model, plain), gradients(model, chunked)
    for name, grad in expected.items():
        assert (actual[name] - grad).abs().max() <= 2**-6 * grad.abs().max(), name


def test_no_more_logits_than_it_says_exist_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, "llama")
    model = load_model(tmp_path)
    sizes: list[int] = []
    model.lm_head.register_forward_hook(lambda module, args, output: sizes.append(output.numel()))
    monkeypatch.setattr(chunked_loss, "LOGITS_AT_ONCE", 1000)
    SummedLoss(model)(IDS_BT, DOC_LENGTHS, PREDICTING_N).backward()
    assert max(sizes) <= 1000
    assert sum(sizes) == 101 * len(PREDICTING_N)
    sizes.clear()
    SummedLoss(model, is_chunked=False)(IDS_BT, DOC_LENGTHS, PREDICTING_N)
    assert sizes == [101 * len(PREDICTING_N)]
