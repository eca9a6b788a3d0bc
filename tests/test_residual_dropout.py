"""Residual dropout against Transformers' own of GPT-2, given the same rates; and that it sleeps in evaluation."""

from pathlib import Path

import pytest
import torch

from lit_gpt.activation_checkpointing import checkpoint_blocks
from lit_gpt.checkpoint import load_model
from lit_gpt.model import GPT
from lit_gpt.residual_dropout import add_residual_dropout, layer_rates
from lit_gpt.row_random import Rows, drawing_for
from tests.tiny import save_checkpoint

IDS_BT = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])
TOP = 0.3


def test_rates_grow_linearly_from_nothing() -> None:
    assert layer_rates(4, TOP) == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert layer_rates(1, TOP) == [TOP]


def test_equals_transformers(tmp_path: Path) -> None:
    """GPT-2 drops out where LIMA does, at one rate for all layers; here each layer has its own."""
    dropouts = {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
    theirs = save_checkpoint(tmp_path, "gpt2", n_layer=3, **dropouts).train()
    for layer, rate in zip(theirs.transformer.h, layer_rates(3, TOP), strict=True):
        layer.attn.resid_dropout.p = layer.mlp.dropout.p = rate
    ours = load_model(tmp_path).train()
    add_residual_dropout(ours, TOP)
    torch.manual_seed(7)
    expected_BTV = theirs(IDS_BT).logits
    torch.manual_seed(7)
    torch.testing.assert_close(ours(IDS_BT), expected_BTV, rtol=1e-4, atol=1e-4)
    assert (expected_BTV - ours.eval()(IDS_BT)).abs().max() > 0.1


@pytest.mark.parametrize("family", ["llama", "gpt_neox", "gemma2"])
def test_what_is_added_is_what_is_dropped(family: str, tmp_path: Path) -> None:
    """At a rate of nearly one, the top layer adds nothing, whatever the order of its halves and norms."""
    save_checkpoint(tmp_path, family)
    model = load_model(tmp_path).train()
    add_residual_dropout(model, 1.0 - 1e-9)
    seen: list[torch.Tensor] = []
    top = model.transformer.h[-1]
    top.register_forward_hook(lambda block, args, output: seen.extend((args[0], output)))
    model(IDS_BT)
    torch.testing.assert_close(seen[0], seen[1])


def test_a_row_has_its_own_masks_whoever_shares_its_batch(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "llama")
    model = load_model(tmp_path).train()
    add_residual_dropout(model, TOP)
    with drawing_for(Rows([11, 12], [6, 6], [5, 5])):
        together_BTV = model(IDS_BT.view(1, -1), doc_lengths=[6, 6])
    with drawing_for(Rows([12], [6], [5])):
        alone_BTV = model(IDS_BT[1:])
    torch.testing.assert_close(together_BTV[:, 6:], alone_BTV)


def test_it_sleeps_in_evaluation_and_goes_with_checkpointing(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "llama")
    plain, dropped, forgetful = (load_model(tmp_path) for _ in range(3))
    add_residual_dropout(dropped, TOP)
    checkpoint_blocks(forgetful)
    add_residual_dropout(forgetful, TOP)
    assert torch.equal(dropped(IDS_BT), plain(IDS_BT))
    gradients = [gradient(model) for model in (dropped.train(), forgetful.train())]
    assert torch.equal(*gradients)
    assert not torch.equal(gradients[0], gradient(plain.train()))


def gradient(model: GPT) -> torch.Tensor:
    torch.manual_seed(7)
    return torch.autograd.grad(model(IDS_BT).square().mean(), model.transformer.wte.weight)[0]
