"""Lean activations and attention by document: values, gradients and memory against the plain modules."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import varlen

from lit_gpt import lora_layers as lora_layers_module
from lit_gpt.activation_checkpointing import checkpoint_blocks
from lit_gpt.checkpoint import load_model
from lit_gpt.compiled_kernels import KEPT
from lit_gpt.document_attention import attend_by_document
from lit_gpt.freed_pages import keep_freed_pages
from lit_gpt.lean_activations import keep_little
from lit_gpt.lora import LoraOptions, add_lora, lora_layers
from lit_gpt.model import GPT
from lit_gpt.training.loss import SummedLoss
from tests.tiny import save_checkpoint

IDS_BT = torch.randint(101, (1, 60), generator=torch.Generator().manual_seed(3))
DOC_LENGTHS = [13, 13, 34]
PREDICTING_N = torch.tensor([*range(3, 12), *range(15, 25), *range(30, 59)])
LINEARS = ("q", "k", "v", "o", "mlp")


def both(model: GPT) -> None:
    keep_little(model)
    attend_by_document(model)


def checkpointed(model: GPT) -> None:
    keep_little(model, is_checkpointed=True)
    attend_by_document(model)
    checkpoint_blocks(model)


WAYS: dict[str, Callable[[GPT], None]] = {
    "lean": keep_little,
    "documents": attend_by_document,
    "both": both,
    "checkpointed": checkpointed,
}


def adapt(model: GPT, dropout: float = 0.0, is_decomposed: bool = False) -> GPT:
    options = LoraOptions(r=3, alpha=10, dropout=dropout, targets=LINEARS, is_decomposed=is_decomposed)
    add_lora(model, options, seed=1)
    for _, layer in lora_layers(model):
        for pair in layer.pairs.values():
            torch.nn.init.normal_(pair.B, std=0.1, generator=torch.Generator().manual_seed(2))
    return model.train()


def loss_and_gradients(model: GPT) -> tuple[Tensor, dict[str, Tensor]]:
    torch.manual_seed(4)
    device = model.lm_head.weight.device
    loss = SummedLoss(model)(IDS_BT.to(device), DOC_LENGTHS, PREDICTING_N.to(device))
    loss.backward()
    return loss.detach(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def compare(
    directory: Path, way: Callable[[GPT], None], make: Callable[[GPT], Any], within: float, **load: Any
) -> None:
    found = []
    for change in (lambda model: None, way):
        model = load_model(directory, **load)
        make(model)
        change(model)
        found.append(loss_and_gradients(model))
    (expected, expected_grads), (actual, actual_grads) = found
    torch.testing.assert_close(actual, expected, rtol=within, atol=0)
    assert actual_grads.keys() == expected_grads.keys() and expected_grads
    for name, grad in expected_grads.items():
        assert (actual_grads[name] - grad).abs().max() <= within * grad.abs().max(), name


FAMILIES = ("llama", "gemma2", "gemma3_text", "qwen3", "olmo2", "gpt_neox", "mistral", "stablelm", "falcon", "phi")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", FAMILIES)
def test_lora_gradients_are_the_plain_ones(tmp_path: Path, family: str, way: str) -> None:
    save_checkpoint(tmp_path, family)
    compare(tmp_path, WAYS[way], adapt, within=1e-5)


@pytest.mark.parametrize("way", ["both", "checkpointed"])
@pytest.mark.parametrize("family", ["llama", "gemma3_text", "olmo2"])
def test_gradients_of_every_weight_are_the_plain_ones(tmp_path: Path, family: str, way: str) -> None:
    """Norms' gains and trained linears, which keep the product of a gated MLP."""
    save_checkpoint(tmp_path, family)
    compare(tmp_path, WAYS[way], lambda model: model.requires_grad_(True), within=1e-5)


@pytest.mark.parametrize("options", [{"dropout": 0.3}, {"is_decomposed": True}])
def test_with_dropout_and_magnitudes(tmp_path: Path, options: dict[str, Any]) -> None:
    save_checkpoint(tmp_path, "llama")
    compare(tmp_path, both, lambda model: adapt(model, **options), within=1e-5)


