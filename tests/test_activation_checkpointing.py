"""Activation checkpointing changes what is kept, and no number."""

from pathlib import Path

import pytest
import torch

from lit_gpt.activation_checkpointing import checkpoint_blocks
from lit_gpt.checkpoint import load_model
from lit_gpt.lora import LoraOptions, add_lora
from lit_gpt.model import GPT
from lit_gpt.trained import trainable_parameters
from tests.tiny import save_checkpoint

IDS_BT = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])


def trained(directory: Path, quantize: str | None) -> GPT:
    model = load_model(directory, quantize=quantize)
    options = LoraOptions(r=2, alpha=4, dropout=0.5, targets=("q", "v", "mlp"))
    if quantize or directory.name == "lora":
        add_lora(model, options, seed=0)
    else:
        model.requires_grad_(True)
    return model.train()


def gradients(model: GPT) -> tuple[float, dict[str, torch.Tensor], int]:
    """The loss, its gradients, and the bytes that were kept for the way back."""
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    torch.manual_seed(0)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model(IDS_BT).logsumexp(-1).sum()
    n_bytes = sum(kept.values())
    loss.backward()
    return loss.item(), {name: p.grad for name, p in trainable_parameters(model).items()}, n_bytes


@pytest.mark.parametrize(("name", "quantize"), [("lora", None), ("full", None), ("lora", "nf4")])
def test_the_same_loss_and_gradients_to_the_bit(name: str, quantize: str | None, tmp_path: Path) -> None:
    directory = tmp_path / name
    save_checkpoint(directory, "llama")
    plain, checkpointed = (trained(directory, quantize) for _ in range(2))
    checkpoint_blocks(checkpointed)
    loss, expected, n_kept = gradients(plain)
    again, actual, n_kept_now = gradients(checkpointed)
    assert again == loss
    assert actual.keys() == expected.keys()
    assert all(torch.equal(actual[key], expected[key]) for key in expected)
    assert n_kept_now < 0.7 * n_kept


def test_names_and_evaluation_stay_as_they_are(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "llama")
    model, plain = load_model(tmp_path), load_model(tmp_path)
    checkpoint_blocks(model)
    assert model.state_dict().keys() == plain.state_dict().keys()
    with torch.no_grad():
        assert torch.equal(model(IDS_BT), plain(IDS_BT))
