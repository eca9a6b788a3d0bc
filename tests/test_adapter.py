"""LLaMA-Adapter: against peft's AdaptionPrompt, and that everything it should train is trained."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lit_gpt.adapter import AdapterOptions, PromptedAttention, add_adapter, load_adapter, prompted_layers, save_adapter
from lit_gpt.adapter_v2 import ScaledLinear, TrainedNorm
from lit_gpt.cards import find_card
from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.kv_cache import KVCache
from lit_gpt.model import GPT
from lit_gpt.trained import trainable_parameters
from tests.tiny import count_trainable, hf_model, save_checkpoint

IDS_BT = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])
FAMILIES = ["llama", "gpt_neox", "qwen3", "gemma2"]


def assert_close(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


def scramble(model: GPT) -> GPT:
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in trainable_parameters(model).values():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    return model


def adapted(directory: Path, is_v2: bool = False, quantize: str | None = None) -> GPT:
    model = load_model(directory, quantize=quantize)
    add_adapter(model, AdapterOptions(4, 1, is_v2), seed=3)
    return model


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp(request.param)
    save_checkpoint(directory, request.param)
    return directory


@pytest.fixture(scope="module")
def llama_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("llama")
    save_checkpoint(directory, "llama")
    return directory


@pytest.mark.parametrize("is_v2", [False, True])
def test_training_starts_at_the_base_to_the_bit(checkpoint_dir: Path, is_v2: bool) -> None:
    assert torch.equal(adapted(checkpoint_dir, is_v2)(IDS_BT), load_model(checkpoint_dir)(IDS_BT))


def test_equals_pefts_adaption_prompt(llama_dir: Path) -> None:
    """Logits and gradients; peft has one gate a layer, which is ours with the same number for every head."""
    import peft

    config = peft.AdaptionPromptConfig(task_type="CAUSAL_LM", adapter_len=4, adapter_layers=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs: Any = peft.get_peft_model(hf_model("llama"), config).eval()
    ours = adapted(llama_dir)
    (layer,) = prompted_layers(ours)
    named = dict(theirs.named_parameters())
    (prompts,) = [p for name, p in named.items() if "adaption_prompt" in name]
    (gate,) = [p for name, p in named.items() if "adaption_gate" in name]
    with torch.no_grad():
        gate.fill_(0.7)
        layer.gate.fill_(0.7)
        layer.prompts.copy_(prompts[0])
    assert_close(ours(IDS_BT), theirs(IDS_BT).logits, 1e-5)
    assert (ours(IDS_BT) - load_model(llama_dir)(IDS_BT)).abs().max() > 0.1
    ours(IDS_BT).logsumexp(-1).sum().backward()
    theirs(IDS_BT).logits.logsumexp(-1).sum().backward()
    assert_close(layer.prompts.grad, prompts.grad[0], 1e-4)
    assert_close(layer.gate.grad.sum(), gate.grad[0], 1e-4)


@pytest.mark.parametrize("quantize", [None, "nf4"])
@pytest.mark.parametrize("is_v2", [False, True])
def test_everything_that_is_said_to_be_trained_is(llama_dir: Path, is_v2: bool, quantize: str | None) -> None:
    """Lit-GPT's prompts never moved: keys and values were kept from the first pass. Here a validation comes first.

    The very first step moves the gate alone, for a gate of zero hides the prompts.
    """
    model = adapted(llama_dir, is_v2, quantize)
    frozen = {name: p.detach().clone() for name, p in model.named_parameters() if not p.requires_grad}
    start = {name: p.detach().clone() for name, p in trainable_parameters(model).items()}
    with torch.no_grad():
        model.eval()(IDS_BT)
    optimizer = torch.optim.SGD(model.train().parameters(), lr=1e-2)
    moved: list[set[str]] = []
    for _ in range(3):
        optimizer.zero_grad()
        model(IDS_BT).logsumexp(-1).sum().backward()
        optimizer.step()
        moved.append({name for name, p in trainable_parameters(model).items() if not torch.equal(p, start[name])})
    assert {name.rpartition(".")[2] for name in start.keys() - moved[0]} == {"prompts"}
    assert moved[-1] == start.keys()
    assert all(torch.equal(dict(model.named_parameters())[name], tensor) for name, tensor in frozen.items())


def test_changed_prompts_count_at_once(llama_dir: Path) -> None:
    model = scramble(adapted(llama_dir))
    with torch.no_grad():
        before = model(IDS_BT)
        next(iter(prompted_layers(model))).prompts.mul_(2)
        assert not torch.equal(model(IDS_BT), before)


@pytest.mark.parametrize("is_v2", [False, True])
def test_packed_and_cached_rows_are_the_same_texts(checkpoint_dir: Path, is_v2: bool) -> None:
    model = scramble(adapted(checkpoint_dir, is_v2))
    whole = model(IDS_BT)
    packed = model(IDS_BT.view(1, -1), doc_lengths=[6, 6]).view_as(whole)
    assert_close(packed, whole, 1e-5)
    cache = KVCache(model.config, batch_size=2, max_length=6)
    chunks = [model(ids, cache=cache) for ids in IDS_BT.split([4, 1, 1], dim=1)]
    assert_close(torch.cat(chunks, dim=1), whole, 1e-5)


@pytest.mark.parametrize("is_v2", [False, True])
def test_what_is_saved_comes_back(checkpoint_dir: Path, tmp_path: Path, is_v2: bool) -> None:
    model = scramble(adapted(checkpoint_dir, is_v2))
    save_adapter(model, AdapterOptions(4, 1, is_v2), tmp_path, "some/base")
    again = load_model(checkpoint_dir)
    load_adapter(again, tmp_path)
    assert torch.equal(again(IDS_BT), model(IDS_BT))
    assert count_trainable(again) == count_trainable(model)


def test_an_adapter_for_another_model_is_refused(llama_dir: Path, tmp_path: Path) -> None:
    save_adapter(adapted(llama_dir), AdapterOptions(4, 1), tmp_path, "base")
    save_checkpoint(tmp_path / "wide", "llama", hidden_size=96)
    with pytest.raises(UserError, match=r"prompts is \(4, 48\), not \(4, 96\)"):
        load_adapter(load_model(tmp_path / "wide"), tmp_path)
    (tmp_path / "adapter.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match="cannot be read"):
        load_adapter(load_model(llama_dir), tmp_path)


@pytest.mark.parametrize(("options", "told"), [((0, 1), "0 prompts"), ((4, -1), "layer -1"), ((4, 2), "below 2")])
def test_settings_that_cannot_work(llama_dir: Path, options: tuple[int, int], told: str) -> None:
    with pytest.raises(UserError, match=told):
        add_adapter(load_model(llama_dir), AdapterOptions(*options), seed=0)


def test_the_papers_count() -> None:
    """1.2 M for a 7B Llama: prompts of 10 in the last 30 layers (arXiv 2303.16199, table 1), and a gate a head."""
    with torch.device("meta"):
        model = GPT(find_card("meta-llama/Llama-2-7b-hf").config)
        add_adapter(model, AdapterOptions(10, 2), seed=0)
    assert count_trainable(model) == 30 * (10 * 4096 + 32) == 1_229_760


def test_version_2_trains_norms_scales_and_biases_in_fp32(llama_dir: Path) -> None:
    model = load_model(llama_dir, dtype=torch.bfloat16)
    add_adapter(model, AdapterOptions(4, 1, is_v2=True), seed=0)
    assert {p.dtype for p in trainable_parameters(model).values()} == {torch.float32}
    kinds = [type(module) for module in model.modules()]
    assert kinds.count(ScaledLinear) == 2 * 4 + 1
    assert kinds.count(TrainedNorm) == 2 * 2 + 1
    assert kinds.count(PromptedAttention) == 1
    assert kinds.count(nn.Linear) == 9
    assert model(IDS_BT).dtype == torch.bfloat16