def test_with_a_quantised_base(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "llama")
    compare(tmp_path, both, adapt, within=1e-5, quantize="nf4")


def as_near_the_truth(
    directory: Path,
    way: Callable[[GPT], None],
    device: str = "cpu",
    make: Callable[[GPT], GPT] = adapt,
    plain_way: Callable[[GPT], None] = lambda model: None,
) -> None:
    """Distance from the gradients in fp64: no farther than the plain way's in bf16."""
    truth, true_grads = loss_and_gradients(make(load_model(directory, dtype=torch.float64)))
    errors = []
    for change in (plain_way, way):
        model = make(load_model(directory, dtype=torch.bfloat16, device=device))
        change(model)
        loss, grads = loss_and_gradients(model)
        squares = [(grads[name].cpu() - grad).square().sum() / grad.square().sum() for name, grad in true_grads.items()]
        errors.append((abs(loss.cpu() - truth).item(), torch.stack(squares).mean().sqrt().item()))
    (plain_loss, plain), (fast_loss, fast) = errors
    assert fast <= 1.1 * plain
    assert fast_loss <= 1.1 * plain_loss + 1e-3 * truth.item()


@pytest.mark.parametrize("way", ["both", "checkpointed"])
def test_in_bf16_it_is_as_near_the_truth(tmp_path: Path, way: str) -> None:
    save_checkpoint(tmp_path, "llama")
    as_near_the_truth(tmp_path, WAYS[way])


