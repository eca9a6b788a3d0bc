"""Our network and transformers' give the same logits and gradients for the same weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from lit_gpt.checkpoint import load_model
from tests.tiny import save_checkpoint

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama, every head its own keys": ("llama", {"num_key_value_heads": 6}),
    "llama, grouped-query": ("llama", {"num_key_value_heads": 2}),
    "llama, multi-query": ("llama", {"num_key_value_heads": 1}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "llama, biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, head size of its own": ("llama", {"head_dim": 12}),
    "llama, other base and eps": ("llama", {"rope_theta": 500.0, "rms_norm_eps": 0.1}),
    "llama, tanh gelu": ("llama", {"hidden_act": "gelu_pytorch_tanh"}),
    "neox, parallel": ("gpt_neox", {}),
    "neox, sequential": ("gpt_neox", {"use_parallel_residual": False}),
    "neox, tied": ("gpt_neox", {"tie_word_embeddings": True}),
    "neox, no attention bias": ("gpt_neox", {"attention_bias": False}),
    "neox, rotating whole heads": (
        "gpt_neox",
        {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0, "partial_rotary_factor": 1.0}},
    ),
    "neox, rotating half": (
        "gpt_neox",
        {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}},
    ),
}


def some_ids(n_rows: int = 3, n_tokens: int = 40, vocab_size: int = 101) -> Tensor:
    return torch.randint(vocab_size, (n_rows, n_tokens), generator=torch.Generator().manual_seed(1))


def relative_gap(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.double() - theirs.double()).abs().max() / theirs.double().abs().max())


@pytest.mark.parametrize("variant", VARIANTS)
def test_fp32_logits(tmp_path: Path, variant: str) -> None:
    family, settings = VARIANTS[variant]
    theirs = save_checkpoint(tmp_path, family, **settings)
    with torch.no_grad():
        expected_BTV = theirs(some_ids()).logits
        assert relative_gap(load_model(tmp_path)(some_ids()), expected_BTV) <= 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
def test_bf16_logits_are_as_near_the_truth_as_theirs(tmp_path: Path, variant: str) -> None:
    family, settings = VARIANTS[variant]
    save_checkpoint(tmp_path, family, **settings)
    ours = load_model(tmp_path, dtype=torch.bfloat16)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    with torch.no_grad():
        truth_BTV = theirs.double()(some_ids()).logits
        their_gap = relative_gap(theirs.bfloat16()(some_ids()).logits, truth_BTV)
        assert relative_gap(ours(some_ids()), truth_BTV) <= 1.25 * their_gap


@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_gradients(tmp_path: Path, family: str) -> None:
    theirs, ours = save_checkpoint(tmp_path, family, num_hidden_layers=1), load_model(tmp_path)
    weights_BTV = torch.randn(3, 40, 101, generator=torch.Generator().manual_seed(2))
    for loss in ((ours(some_ids()) * weights_BTV).mean(), (theirs(some_ids()).logits * weights_BTV).mean()):
        loss.backward()
    input_embeddings = theirs.get_input_embeddings().weight.grad
    assert relative_gap(ours.transformer.wte.weight.grad, input_embeddings) <= 1e-5
    qkv_grad = ours.transformer.h[0].attn.qkv.weight.grad
    if family == "llama":
        attention = theirs.model.layers[0].self_attn
        expected = torch.cat([module.weight.grad for module in (attention.q_proj, attention.k_proj, attention.v_proj)])
    else:
        fused = theirs.gpt_neox.layers[0].attention.query_key_value.weight.grad
        expected = torch.cat([part.flatten(0, 1) for part in fused.view(6, 3, 8, 48).unbind(1)])
    assert relative_gap(qkv_grad, expected) <= 1e-5


def test_a_real_model(shared: Path) -> None:
    checkpoint_dir = shared / "checkpoints/karpathy/stories260K"
    theirs = AutoModelForCausalLM.from_pretrained(checkpoint_dir)
    ids_BT = some_ids(2, 300, 512)
    with torch.no_grad():
        assert relative_gap(load_model(checkpoint_dir)(ids_BT), theirs(ids_BT).logits) <= 1e-5