def unfused(model: GPT) -> None:
    for _, layer in lora_layers(model):
        layer.is_fused = False


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_in_bf16_the_fused_updates_are_as_near_the_truth(
    tmp_path: Path, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the pairs by modules and autograd, which compute in fp32 and round once."""
    calls = []
    honest = lora_layers_module.linear_with_updates
    monkeypatch.setattr(
        lora_layers_module, "linear_with_updates", lambda *args: calls.append(args[1].dtype) or honest(*args)
    )
    save_checkpoint(tmp_path, "llama")
    make = partial(adapt, dropout=dropout)
    as_near_the_truth(tmp_path, lambda model: None, make=make, plain_way=unfused)
    assert torch.bfloat16 in calls


def test_packed_documents_do_not_see_each_other_and_cost_what_they_cost_alone(tmp_path: Path) -> None:
    """Logits and the gradient of a packed row are those of its documents, one at a time, by the plain modules."""
    save_checkpoint(tmp_path, "llama")
    packed, alone = (adapt(load_model(tmp_path)) for _ in range(2))
    both(packed)
    logits_BTV = packed(IDS_BT, doc_lengths=DOC_LENGTHS)
    documents = IDS_BT.split(DOC_LENGTHS, dim=1)
    gap = (logits_BTV - torch.cat([alone(document) for document in documents], dim=1)).abs().max()
    assert gap < 1e-5
    joined = alone(IDS_BT)  # without boundaries the later documents read the first: the gap is there to be seen
    assert (logits_BTV - joined)[:, DOC_LENGTHS[0] :].abs().max() > 1e-2
    loss, gradients = loss_and_gradients(packed)
    starts = [sum(DOC_LENGTHS[:i]) for i in range(len(DOC_LENGTHS))]
    total = torch.zeros(())
    for start, document in zip(starts, documents, strict=True):
        inside = PREDICTING_N[(start <= PREDICTING_N) & (start + document.size(1) - 1 > PREDICTING_N)] - start
        part = SummedLoss(alone, is_chunked=False)(document, [document.size(1)], inside)
        part.backward()
        total += part.detach()
    torch.testing.assert_close(loss, total, rtol=1e-5, atol=0)
    for name, parameter in alone.named_parameters():
        if parameter.grad is not None:
            largest = parameter.grad.abs().max()
            assert (gradients[name] - parameter.grad).abs().max() <= 1e-5 * largest, name


def documents_apart(q_NHD: Tensor, k_NGD: Tensor, v_NGD: Tensor, ends: Tensor, *_: Any, **how: Any) -> Tensor:
    """What torch.nn.attention.varlen.varlen_attn is documented to compute, on any device, from one mask a document."""
    left, right = how["window_size"]
    outputs = []
    for start, end in pairwise(ends.tolist()):
        back = torch.arange(end - start)[:, None] - torch.arange(end - start)
        is_seen = (-back <= right) & ((back <= left) | (left < 0))
        qkv = (x_NHD[start:end].transpose(0, 1)[None] for x_NHD in (q_NHD, k_NGD, v_NGD))
        y = F.scaled_dot_product_attention(*qkv, attn_mask=is_seen, scale=how["scale"], enable_gqa=how["enable_gqa"])
        outputs.append(y[0].transpose(0, 1))
    return torch.cat(outputs)


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma3_text", "qwen3"])
def test_varlen_is_asked_for_the_plain_attention(tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends, window, scale and groups, by a stand-in for its kernel, in fp64."""
    calls = []
    monkeypatch.setattr(varlen, "varlen_attn", lambda *a, **k: calls.append(1) or documents_apart(*a, **k))
    save_checkpoint(tmp_path, family)
    compare(tmp_path, partial(attend_by_document, way="varlen"), adapt, within=1e-9, dtype=torch.float64)
    assert calls


@pytest.mark.skipif(not torch.cuda.is_available(), reason="varlen attention's kernel is for CUDA")
@pytest.mark.parametrize("family", ["llama", "mistral"])
def test_varlen_on_a_gpu_is_as_near_the_truth(tmp_path: Path, family: str) -> None:
    save_checkpoint(tmp_path, family)
    as_near_the_truth(tmp_path, partial(attend_by_document, way="varlen"), "cuda")


def kept_bytes(model: GPT) -> int:
    """What the graph of a forward pass holds, weights aside; what hooks of others pack is theirs to hold."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.hidden(IDS_BT, doc_lengths=DOC_LENGTHS)
    return sum(kept.values())


def test_less_is_kept_for_the_way_back(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "llama", intermediate_size=256)
    plain, lean = (adapt(load_model(tmp_path)) for _ in range(2))
    both(lean)
    assert kept_bytes(lean) < 0.75 * kept_bytes(plain)


def test_generation_goes_the_plain_way_with_a_cache(tmp_path: Path) -> None:
    from lit_gpt.kv_cache import KVCache

    save_checkpoint(tmp_path, "llama")
    plain, fast = load_model(tmp_path), load_model(tmp_path)
    both(fast)
    expected = plain(IDS_BT)
    cache = KVCache(fast.config, 1, 60)
    with torch.no_grad():
        parts = [fast(ids, cache=cache) for ids in IDS_BT.split([40, 1, 19], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, rtol=1e-4, atol=1e-5)


MANY_PRODUCTS = """
import torch
from lit_gpt.compiled_kernels import KEPT, keep_few_kernels
keep_few_kernels()
weight = torch.ones(64, 64, dtype=torch.bfloat16)
with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON_CREATION):
    for n_rows in [*range(2, KEPT + {n_more}), 2]:
        torch.ones(n_rows, 64, dtype=torch.bfloat16) @ weight
"""


def test_a_kernel_is_compiled_again_once_enough_others_were() -> None:
    few, many = (_n_compiled(MANY_PRODUCTS.format(n_more=n_more)) for n_more in (2, 3))
    if not few:
        pytest.skip("this processor multiplies bf16 without oneDNN")
    assert (few, many) == (KEPT, KEPT + 2), "the first of 64 was still there, that of 65 was not"


def _n_compiled(code: str) -> int:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.count("create:cache_miss")


def test_freed_pages_are_kept_where_glibc_is_the_allocator() -> None:
    import platform

    assert keep_freed_pages() == (platform.libc_ver()[0] == "glibc")
